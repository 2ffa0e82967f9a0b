from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.appserver.socket_file import MAX_PATH_BYTES, prepare_socket, remove_socket
from codexmcp.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def listener(folder: Path) -> Iterator[socket.socket]:
    """A socket at `folder / "s"` that somebody listens on."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(folder / "s"))
        listening.listen()
        yield listening


def test_a_missing_folder_is_made_for_us_alone(folder: Path) -> None:
    prepare_socket(folder / "new" / "s")
    assert (folder / "new").stat().st_mode & 0o777 == 0o700


def test_a_socket_that_was_left_there_does_not_matter(
    folder: Path, listener: socket.socket
) -> None:
    (folder / "link").symlink_to(folder / "s")
    (folder / "nowhere").symlink_to(folder / "missing")
    listener.close()
    for name in ("s", "link", "nowhere"):
        prepare_socket(folder / name)


@pytest.mark.parametrize("name", ["s", "link"])
def test_a_socket_in_use_is_left_alone(folder: Path, listener: socket.socket, name: str) -> None:
    (folder / "link").symlink_to(folder / "s")
    with pytest.raises(ConfigurationError, match="another process listens"):
        prepare_socket(folder / name)
    assert (folder / name).is_socket()


def test_a_link_is_removed_with_the_socket_it_leads_to(
    folder: Path, listener: socket.socket
) -> None:
    (folder / "link").symlink_to(folder / "s")
    remove_socket(folder / "link")
    assert list(folder.iterdir()) == []


def test_removing_takes_sockets_and_links_only(folder: Path) -> None:
    (folder / "file").write_text("mine")
    (folder / "link").symlink_to(folder / "file")
    remove_socket(folder / "file")
    remove_socket(folder / "link")
    remove_socket(folder / "missing")
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_file_that_is_no_socket_is_left_alone(folder: Path) -> None:
    (folder / "s").write_text("mine")
    with pytest.raises(ConfigurationError, match="is not a socket"):
        prepare_socket(folder / "s")
    assert (folder / "s").read_text() == "mine"


def test_a_folder_that_others_may_enter_is_refused(folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(ConfigurationError, match=f"chmod 700 {folder}"):
        prepare_socket(folder / "s")


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"Not a directory|File exists"):
        prepare_socket(folder / "file" / "deeper" / "s")


@pytest.mark.parametrize("character", ["x", "é"])
def test_a_path_is_measured_in_bytes(folder: Path, character: str) -> None:
    room = MAX_PATH_BYTES - len(os.fsencode(folder)) - 1
    fits = character * (room // len(character.encode()))
    prepare_socket(folder / fits)
    with pytest.raises(ConfigurationError, match=f"the system allows {MAX_PATH_BYTES}"):
        prepare_socket(folder / (fits + character))


def test_the_longest_path_can_be_listened_on(folder: Path) -> None:
    path = folder / ("x" * (MAX_PATH_BYTES - len(os.fsencode(folder)) - 1))
    prepare_socket(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(path))
