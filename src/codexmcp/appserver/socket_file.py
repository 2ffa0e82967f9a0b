"""The file and the folder of a unix socket that Codex is to listen on.

Promises: the folder is ours alone, the path is free and short enough, else the error says what to
change; and nothing is left at the end. Must not know who listens.

Source: 0.153.4 binds the path itself. 0.163.0 and 0.169.0 bind `/tmp/codex-daemon-UID/HASH`, which
sandboxed commands cannot connect to, and make the path a link to it. All replace what is stale.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
from pathlib import Path

from codexmcp.errors import ConfigurationError

MAX_PATH_BYTES = 107 if sys.platform == "linux" else 103
"""Longest path of a socket. Source: `sun_path` holds 108 bytes on Linux and 104 on macOS and the
BSDs, the final zero included."""


def prepare_socket(path: Path) -> None:
    """Make a path ready to be listened on: make its folder, see that nobody uses it.

    Raises:
        ConfigurationError: It is too long, its folder is not ours alone, or it is taken.
    """
    size_bytes = len(os.fsencode(path))
    if size_bytes > MAX_PATH_BYTES:
        raise ConfigurationError(
            f"the socket path {path} has {size_bytes} bytes, and the system allows "
            f"{MAX_PATH_BYTES}; use a shorter folder, for example with a shorter CODEX_HOME"
        )
    try:
        _make_private_folder(path.parent)
        _expect_free(path)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make room for a socket at {path}: {error.strerror}; make "
            f"{path.parent} a folder that you may write to"
        ) from error


def remove_socket(path: Path) -> None:
    """Remove a socket that nobody listens on any more, and what a link to one leads to."""
    with contextlib.suppress(OSError):
        target = path.resolve()
        if target.is_socket():
            target.unlink(missing_ok=True)
        if path.is_symlink():
            path.unlink(missing_ok=True)


def _make_private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise ConfigurationError(
            f"the folder {folder} belongs to another user, who could take the place of a socket "
            "in it; use a folder of your own"
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigurationError(
            f"the folder {folder} is open to other users, and a socket in it would be, too; "
            f"run `chmod 700 {folder}` or use another folder"
        )


def _expect_free(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigurationError(f"{path} is no socket; move it away or use another path")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
    raise ConfigurationError(f"another process listens at {path}; end it or use another path")
