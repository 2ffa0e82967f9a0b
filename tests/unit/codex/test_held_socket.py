from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.codex.held_socket import held_socket
from codexmcp.errors import ConfigurationError


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's path has a bound that the folders of tests exceed.
    with tempfile.TemporaryDirectory(prefix="held-") as made:
        yield Path(made)


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(path))
    listener.listen()
    listener.settimeout(5)
    return listener


def reaches(path: Path, listener: socket.socket) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(path))
        listener.settimeout(0)
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


def test_the_socket_is_reached_by_the_link_and_by_the_path_that_is_given(folder: Path) -> None:
    with listening(folder / "s") as listener:
        with held_socket(folder / "s", folder / "link") as steady:
            assert reaches(steady, listener)
            assert reaches(folder / "link", listener)
        assert not (folder / "link").is_symlink()


def test_what_is_put_in_its_place_is_not_reached(folder: Path) -> None:
    with (
        listening(folder / "s") as listener,
        listening(folder / "other") as other,
        held_socket(folder / "s", folder / "link") as steady,
    ):
        (folder / "s").unlink()
        (folder / "s").symlink_to(folder / "other")
        assert reaches(steady, listener)
        assert reaches(folder / "link", listener)
        assert not reaches(steady, other)


def test_a_link_that_is_there_from_the_start_is_refused(folder: Path) -> None:
    with listening(folder / "other"):
        (folder / "s").symlink_to(folder / "other")
        with (
            pytest.raises(ConfigurationError, match="not a socket of this user"),
            held_socket(folder / "s", folder / "link"),
        ):
            pass


def test_a_link_that_a_killed_supervisor_left_is_replaced(folder: Path) -> None:
    (folder / "link").symlink_to("/proc/4194305/fd/3")
    with (
        listening(folder / "s") as listener,
        held_socket(folder / "s", folder / "link"),
    ):
        assert reaches(folder / "link", listener)
