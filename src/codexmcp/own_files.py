"""Ownership checks for unix sockets, their folders and lock files.

Every connection to a unix socket and every opening of a lock file uses this module. In a folder
open to all users, for example /tmp, another user can create a file of an expected name first, and
listen or lock there. Root counts as this user, because no check stops root. Imports nothing heavy:
the relay imports this module.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
import sys
from pathlib import Path

from codexmcp.errors import ForeignFileError

_ROOT = 0
_UCRED = struct.Struct("iII")
_XUCRED = struct.Struct("II")
_LOCAL_PEERCRED, _SOL_LOCAL = 0x001, 0


def make_private_folder(folder: Path) -> None:
    """Create a folder for sockets if missing, then run `check_private_folder`.

    Raises:
        ForeignFileError: Another user can write to the folder.
        OSError: The folder cannot be created.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private_folder(folder)


def check_private_folder(folder: Path) -> None:
    """Refuse a link, or a folder accessible to other users.

    Raises:
        ForeignFileError: The folder is refused.
        OSError: The folder is missing or cannot be read.
    """
    status = folder.lstat()
    remedy = "set XDG_RUNTIME_DIR to a folder of your own"
    if not stat.S_ISDIR(status.st_mode):
        raise ForeignFileError(f"{folder} is not a folder: remove it, or {remedy}")
    if not _is_ours(status.st_uid):
        raise ForeignFileError(
            f"the folder {folder} belongs to another user (uid {status.st_uid}), who could take "
            f"the place of a socket in it: remove it, or {remedy}"
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ForeignFileError(
            f"the folder {folder} is open to other users, who could take the place of a socket in "
            f"it: run `chmod 700 {folder}`, or {remedy}"
        )


def check_socket(path: Path, *, follows_link: bool = False) -> None:
    """Refuse a path other than this user's socket in a private folder.

    Args:
        path: The path.
        follows_link: Accept a link to such a socket, as Codex creates.

    Raises:
        ForeignFileError: The path is refused.
        OSError: The path is missing or cannot be read.
    """
    check_private_folder(path.parent)
    status = path.stat() if follows_link else path.lstat()
    if not is_own_socket(status):
        raise ForeignFileError(
            f"{path} is not a socket of this user: remove the file and try again"
        )


def is_own_socket(status: os.stat_result) -> bool:
    """Return whether a file is this user's socket."""
    return stat.S_ISSOCK(status.st_mode) and _is_ours(status.st_uid)


def connect(path: Path, timeout_s: float, *, follows_link: bool = False) -> socket.socket:
    """Return a connection to this user's socket, served by a process of this user.

    Args:
        path: The socket; see `check_socket`.
        timeout_s: Bound on the connect and on each later operation, in seconds.
        follows_link: See `check_socket`.

    Raises:
        ForeignFileError: The socket or the process belongs to another user.
        OSError: No process listens there.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout_s)
        check_socket(path, follows_link=follows_link)
        connection.connect(os.fspath(path))
        check_peer(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def check_peer(connection: socket.socket) -> None:
    """Refuse a peer process of another user, on either side of a unix socket.

    Raises:
        ForeignFileError: The peer belongs to another user.
    """
    uid = peer_uid(connection)
    if not _is_ours(uid):
        raise ForeignFileError(
            f"a process of another user (uid {uid}) is at the other end of the socket "
            f"{connection.getpeername() or connection.getsockname()}; run both as the same user"
        )


def check_not_sandboxed(connection: socket.socket) -> None:
    """Refuse a process in a sandbox that has connected to a unix socket of ours.

    A command that Codex has sandboxed runs as this user. With network access it can connect, and
    ask for what its sandbox denies. Linux only: elsewhere nothing tells.

    Raises:
        ForeignFileError: It is in a sandbox, and this process is not, or it has ended.
    """
    pid = _peer_pid(connection)
    # 0 is a process in another container, which no command of ours is.
    if pid and _is_sandboxed(pid):
        raise ForeignFileError(
            f"process {pid} runs in a sandbox and must not use the socket "
            f"{connection.getsockname()}: connect from outside of it"
        )


def _peer_pid(connection: socket.socket) -> int:
    if sys.platform != "linux":
        return 0
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(packed)[0])


def _is_sandboxed(pid: int) -> bool:
    """Return whether a process has fewer rights than this one, as far as the kernel tells.

    Source: `NoNewPrivs` of proc_pid_status(5) is inherited and cannot be taken back; Codex's
    sandbox sets it, with network access too (0.163.0). In a container all processes may have it,
    and the sandbox has a user namespace of its own.
    """
    if not _has_no_new_privileges("self"):
        return _has_no_new_privileges(str(pid))
    try:
        return Path(f"/proc/{pid}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
    except OSError:
        return True


def _has_no_new_privileges(pid: str) -> bool:
    """Return whether a process has given up new privileges; True for one that has ended."""
    try:
        return "\nNoNewPrivs:\t1\n" in Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return True


def peer_uid(connection: socket.socket) -> int:
    """Return the user id of the process at the other end of a unix socket.

    Source: SO_PEERCRED of unix(7); LOCAL_PEERCRED of unix(4) on macOS.
    """
    if sys.platform == "linux":
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(packed)[1])
    packed = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size)
    return int(_XUCRED.unpack(packed)[1])


def is_foreign_port(connection: socket.socket) -> bool:
    """Return whether the remote port of a TCP connection certainly belongs to another user.

    False for another machine, and on systems other than Linux: no information there.

    Source: proc_pid_net(5): port in hexadecimal after the second field's colon, 0A is listening.
    """
    host, port = connection.getpeername()[:2]
    if host != connection.getsockname()[0]:
        return False
    uids: set[int] = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    uids.add(int(fields[7]))
    return bool(uids) and not any(map(_is_ours, uids))


def open_lock(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """Return the descriptor of a lock file, or of a file locked during its use.

    The owner must be this user or the owner of the folder, who could replace the file at any time.
    A new file is private to this user: read access is enough to lock a file.

    Args:
        path: The file.
        flags: Flags of open(2).

    Raises:
        OSError: The file cannot be opened, is a link or no regular file, or belongs to another
            user.
    """
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _foreign(path, "it is a link; remove it") from error
    try:
        _check_lock(path, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_lock(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _foreign(path, "not a regular file; move it away")
    if not _is_ours(status.st_uid) and status.st_uid != path.parent.stat().st_uid:
        raise _foreign(path, f"it belongs to another user (uid {status.st_uid}); remove it")


def _foreign(path: Path, why: str) -> OSError:
    # An OSError like any failed open: the caller's message says the purpose of the file.
    return PermissionError(errno.EPERM, why, os.fspath(path))


def _is_ours(uid: int) -> bool:
    return uid in {os.geteuid(), _ROOT}
