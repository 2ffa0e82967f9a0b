from __future__ import annotations

import os
import resource
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.hello import Hello, welcome
from codexmcp.supervisor.start import Starter, SupervisorConnector

BOUND_S = 20.0
HELLO = Hello([], "/w", {}, "1")
NO_PROGRAM = Starter(["/nonexistent/codexmcp"], {})


def listener(address: Address) -> socket.socket:
    """Listen where a supervisor does."""
    address.socket.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.settimeout(BOUND_S)
    listening.bind(os.fspath(address.socket))
    listening.listen()
    return listening


def take_in(listening: socket.socket, *, is_kept: bool) -> None:
    """Take one client in and end, as a supervisor that is killed."""
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as said:
        said.readline()
        connection.sendall(welcome(is_kept=is_kept))


@pytest.fixture
def address(tmp_path: Path) -> Address:
    tmp_path.chmod(0o700)
    return Address(tmp_path, "x")


def connected_once(address: Address, *, is_kept: bool) -> SupervisorConnector:
    """Return the way of a client whose supervisor has ended."""
    way = SupervisorConnector(address, HELLO, NO_PROGRAM)
    with ThreadPoolExecutor() as threads, listener(address) as listening:
        serving = threads.submit(take_in, listening, is_kept=is_kept)
        way.connect().close()
        serving.result(BOUND_S)
    return way


def test_one_that_clients_had_started_is_started_again_at_once(address: Address) -> None:
    way = connected_once(address, is_kept=False)
    with pytest.raises(ConfigurationError, match="cannot start the supervisor"):
        way.connect()


def test_one_that_somebody_keeps_is_waited_for(address: Address) -> None:
    way = connected_once(address, is_kept=True)
    with ThreadPoolExecutor() as threads:
        connecting = threads.submit(way.connect)
        with listener(address) as listening:
            take_in(listening, is_kept=True)
        connecting.result(BOUND_S).close()


def test_a_lock_that_cannot_be_opened_is_told_with_its_name(address: Address) -> None:
    # A folder, because root may open what belongs to others.
    address.start_lock.mkdir()
    with pytest.raises(ConfigurationError, match=str(address.start_lock)):
        SupervisorConnector(address, HELLO, NO_PROGRAM).connect()


def test_a_lack_of_descriptors_is_told(address: Address) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(ConfigurationError, match="ulimit -n"):
            SupervisorConnector(address, HELLO, NO_PROGRAM).connect()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
