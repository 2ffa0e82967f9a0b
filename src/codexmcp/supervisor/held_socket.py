"""Holds on to a socket whose file somebody else could put another one in the place of.

A container has the folder of the socket that leads into it. A link that one of its commands put
there would lead us to another app-server, outside of the container. Linux only.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Generator
from pathlib import Path

from codexmcp.errors import ConfigurationError


@contextlib.contextmanager
def held_socket(path: Path, link: Path) -> Generator[Path, None, None]:
    """Yield a path that leads to a socket as it is now while the block runs.

    Args:
        path: The socket. Nobody else may have had to do with it until now.
        link: Absolute path where processes of ours find it; what is there is replaced.

    Raises:
        ConfigurationError: It is no socket of ours, or the link cannot be made.
    """
    try:
        # The file itself is held, not what it is called.
        held = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    try:
        status = os.fstat(held)
        if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.geteuid():
            raise _unusable(path, "it is no socket of ours")
        # By our process id, because others come by it as well.
        steady = Path(f"/proc/{os.getpid()}/fd/{held}")
        with _linked(link, steady):
            yield steady
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
        f"the socket {path}, which leads to Codex in its container, cannot be used: {why}; start "
        "Codex anew, and see that its folder can be written to"
    )
