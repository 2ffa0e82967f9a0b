"""Every place that connects to a socket or opens a lock file, and that none uses a stranger's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from codexmcp import own_files
from codexmcp.appserver.backfill import Backfill, is_abandoned
from codexmcp.appserver.socket_file import prepare_socket
from codexmcp.appserver.websocket import WebSocketStream
from codexmcp.cli import serve_supervisors
from codexmcp.codex.container.home import container_home
from codexmcp.errors import CodexMCPError, ForeignFileError
from codexmcp.home.applying import locked
from codexmcp.http.persist import Persisted
from codexmcp.http.token_files import TokenFiles
from codexmcp.jsonrpc import messages
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.ownership import is_dead
from codexmcp.runs.store import Owner
from codexmcp.supervisor import attaching, registry, start
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.hello import Hello
from tests.support.audit import a_run
from tests.support.index_claim import make_index
from tests.support.sources import texts

STRANGER = 65534
HELLO = Hello([], "/w", {"SECRET": "x"}, "1")
STARTER = start.Starter(["/nonexistent/codexmcp"], {})
BOUND_S = 20.0

CONNECTING = re.compile(r"\bAF_UNIX\b|\bopen_unix_connection\b|\bcreate_unix_connection\b")
CONNECTS = {
    # It is the one that checks.
    "own_files.py": 1,
    # Checks by `check_socket` and `check_peer`: it needs a connection of the event loop.
    "appserver/websocket.py": 1,
    # In a container, where all processes are one user: both paths come from its command line.
    "codex/container/inside.py": 2,
}
LISTENING = re.compile(r"\bstart_unix_server\b|\bcreate_unix_server\b")
LISTENS = {
    # After `prepare_socket`, which makes and checks the folder.
    "supervisor/listening.py": 1,
    # In a folder that it has just made itself.
    "codex/container/running.py": 1,
    "codex/container/inside.py": 1,
}
LOCKING = re.compile(r"\b(?:flock|lockf)\(")
LOCKS_OTHERWISE = {
    # Files of the audit, which `runs.audit.files` opens by the descriptor of their folder.
    "runs/audit/appender.py",
    "runs/audit/prune.py",
    "runs/audit/reindex.py",
    # Names it in a comment.
    "codex/writer.py",
}


@cache
def found(pattern: re.Pattern[str]) -> Counter[str]:
    """Return how often a pattern is in each file of the sources."""
    counts = {name: len(pattern.findall(text)) for name, text in texts().items()}
    return Counter({name: count for name, count in counts.items() if count})


def test_all_that_connects_or_listens_is_known() -> None:
    assert found(CONNECTING) == CONNECTS
    assert found(LISTENING) == LISTENS


def test_all_that_locks_opens_by_the_one_function() -> None:
    assert (
        found(LOCKING).keys()
        == found(re.compile(r"\bopen_lock\(")).keys() - {"own_files.py"} | LOCKS_OTHERWISE
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's path has a bound that the folders of tests exceed.
    with tempfile.TemporaryDirectory(prefix="own-") as made:
        yield Path(made)


def by_address(path: Path) -> None:
    """`serve --status`, `serve --stop`, and a relay whose supervisor is gone."""
    start.connect(Address(path.parent, path.stem), HELLO, None)


def by_starting(path: Path) -> None:
    """A relay, `runs start`: they start one where there is none."""
    start.connect(Address(path.parent, path.stem), HELLO, STARTER)


def by_registry(path: Path) -> None:
    """The same, when the entry in the home names another runtime folder."""
    home = path.parent.parent / "home"
    address = Address(home / "runtime", path.stem, home / "registry")
    claim = registry.AddressClaim.take(address.lock)
    assert claim is not None
    claim.tell(str(path))
    try:
        start.connect(address, HELLO, None)
    finally:
        claim.release()


def by_store(path: Path) -> None:
    """`runs`, the picker and attaching: the store names the socket."""
    attaching.connect_to(Owner("o", 1, str(path), "g"), Path("/w"), {})


def by_attaching(path: Path) -> None:
    """Codex's terminal, which connects to app-server itself."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        theirs.recv(65536)
        told = {"codex": "/codex", "codexSocket": str(path), "threadId": "t"}
        theirs.sendall(messages.encode_result(messages.Dialect.MCP, "ask", told))

    with ours, theirs, ThreadPoolExecutor() as threads:
        answering = threads.submit(answer)
        attaching.attach_command(ours, a_run(), path.parent, {}, timeout_s=BOUND_S)
        answering.result(BOUND_S)


