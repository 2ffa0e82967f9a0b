from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codexmcp import own_files
from codexmcp.errors import ForeignFileError
from codexmcp.own_files import check_private_folder, check_socket, connect, open_lock

STRANGER = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's path has a bound that the folders of tests exceed.
    with tempfile.TemporaryDirectory(prefix="own-") as made:
        yield Path(made)


@pytest.fixture
def listener(folder: Path) -> Iterator[socket.socket]:
    """A socket at `folder / "s"` that we listen on."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(folder / "s"))
        listening.listen()
        yield listening


def as_strangers(status: os.stat_result) -> os.stat_result:
    """Return the status of a file as if it belonged to another user."""
    return os.stat_result([*status[:4], STRANGER, *status[5:]])


@pytest.fixture
def give_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Make a path look like another user's."""

    def give(which: Path) -> None:
        real = Path.lstat
        monkeypatch.setattr(
            Path, "lstat", lambda path: as_strangers(real(path)) if path == which else real(path)
        )

    return give


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o722, 0o755, 0o777, 0o1777])
def test_a_folder_that_is_open_to_others_is_refused(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(ForeignFileError, match=f"chmod 700 {folder}"):
        check_private_folder(folder)
    folder.chmod(0o700)


def test_a_folder_of_another_user_is_refused(
    folder: Path, give_away: Callable[[Path], None]
) -> None:
    give_away(folder)
    with pytest.raises(ForeignFileError, match=r"belongs to another user.*XDG_RUNTIME_DIR"):
        check_private_folder(folder)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_stands_in_the_place_of_a_folder_is_refused(folder: Path, kind: str) -> None:
    (folder / "real").mkdir(mode=0o700)
    (folder / "file").write_text("")
    (folder / "link").symlink_to(folder / "real")
    with pytest.raises(ForeignFileError, match="is not a folder"):
        check_private_folder(folder / kind)


def test_our_own_socket_is_connected_to(folder: Path, listener: socket.socket) -> None:
    with connect(folder / "s", 5.0) as connection:
        assert connection.gettimeout() == 5.0


def test_a_link_is_followed_only_where_one_is_expected(
    folder: Path, listener: socket.socket
) -> None:
    (folder / "link").symlink_to(folder / "s")
    with pytest.raises(ForeignFileError, match="not a socket of this user"):
        connect(folder / "link", 5.0)
    connect(folder / "link", 5.0, follows_link=True).close()


def test_a_path_by_a_descriptor_of_ours_is_one_of_our_own(
    folder: Path, listener: socket.socket
) -> None:
    held = os.open(folder / "s", os.O_PATH)
    try:
        steady = Path(f"/proc/{os.getpid()}/fd/{held}")
        connect(steady, 5.0, follows_link=True).close()
    finally:
        os.close(held)


def test_another_users_socket_is_refused(
    folder: Path, listener: socket.socket, give_away: Callable[[Path], None]
) -> None:
    give_away(folder / "s")
    with pytest.raises(ForeignFileError, match="not a socket of this user"):
        check_socket(folder / "s")


def test_another_users_process_behind_a_socket_is_sent_nothing(
    folder: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_files, "peer_uid", lambda _connection: STRANGER)
    with pytest.raises(ForeignFileError, match=f"uid {STRANGER}.*{folder / 's'}"):
        connect(folder / "s", 5.0)
    with listener.accept()[0] as accepted:
        assert accepted.recv(1) == b""


def test_the_peer_of_a_connection_is_told_at_both_ends(
    folder: Path, listener: socket.socket
) -> None:
    with connect(folder / "s", 5.0) as ours, listener.accept()[0] as theirs:
        assert own_files.peer_uid(ours) == own_files.peer_uid(theirs) == os.geteuid()


def test_a_lock_is_for_this_user_alone_and_not_inherited(folder: Path) -> None:
    fd = open_lock(folder / "lock")
    try:
        assert os.fstat(fd).st_mode & 0o777 == 0o600
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


def test_a_lock_that_is_no_file_of_our_own_is_refused(folder: Path) -> None:
    (folder / "elsewhere").write_text("")
    (folder / "link").symlink_to(folder / "elsewhere")
    (folder / "dangling").symlink_to(folder / "made")
    os.mkfifo(folder / "pipe")
    for name, why in (("link", "a link"), ("dangling", "a link"), ("pipe", "not a regular file")):
        for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT):
            with pytest.raises(PermissionError, match=why):
                open_lock(folder / name, flags)
    assert not (folder / "made").exists()


def test_a_lock_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.close(open_lock(folder / "lock"))
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda fd: as_strangers(real(fd)))
    with pytest.raises(PermissionError, match=f"another user \\(uid {STRANGER}\\)"):
        open_lock(folder / "lock")


CONNECT = """
import ctypes, os, socket, sys
if sys.argv[2] == "sandboxed":
    assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
if sys.argv[2] != "ended":
    connection.recv(1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="nothing tells elsewhere")
@pytest.mark.parametrize("kind", ["plain", "sandboxed", "ended"])
def test_a_sandboxed_process_is_refused_that_connects(
    folder: Path, listener: socket.socket, kind: str
) -> None:
    command = [sys.executable, "-c", CONNECT, os.fspath(folder / "s"), kind]
    with subprocess.Popen(command) as process:
        with listener.accept()[0] as accepted:
            if kind == "ended":
                process.wait(30.0)
            if kind == "plain":
                own_files.check_not_sandboxed(accepted)
            else:
                with pytest.raises(ForeignFileError, match="runs in a sandbox"):
                    own_files.check_not_sandboxed(accepted)
        assert process.wait(30.0) == 0
