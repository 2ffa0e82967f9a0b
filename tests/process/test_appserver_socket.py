"""One real app-server on a unix socket, with several connections."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path

import pytest

from codexmcp.appserver import shared as shared_module
from codexmcp.appserver.child import Child
from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import ConnectionLost, TurnCompleted, TurnStatus
from codexmcp.appserver.launch import DELTAS, LaunchOptions
from codexmcp.appserver.requests import ThreadOptions, TurnOptions, text_input
from codexmcp.appserver.shared import SharedAppServer
from codexmcp.appserver.socket_file import remove_socket, stable_path
from codexmcp.codex.unloading import unload
from codexmcp.codex.writer import holder_of
from codexmcp.errors import AppServerClosedError, CodexBinaryError, ConfigurationError
from codexmcp.jsonrpc import messages
from codexmcp.testing import (
    Deltas,
    Message,
    Reply,
    Request,
    ScriptedModel,
    Stall,
    Text,
)
from tests.support.builds import pinned_codex
from tests.support.model_steps import escalated
from tests.support.processes import is_alive, processes_of, until
from tests.support.real_app_server import (
    BOUND_S,
    UNCONFINED,
    Conversation,
    Listener,
    environment,
    launch_options,
)

DELTA = "item/agentMessage/delta"
ASKING = ThreadOptions(sandbox="read-only", approval_policy="on-request")
ESCALATED = escalated("true")


@pytest.fixture
def path(codex_home: Path) -> Path:
    return codex_home / "run" / "s"


@pytest.fixture
async def shared(
    codex_home: Path, model: ScriptedModel, path: Path
) -> AsyncIterator[SharedAppServer]:
    options = launch_options(codex_home, model.base_url)
    async with SharedAppServer.launch(options, path) as started:
        yield started


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as connections:
        yield connections


async def conversation(server: AppServer, options: ThreadOptions = UNCONFINED) -> Conversation:
    return Conversation(server, (await server.start_thread(options)).id)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def realpath(path: Path) -> Path:
    """Return where Codex has bound a socket: newer builds make the path a link."""
    return path.resolve()


def fake_codex(folder: Path, script: str) -> LaunchOptions:
    """Return how to start a shell script in place of Codex."""
    codex = folder / "codex"
    codex.write_text(f"#!/bin/sh\n{script}\n")
    codex.chmod(0o755)
    return LaunchOptions(codex, environment(folder))


async def test_each_connection_chooses_what_it_hears(
    shared: SharedAppServer, stack: AsyncExitStack, model: ScriptedModel
) -> None:
    model.add(Text("first"), Deltas("word ", 50))
    quiet = await stack.enter_async_context(shared.connect(opt_out=DELTAS))
    full = await stack.enter_async_context(shared.connect())
    talk = await conversation(quiet)
    await talk.say("begin")
    await full.resume_thread(talk.thread_id, ThreadOptions())
    heard = Listener()
    with full.listen(talk.thread_id, heard):
        result = await talk.say("stream")
        await asyncio.wait_for(heard.wait_for("turn/completed"), BOUND_S)
    assert result.message == "word " * 50
    assert DELTA not in {event.method for event in talk.heard.events}
    assert sum(event.method == DELTA for event in heard.events) == 50


async def test_a_connection_that_closes_leaves_the_process_and_its_turn(
    shared: SharedAppServer, model: ScriptedModel
) -> None:
    release = asyncio.Event()

    async def held(_: Request) -> Text:
        await release.wait()
        return Text("the end")

    model.add(Text("first"), held)
    async with shared.connect() as leaving:
        talk = await conversation(leaving)
        await talk.say("begin")
        await leaving.start_turn(talk.thread_id, [text_input("take long")], TurnOptions())
        await model.wait_for_requests(2, timeout_s=BOUND_S)
    async with shared.connect() as staying:
        heard = Listener()
        with staying.listen(talk.thread_id, heard):
            await staying.resume_thread(talk.thread_id, ThreadOptions())
            release.set()
            end = await heard.wait_for("turn/completed")
    assert type(end) is TurnCompleted
    assert end.status is TurnStatus.COMPLETED


async def test_an_approval_is_answered_by_whichever_connection_answers_first(
    shared: SharedAppServer, stack: AsyncExitStack, model: ScriptedModel
) -> None:
    model.add(Text("first"), ESCALATED, Reply((Message("allowed"),)))
    asked = asyncio.Event()

    async def never(_: messages.Request) -> object:
        asked.set()
        return await asyncio.Event().wait()

    async def accept(_: messages.Request) -> object:
        await asked.wait()
        return {"decision": "accept"}

    ours = await stack.enter_async_context(shared.connect(on_request=never))
    human = await stack.enter_async_context(shared.connect(on_request=accept))
    talk = await conversation(ours, ASKING)
    await talk.say("begin")
    await human.resume_thread(talk.thread_id, ThreadOptions())
    result = await talk.say("escalate")
    assert (result.status, result.message) == (TurnStatus.COMPLETED, "allowed")
    assert "serverRequest/resolved" in {event.method for event in talk.heard.events}


async def test_the_death_of_the_process_ends_every_connection_with_its_cause(
    shared: SharedAppServer, stack: AsyncExitStack, model: ScriptedModel
) -> None:
    model.add(Stall())
    one = await stack.enter_async_context(shared.connect())
    other = await stack.enter_async_context(shared.connect())
    talk = await conversation(one)
    turn = talk.begin("take long")
    await talk.heard.wait_for("turn/started")
    os.kill(shared.pid, signal.SIGKILL)
    cause = await asyncio.wait_for(shared.ended(), BOUND_S)
    assert cause.reason == "`codex app-server` ended: codex was ended by SIGKILL"
    with pytest.raises(AppServerClosedError, match="codex was ended by SIGKILL"):
        await asyncio.wait_for(turn, BOUND_S)
    assert any(type(event) is ConnectionLost for event in talk.heard.events)
    await asyncio.wait_for(other.closed.wait(), BOUND_S)
    assert other.closed_by is not None
    assert other.closed_by.reason == cause.reason
    with pytest.raises(AppServerClosedError, match="codex was ended by SIGKILL"):
        async with shared.connect():
            pass


async def test_a_running_turn_does_not_hold_the_end_up(
    codex_home: Path, model: ScriptedModel, path: Path
) -> None:
    model.add(Stall())
    loop = asyncio.get_running_loop()
    options = launch_options(codex_home, model.base_url)
    async with SharedAppServer.launch(options, path) as shared:
        async with shared.connect() as server:
            talk = await conversation(server)
            turn = talk.begin("take long")
            await talk.heard.wait_for("turn/started")
        await asyncio.wait({turn}, timeout=BOUND_S)
        assert isinstance(turn.exception(), AppServerClosedError)
        began = loop.time()
    assert loop.time() - began < 5
    assert not is_alive(shared.pid)


@pytest.mark.parametrize("ending", ["stopped", "killed"])
async def test_nothing_is_left_at_the_end(
    codex_home: Path, model: ScriptedModel, path: Path, ending: str
) -> None:
    options = launch_options(codex_home, model.base_url)
    async with SharedAppServer.launch(options, path) as shared:
        assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
        bound = realpath(path)
        if ending == "killed":
            os.kill(shared.pid, signal.SIGKILL)
    assert not bound.exists()
    assert list(path.parent.iterdir()) == []
    assert not is_alive(shared.pid)
    assert processes_of(codex_home) == {}


async def test_a_socket_of_a_killed_app_server_is_replaced(
    codex_home: Path, model: ScriptedModel, path: Path
) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(os.fspath(path))
    options = launch_options(codex_home, model.base_url)
    async with SharedAppServer.launch(options, path) as shared, shared.connect() as server:
        assert server.pid == shared.pid


async def test_a_socket_in_use_is_left_to_its_owner(
    shared: SharedAppServer, codex_home: Path, path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="another process listens"):
        async with SharedAppServer.launch(launch_options(codex_home), path):
            pass
    async with shared.connect() as server:
        assert server.closed_by is None


@pytest.mark.parametrize("keeps_folder", [False, True])
async def test_a_socket_that_is_removed_while_it_is_made_is_made_again(
    codex_home: Path,
    model: ScriptedModel,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    keeps_folder: bool,
) -> None:
    removals: list[Path] = []

    def stable_path_of_a_removed(socket: Path) -> AbstractContextManager[Path]:
        if not removals:
            removals.append(socket)
            remove_socket(socket)
            if not keeps_folder:
                socket.parent.rmdir()
        return stable_path(socket)

    monkeypatch.setattr(shared_module, "stable_path", stable_path_of_a_removed)
    options = launch_options(codex_home, model.base_url)
    async with SharedAppServer.launch(options, path) as server, server.connect() as connection:
        assert await connection.call("config/read", {"includeLayers": False})
    assert removals == [path]


async def test_a_folder_that_is_replaced_while_a_socket_is_made_costs_one_start(
    codex_home: Path, model: ScriptedModel, path: Path
) -> None:
    slow = codex_home / "slow-codex"
    slow.write_text(
        f'#!/bin/sh\n[ -e "{slow}.began" ] && exec "{pinned_codex()}" "$@"\ntouch "{slow}.began"\n'
        "exec sleep 60\n"
    )
    slow.chmod(0o755)
    options = launch_options(codex_home, model.base_url, codex=slow)

    async def replace_folder() -> None:
        await until(lambda: Path(f"{slow}.began").exists(), "the first start")
        path.parent.rename(codex_home / "gone")
        path.parent.mkdir(mode=0o700)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(replace_folder())
        async with SharedAppServer.launch(options, path) as server, server.connect() as connection:
            assert await connection.call("config/read", {"includeLayers": False})


async def test_a_path_too_long_for_a_socket_is_refused_before_the_start(codex_home: Path) -> None:
    path = codex_home / ("x" * 100)
    with pytest.raises(ConfigurationError, match="shorter CODEX_HOME"):
        async with SharedAppServer.launch(launch_options(codex_home), path):
            pass


async def test_a_process_that_never_listens_is_given_up(codex_home: Path, path: Path) -> None:
    options = fake_codex(codex_home, "echo thinking, NO_COLOR=$NO_COLOR >&2; exec sleep 1000")
    lines: list[str] = []
    launching = SharedAppServer.launch(options, path, on_stderr=lines.append, timeout_s=2.0)
    with pytest.raises(AppServerClosedError, match=r"within 2 s.*CODEX_BIN") as caught:
        async with launching:
            pass
    assert caught.value.stderr_tail == "thinking, NO_COLOR=1"
    assert lines == ["thinking, NO_COLOR=1"]
    assert processes_of(codex_home) == {}


async def test_a_process_that_ends_at_once_is_named_with_its_last_words(
    codex_home: Path, path: Path
) -> None:
    options = fake_codex(codex_home, "echo unknown option --listen >&2; exit 2")
    with pytest.raises(AppServerClosedError, match="codex exited with code 2") as caught:
        async with SharedAppServer.launch(options, path):
            pass
    assert caught.value.stderr_tail == "unknown option --listen"


async def test_a_program_that_cannot_be_started_is_named(codex_home: Path, path: Path) -> None:
    options = LaunchOptions(codex_home / "missing", environment(codex_home))
    with pytest.raises(CodexBinaryError, match="CODEX_BIN"):
        async with SharedAppServer.launch(options, path):
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")
async def test_the_writer_of_a_thread_is_the_process_that_has_it_loaded(
    shared: SharedAppServer, stack: AsyncExitStack, codex_home: Path, model: ScriptedModel
) -> None:
    model.add(Text("first"))
    server = await stack.enter_async_context(shared.connect())
    talk = await conversation(server)
    assert holder_of(codex_home, talk.thread_id) == shared.pid
    await talk.say("begin")
    await unload(server, talk.thread_id)
    assert holder_of(codex_home, talk.thread_id) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bind a child to its parent")
async def test_the_app_server_does_not_outlive_us(codex_home: Path, path: Path) -> None:
    program = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "from codexmcp.appserver.shared import SharedAppServer\n"
        "from tests.support.real_app_server import launch_options\n"
        "async def main():\n"
        f"    options = launch_options(Path({str(codex_home)!r}))\n"
        f"    async with SharedAppServer.launch(options, Path({str(path)!r})) as shared:\n"
        "        print(shared.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    owner = await Child.start([sys.executable, "-c", program], env=env)
    try:
        pid = int(await asyncio.wait_for(owner.stdout.readline(), BOUND_S))
        assert is_alive(pid)
        owner.signal_group(signal.SIGKILL)
        await until(lambda: not is_alive(pid), "the app-server is gone")
    finally:
        await owner.stop(eof_grace_s=0)
