"""Child processes that end well, badly, or not by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from codexmcp.appserver.child import STDERR_TAIL_LINES, Child, live_children
from codexmcp.errors import CodexBinaryError
from tests.support.processes import group_of, is_alive, until

BOUND_S = 30.0
STUBBORN = "trap '' TERM; echo ready; while :; do read -r _ || sleep 1000; done"
ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture
async def started() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def shell(stack: AsyncExitStack, script: str) -> Child:
    """Start a shell script; it is killed at the end of the test."""
    child = await Child.start(["/bin/sh", "-c", script], env=ENV)
    stack.push_async_callback(child.stop, eof_grace_s=0, term_grace_s=0)
    return child


async def line_of(child: Child) -> str:
    line = await asyncio.wait_for(child.stdout.readline(), BOUND_S)
    return line.decode().strip()


async def test_a_child_that_ends_at_the_end_of_its_stdin_is_not_killed(
    started: AsyncExitStack,
) -> None:
    child = await shell(started, "cat >/dev/null; exit 7")
    await child.stop(eof_grace_s=BOUND_S)
    assert child.returncode == 7
    assert child.describe_exit() == "sh exited with code 7"


async def test_a_child_that_ignores_everything_is_killed_within_the_bounds(
    started: AsyncExitStack,
) -> None:
    child = await shell(started, STUBBORN)
    assert await line_of(child) == "ready"
    await asyncio.wait_for(child.stop(eof_grace_s=0.05, term_grace_s=0.05), BOUND_S)
    assert child.describe_exit() == "sh was ended by SIGKILL"


async def test_a_stop_that_is_cancelled_still_kills(started: AsyncExitStack) -> None:
    child = await shell(started, STUBBORN)
    assert await line_of(child) == "ready"
    stopping = asyncio.create_task(child.stop(eof_grace_s=1000))
    closed = child.stdin.wait_closed()
    await asyncio.wait_for(closed, BOUND_S)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(stopping, BOUND_S)
    assert await child.exited(BOUND_S)


async def test_a_stop_that_is_cancelled_lets_go_of_the_child(started: AsyncExitStack) -> None:
    child = await shell(started, STUBBORN)
    assert await line_of(child) == "ready"
    assert child.pid in live_children()
    stopping = asyncio.create_task(child.stop(eof_grace_s=1000))
    await asyncio.wait_for(child.stdin.wait_closed(), BOUND_S)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(stopping, BOUND_S)
    assert child.returncode == -signal.SIGKILL
    assert child.pid not in live_children()


async def test_what_a_child_leaves_in_its_group_ends_with_it(started: AsyncExitStack) -> None:
    child = await shell(started, "sleep 1000 & echo $!")
    orphan = int(await line_of(child))
    assert await child.exited(BOUND_S)
    assert is_alive(orphan)
    await child.stop()
    await until(lambda: group_of(child.pid) == [], "the orphan is gone")


async def test_an_exit_is_noticed_while_a_grandchild_holds_the_pipes(
    started: AsyncExitStack,
) -> None:
    child = await shell(started, "sleep 1000 & exit 3")
    assert await child.exited(BOUND_S)
    assert child.returncode == 3


async def test_a_child_that_runs_has_not_exited(started: AsyncExitStack) -> None:
    child = await shell(started, "cat")
    assert not await child.exited(0.01)
    assert child.describe_exit() == f"sh (pid {child.pid}) is running"


async def test_the_last_words_are_whole_when_the_child_has_exited(started: AsyncExitStack) -> None:
    for _ in range(20):
        child = await shell(started, "echo one >&2; printf two >&2; exit 1")
        assert await child.exited(BOUND_S)
        assert await child.last_words() == "one\ntwo"


async def test_the_last_words_do_not_wait_for_a_grandchild(started: AsyncExitStack) -> None:
    child = await shell(started, "echo one >&2; sleep 1000 & exit 1")
    assert await child.exited(BOUND_S)
    assert await asyncio.wait_for(child.last_words(), BOUND_S) == "one"


async def test_stderr_is_drained_and_only_its_end_is_kept(started: AsyncExitStack) -> None:
    # More than a pipe holds: a child whose stderr nobody reads would hang here.
    script = "i=0; while [ $i -lt 5000 ]; do echo a line of stderr $i >&2; i=$((i+1)); done"
    child = await shell(started, script)
    assert await child.exited(BOUND_S)
    lines = (await child.last_words()).splitlines()
    assert lines == [f"a line of stderr {5000 - STDERR_TAIL_LINES + n}" for n in range(20)]


async def test_stderr_that_is_no_text_is_kept_as_far_as_it_can_be(started: AsyncExitStack) -> None:
    child = await shell(started, "printf 'bad \\377 byte\\r\\n\\n' >&2")
    assert await child.exited(BOUND_S)
    assert await child.last_words() == "bad \ufffd byte"


async def test_every_line_of_stderr_is_handed_over_in_order() -> None:
    lines: list[str] = []
    script = "i=0; while [ $i -lt 100 ]; do echo line $i >&2; i=$((i+1)); done; printf end >&2"
    child = await Child.start(["/bin/sh", "-c", script], env=ENV, on_stderr=lines.append)
    assert await child.exited(BOUND_S)
    await child.stop()
    assert lines == [*(f"line {number}" for number in range(100)), "end"]


async def test_stderr_is_kept_although_handing_it_over_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(line: str) -> None:
        raise OSError(line)

    script = "echo one >&2; echo two >&2"
    child = await Child.start(["/bin/sh", "-c", script], env=ENV, on_stderr=broken)
    assert await child.exited(BOUND_S)
    assert await child.last_words() == "one\ntwo"
    await child.stop()
    assert "keeping a line of sh's stderr failed" in caplog.text


@pytest.mark.parametrize("name", ["missing", "not-executable", "not-a-program", "folder"])
async def test_a_program_that_cannot_be_started_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name != "missing":
        path.write_text("\x00\x01")
        path.chmod(0o755 if name == "not-a-program" else 0o644)
    with pytest.raises(CodexBinaryError, match="CODEX_BIN") as caught:
        await Child.start([str(path)], env=ENV)
    assert f"cannot start {path}" in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bind a child to its parent")
async def test_a_child_that_is_bound_to_its_parent_is_killed_with_it(tmp_path: Path) -> None:
    program = (
        "import asyncio\n"
        "from codexmcp.appserver.child import Child\n"
        "async def main():\n"
        "    child = await Child.start(['/bin/sleep', '1000'], env={}, die_with_parent=True)\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await Child.start([sys.executable, "-c", program], env=ENV)
    try:
        bound = int(await line_of(parent))
        assert is_alive(bound)
        parent.signal_group(signal.SIGKILL)
        await until(lambda: not is_alive(bound), "the bound child is gone")
    finally:
        await parent.stop(eof_grace_s=0)
