"""Holds a socket whose file may be replaced by an attacker.

A container has write access to the folder of the socket into the container. A link from one of the
container's commands could lead to another app-server, outside the container. Linux only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.own_files import is_own_socket


@contextlib.contextmanager
def held_socket(path: Path, link: Path) -> Generator[Path, None, None]:
    """Yield a stable path to a socket during the block.

    Args:
        path: The socket, not yet exposed to others.
        link: Absolute path for own processes; an existing file is replaced.

    Raises:
        ConfigurationError: Not an own socket, or the link cannot be created.
    """
    try:
        # The descriptor holds the file, independent of the name.
        held = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    try:
        status = os.fstat(held)
        if not is_own_socket(status):
            raise _unusable(path, "not a socket of this user")
        # With the process id, because other processes use the path, too.
        stable = Path(f"/proc/{os.getpid()}/fd/{held}")
        with _linked(link, stable):
            yield stable
    finally:
        os.close(held)


@contextlib.contextmanager
def _linked(link: Path, target: Path) -> Generator[None, None, None]:
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    except OSError as error:
        raise _unusable(link, error.strerror or str(error)) from error
    try:
        yield
    finally:
        link.unlink(missing_ok=True)


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"cannot use the socket {path} to Codex in the container: {why}; make the folder "
        "writable, and start Codex again"
    )