def by_websocket(path: Path) -> None:
    """The supervisor, to its app-server, in a container as well."""
    asyncio.run(WebSocketStream.open(path, timeout_s=BOUND_S))


DOORS = [by_address, by_starting, by_registry, by_store, by_attaching, by_websocket, prepare_socket]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("how", ["open folder", "foreign peer"])
def test_a_strangers_socket_is_sent_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, door: Callable[[Path], None], how: str
) -> None:
    monkeypatch.setattr(start, "REACH_S", 0.05)
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(os.fspath(runtime / "x.sock"))
        stranger.listen()
        stranger.setblocking(False)  # noqa: FBT003 - its only form
        if how == "open folder":
            runtime.chmod(0o755)
        else:
            monkeypatch.setattr(own_files, "peer_uid", lambda _connection: STRANGER)
        with pytest.raises(CodexMCPError) as raised:
            door(runtime / "x.sock")
        assert told(stranger) == b""
    # In its own folder a supervisor is started instead, and this one cannot be.
    if door is not by_starting or how == "open folder":
        assert isinstance(raised.value, ForeignFileError), raised.value


def told(stranger: socket.socket) -> bytes:
    """Return all that those who connected have said."""
    said = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            with stranger.accept()[0] as accepted:
                accepted.settimeout(BOUND_S)
                said += accepted.recv(65536)
    return said


def test_the_status_of_http_is_not_that_of_another_users_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nServer: codexmcp\r\nContent-Length: 0\r\n\r\n"

    def serve() -> None:
        for _ in range(2):
            with listening.accept()[0] as accepted:
                accepted.recv(65536)
                accepted.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as threads:
        listening.settimeout(BOUND_S)
        serving = threads.submit(serve)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        assert serve_supervisors.is_up(url)
        monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
        # Root's port is believed, and tests may be root's.
        monkeypatch.setattr(own_files, "_ROOT", STRANGER)
        assert not serve_supervisors.is_up(url)
        serving.result(BOUND_S)


def claim_of_codex(lock: Path) -> None:
    """Look whether a claim of Codex to its index is abandoned."""
    file = lock.with_name(lock.name.removesuffix("-shm"))
    assert not is_abandoned(Backfill(file, "", 0))


def tokens(lock: Path) -> None:
    """Change the tokens."""
    TokenFiles(lock.parent).add("t", ["read"])


def telemetry(lock: Path) -> None:
    """Be the one that writes the telemetry."""

    async def keep() -> None:
        async with Persisted(lock.with_suffix(""), Redactor(())).kept():
            pass

    asyncio.run(keep())


def home_of_container(lock: Path) -> None:
    """Have a container's home."""

    async def use() -> None:
        async with container_home(lock.with_suffix("")):
            pass

    asyncio.run(use())


def starting(lock: Path) -> None:
    """Be the one client that starts a supervisor."""
    start.connect(Address(lock.parent, lock.stem), HELLO, STARTER)


def home(lock: Path) -> None:
    """Change a home."""
    with locked(lock.parent):
        pass


def owner(lock: Path) -> None:
    """Look whether the owner of runs has died: nothing is known of it."""
    assert not is_dead(lock.parent, lock.stem)


def entry(lock: Path) -> None:
    """Look for a supervisor."""
    assert registry.entry(lock) is None


LOCKS = {
    "appserver/backfill.py": (claim_of_codex, "state_5.sqlite-shm"),
    "home/applying.py": (home, ".codexmcp.lock"),
    "codex/container/home.py": (home_of_container, "h.lock"),
    "http/persist.py": (telemetry, "telemetry.json.lock"),
    "http/token_files.py": (tokens, ".lock"),
    "runs/ownership.py": (owner, "o.lock"),
    "supervisor/registry.py": (entry, "x.lock"),
    "supervisor/start.py": (starting, "x.start"),
}


def test_the_table_of_locks_is_whole() -> None:
    assert LOCKS.keys() == found(LOCKING).keys() - LOCKS_OTHERWISE


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_is_a_link_is_neither_followed_nor_believed(folder: Path, name: str) -> None:
    door, lock = LOCKS[name]
    if name == "appserver/backfill.py":
        make_index(folder)
        (folder / lock).unlink(missing_ok=True)
    (folder / lock).symlink_to(folder / "made")
    with contextlib.suppress(CodexMCPError):
        door(folder / lock)
    assert not (folder / "made").exists()
