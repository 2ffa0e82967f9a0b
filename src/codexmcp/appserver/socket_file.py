"""The file and the folder of a unix socket for Codex to listen on.

Promises: the folder is private, the path is free and short enough, otherwise the error has the
remedy; nothing is left at the end. Must not depend on the listener.

Source: 0.153.4 binds the path itself. 0.163.0 and 0.169.0 bind `/tmp/codex-daemon-UID/HASH`,
inaccessible to sandboxed commands, and make the path a link there. All replace stale files.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Generator
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.own_files import connect, make_private_folder

MAX_PATH_BYTES = 107 if sys.platform == "linux" else 103
"""Longest path of a socket. Source: `sun_path` has 108 bytes on Linux and 104 on macOS and the
BSDs, including the final zero."""

_PROBE_S = 1.0


def prepare_socket(path: Path) -> None:
    """Prepare a path for a listener: create the folder, check for other users of the path.

    Raises:
        ConfigurationError: The path is too long or in use, or the folder is not private.
    """
    size_bytes = len(os.fsencode(path))
    if size_bytes > MAX_PATH_BYTES:
        raise ConfigurationError(
            f"the socket path {path} has {size_bytes} bytes, and the system allows "
            f"{MAX_PATH_BYTES}; use a shorter folder, for example with a shorter CODEX_HOME"
        )
    try:
        make_private_folder(path.parent)
        _expect_free(path)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make room for a socket at {path}: {error.strerror}; make "
            f"{path.parent} a folder that you may write to"
        ) from error


def remove_socket(path: Path) -> None:
    """Remove an unused socket, and the target of a link to a socket."""
    with contextlib.suppress(OSError):
        target = path.resolve()
        if target.is_socket():
            target.unlink(missing_ok=True)
        if path.is_symlink():
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def stable_path(path: Path) -> Generator[Path, None, None]:
    """Yield a path to a socket that survives a deletion of the file during the block.

    On systems other than Linux, yields the path itself. At the end, the target is removed: after a
    deletion of `path`, no other process could find the target.

    Source: unix(7) and proc_pid_fd(5): connect() follows the descriptor to the inode, and the
    listener is bound to the inode, independent of the name.
    """
    if sys.platform != "linux":
        yield path
        return
    try:
        target = path.resolve()
        held = os.open(target, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield path
        return
    try:
        # With the process id, because other processes use the path, too.
        yield Path(f"/proc/{os.getpid()}/fd/{held}")
    finally:
        os.close(held)
        remove_socket(target)


def _expect_free(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigurationError(f"{path} is not a socket; move it away or use another path")
    try:
        connect(path, _PROBE_S, follows_link=True).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return
    raise ConfigurationError(f"another process listens at {path}; end it or use another path")
