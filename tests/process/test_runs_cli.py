"""`codexmcp runs` as a user has it: real processes, the real Codex, a model by prompt."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codexmcp.testing import ShellCall, Text
from tests.support.ended import Ended
from tests.support.model_steps import escalated
from tests.support.processes import until
from tests.support.screen import Screen
from tests.support.supervision import BOUND_S, PYTHON, Station, kill

RUNS = [*PYTHON, "codexmcp", "runs"]
ESCALATION = escalated("echo asked")


@contextlib.asynccontextmanager
async def running(here: Station, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command while the block runs."""
    process = await asyncio.create_subprocess_exec(
        *RUNS,
        *words,
        env=here.env,
        cwd=here.project,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=16 * 1024 * 1024,
    )
    try:
        yield process
    finally:
        kill(process.pid)
        await process.wait()


async def runs(here: Station, *words: str) -> Ended:
    """Run a command to its end."""
    async with running(here, *words) as process, asyncio.timeout(BOUND_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def told(here: Station, *words: str) -> Any:
    """Return the JSON that a command prints, which must succeed."""
    ended = await runs(here, *words, "--json")
    assert ended.code == 0, ended
    return json.loads(ended.out)


async def start(here: Station, prompt: str, *words: str) -> str:
    """Start a run and return its id."""
    return str((await told(here, "start", prompt, *words))["runId"])


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    """Return the next line of a command that holds a text."""
    assert process.stdout is not None
    async with asyncio.timeout(BOUND_S):
        async for line in process.stdout:
            if text in line.decode():
                return line.decode()
    raise AssertionError(f"no line with {text!r}")


async def is_waiting(here: Station, run_id: str) -> None:
    """Wait until a run has asked something."""
    async with asyncio.timeout(BOUND_S):
        while not (await told(here, "approvals", run_id))["approvals"]:
            pass


async def test_a_run_is_started_waited_for_listed_and_shown(here: Station) -> None:
    started = await runs(here, "start", "--name", "my title", "--sandbox", "read-only", "hello")
    assert (started.code, started.err) == (0, "")
    run_id = started.out.strip()
    assert await runs(here, "wait", run_id) == Ended(0, "done: hello\n", "")
    (entry,) = (await told(here, "list"))["runs"]
    assert (entry["runId"], entry["status"], entry["title"]) == (run_id, "completed", "my title")
    shown = await told(here, "show", run_id[:-1])
    assert (shown["message"], shown["sandbox"]) == ("done: hello", "read-only")
    assert _are_files(shown["files"]["events"], shown["files"]["summary"])
    text = await runs(here, "show", run_id)
    assert "done: hello" in text.out
    assert str(here.project) in text.out


async def test_a_run_can_be_started_from_stdin_and_waited_for_at_once(here: Station) -> None:
    process = await asyncio.create_subprocess_exec(
        *RUNS,
        *("start", "--wait", "-"),
        env=here.env,
        cwd=here.project,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(BOUND_S):
        out, _ = await process.communicate(b"from stdin")
    assert (process.returncode, out) == (0, b"done: from stdin\n")
    empty = await runs(here, "start", "-")
    assert empty.code == 2
    assert "the prompt is empty" in empty.err


async def test_a_live_run_is_followed_to_its_end(here: Station) -> None:
    here.model.on("work", ShellCall("echo one; exit 3"))
    release = here.model.hold("work", Text("all done"))
    run_id = await start(here, "work")
    async with running(here, "tail", "-f", run_id) as view:
        assert await line_with(view, "$ echo one; exit 3")
        assert await line_with(view, "= exit code 3")
        assert view.returncode is None
        release.set()
        assert await line_with(view, "codex: all done")
        assert await line_with(view, "* completed")
        assert await asyncio.wait_for(view.wait(), BOUND_S) == 0
    raw = await runs(here, "tail", "--raw", run_id)
    lines = [json.loads(line) for line in raw.out.splitlines()]
    assert lines[0]["runId"] == run_id
    assert lines[-1]["state"] == "completed"
    last = await runs(here, "tail", "-n", "1", run_id)
    assert last.out.endswith("* completed: the only command failed\n")
    assert last.out.count("\n") == 1


def open_files(pid: int) -> str:
    """Return the paths of a process's open files, as one text."""
    paths: list[str] = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        # It may be closed while it is looked at.
        with contextlib.suppress(OSError):
            paths.append(str(each.readlink()))
    return " ".join(paths)


async def test_ctrl_c_ends_the_view_and_the_wait_but_not_the_run(here: Station) -> None:
    release = here.model.hold("long")
    run_id = await start(here, "long")
    async with running(here, "tail", "-f", run_id) as view, running(here, "wait", run_id) as wait:
        await line_with(view, "* running")
        await until(lambda: "runs.sqlite3" in open_files(wait.pid), "it looks at the store")
        for process in (view, wait):
            process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(view.wait(), BOUND_S) == 130
        assert await asyncio.wait_for(wait.wait(), BOUND_S) == 130
        assert wait.stderr is not None
        assert b"the work goes on" in await wait.stderr.read()
    release.set()
    assert (await runs(here, "wait", run_id)).code == 0


async def test_a_wait_ends_when_its_time_is_up_or_one_run_is_over(here: Station) -> None:
    here.model.hold("long")
    long = await start(here, "long")
    ended = await runs(here, "wait", "--timeout", "0.3", long)
    assert ended.code == 124
    assert long in ended.err
    short = await start(here, "short")
    assert (await told(here, "wait", "--any", long, short))["done"] is True
    assert (await runs(here, "interrupt", long)).code == 0
    both = await runs(here, "wait", long, short)
    assert both.code == 1
    assert f"== {short}  completed" in both.out
    assert "by a human" in both.err


async def test_a_live_run_is_steered(here: Station) -> None:
    release = here.model.hold("work")
    run_id = await start(here, "work")
    await here.model.wait_until_asked("work")
    assert (await runs(here, "steer", run_id, "leave the docs")).code == 0
    release.set()
    await runs(here, "wait", run_id)
    assert "message: leave the docs" in (await runs(here, "tail", run_id)).out
    late = await runs(here, "steer", run_id, "too late")
    assert late.code == 1
    assert "completed already" in late.err
    assert f"codexmcp runs resume {run_id}" in late.err


async def test_several_runs_are_stopped_and_one_that_is_over_is_told(here: Station) -> None:
    here.model.hold("one")
    here.model.hold("two")
    one, two, over = [await start(here, prompt) for prompt in ("one", "two", "three")]
    await runs(here, "wait", over)
    ended = await runs(here, "interrupt", one, over, two)
    assert ended.code == 1
    assert ended.out == f"{one}: interrupted\n{two}: interrupted\n"
    assert over in ended.err
    unknown = await runs(here, "interrupt", "nothing")
    assert unknown.code == 1
    assert "there is no run 'nothing'" in unknown.err


@pytest.mark.parametrize(
    ("flags", "decision"), [((), "accept"), (("--decline",), "decline")], ids=["yes", "no"]
)
async def test_a_question_is_listed_and_answered(
    here: Station, flags: tuple[str, ...], decision: str
) -> None:
    here.model.on("ask", ESCALATION)
    run_id = await start(here, "ask", "--approval-policy", "on-request")
    await is_waiting(here, run_id)
    (entry,) = (await told(here, "list", "--state", "waiting_for_approval"))["runs"]
    assert entry["runId"] == run_id
    listed = await runs(here, "approvals")
    question = listed.out.split()[0]
    assert "echo asked" in listed.out
    assert (await runs(here, "approve", *flags, run_id)).code == 0
    await runs(here, "wait", run_id)
    story = (await runs(here, "tail", run_id)).out
    assert f"? {decision} by a human" in story
    assert ("= exit code 0" in story) == (decision == "accept")
    again = await runs(here, "approve", question)
    assert again.code == 1
    assert "no open question" in again.err


async def test_a_run_is_resumed_and_forked(here: Station) -> None:
    first = await start(here, "hello")
    await runs(here, "wait", first)
    assert await runs(here, "resume", "--wait", first) == Ended(0, "done: continue\n", "")
    forked = await told(here, "resume", "--fork", first, "another way")
    assert (await runs(here, "wait", forked["runId"])).out == "done: another way\n"
    shown = await told(here, "show", forked["runId"])
    known = await told(here, "show", first)
    assert shown["threadId"] != known["threadId"]
    assert shown["forks"] == known["threadId"]


async def test_a_run_of_a_killed_supervisor_is_lost_until_it_is_resumed(here: Station) -> None:
    here.model.hold("work")
    run_id = await start(here, "work")
    await here.model.wait_until_asked("work")
    (pid,) = here.supervisor_pids()
    await here.killed(pid)
    (entry,) = (await told(here, "list", "--state", "lost"))["runs"]
    assert (entry["runId"], entry["endedAt"]) == (run_id, None)
    assert "supervisor died" in entry["reason"]
    waited = await runs(here, "wait", run_id)
    assert waited.code == 1
    assert "lost" in waited.err
    ended = await runs(here, "tail", "-f", run_id)
    assert ended.code == 0
    stopped = await runs(here, "interrupt", run_id)
    assert stopped.code == 1
    assert f"codexmcp runs resume {run_id}" in stopped.err
    assert (await runs(here, "resume", "--wait", run_id)).out == "done: continue\n"


async def test_a_queued_run_without_a_supervisor_is_told_what_it_needs(here: Station) -> None:
    here.model.hold("one")
    async with here.supervisor("--max-runs", "1") as supervisor:
        first, second = await start(here, "one"), await start(here, "two")
        await until(lambda: here.model.asked("one"), "the first run is under way")
        await here.killed(supervisor.pid)
    stopped = await runs(here, "interrupt", second)
    assert stopped.code == 1
    assert "codexmcp serve" in stopped.err
    waited = await runs(here, "wait", "--timeout", "0.2", second)
    assert waited.code == 124
    assert f"no supervisor works on {second}" in waited.err
    assert first not in waited.err


async def test_without_a_supervisor_everything_can_be_read_and_nothing_starts(
    here: Station,
) -> None:
    empty = await runs(here, "list")
    assert (empty.code, empty.out) == (0, "")
    assert "codexmcp runs start" in empty.err
    unknown = await runs(here, "show", "x")
    assert unknown.code == 1
    assert "has no runs; start one" in unknown.err
    assert (await told(here, "approvals"))["approvals"] == []
    run_id = await start(here, "hello")
    await runs(here, "wait", run_id)
    (pid,) = here.supervisor_pids()
    await here.killed(pid)
    assert (await told(here, "show", run_id))["status"] == "completed"
    assert (await runs(here, "wait", run_id)).out == "done: hello\n"
    assert "codex: done: hello" in (await runs(here, "tail", run_id)).out
    assert not here.supervisor_pids()
    near = await runs(here, "show", run_id[:-1] + "x")
    assert near.code == 1
    assert f"did you mean {run_id}?" in near.err


async def test_a_list_goes_on_where_it_ended_and_knows_projects(here: Station) -> None:
    ids = [await start(here, f"prompt {number}") for number in range(3)]
    await runs(here, "wait", *ids)
    first = await told(here, "list", "--limit", "2")
    assert [each["runId"] for each in first["runs"]] == ids[:0:-1]
    rest = await told(here, "list", "--limit", "2", "--cursor", first["nextCursor"])
    assert [each["runId"] for each in rest["runs"]] == ids[:1]
    assert "nextCursor" not in rest
    other = here.project / "other"
    other.mkdir()
    elsewhere = await runs(here, "list", "--cwd", "other")
    assert elsewhere.out == ""
    assert "runs list --all" in elsewhere.err
    own = await start(here, "there", "--cwd", "other")
    assert [each["runId"] for each in (await told(here, "list", "--cwd", "other"))["runs"]] == [own]
    assert len((await told(here, "list", "--all"))["runs"]) == 4
    assert (await runs(here, "list", "--cursor", "x")).code == 2


async def test_old_runs_are_pruned_and_those_under_way_never(here: Station) -> None:
    release = here.model.hold("live")
    old = []
    # One after the other: which runs are old is told by their ends.
    for number in range(3):
        old.append(await start(here, f"prompt {number}"))
        await runs(here, "wait", old[-1])
    live = await start(here, "live")
    assert (await runs(here, "prune")).code == 2
    dry = await told(here, "prune", "--keep", "1", "--dry-run")
    assert [each["runId"] for each in dry["runs"]] == old[:2]
    assert len((await told(here, "list"))["runs"]) == 4
    done = await told(here, "prune", "--max-size", "0")
    assert sorted(each["runId"] for each in done["runs"]) == sorted(old)
    assert done["bytes"] > 0
    assert [each["runId"] for each in (await told(here, "list"))["runs"]] == [live]
    folder = here.project / ".codex" / "codex-mcp" / "runs"
    assert {file.name.split(".")[0] for file in folder.glob("2*")} == {live}
    release.set()
    assert (await runs(here, "wait", live)).code == 0


@pytest.mark.parametrize("damage", ["delete", "overwrite", "page"])
async def test_the_store_is_rebuilt_from_the_audit_files(here: Station, damage: str) -> None:
    ids = [await start(here, f"prompt {number}") for number in range(3)]
    await runs(here, "wait", *ids)
    before = (await told(here, "list"))["runs"]
    (pid,) = here.supervisor_pids()
    await here.killed(pid)
    _damage(here.home / "mcp-wrapper" / "runs.sqlite3", damage)
    if damage == "overwrite":
        broken = await runs(here, "list")
        assert broken.code == 1
        assert "codexmcp runs reindex" in broken.err
    rebuilt = await told(here, "reindex")
    assert (rebuilt["found"], rebuilt["restored"]) == (3, 3)
    assert (rebuilt["setAside"] is None) == (damage == "delete")
    after = (await told(here, "list"))["runs"]
    names = ("runId", "status", "title", "threadId", "reason")
    assert [[each[name] for name in names] for each in after] == [
        [each[name] for name in names] for each in before
    ]
    assert (await told(here, "reindex"))["restored"] == 0
    assert (await runs(here, "resume", "--wait", ids[0])).out == "done: continue\n"


def _are_files(*paths: str) -> bool:
    return all(Path(path).is_file() for path in paths)


def _damage(store: Path, how: str) -> None:
    """Damage a store."""
    if how == "page":
        # The journal would put a page right that was damaged in the file.
        with contextlib.closing(sqlite3.connect(store)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with store.open("r+b") as file:
            file.seek(4096 * 3)
            file.write(b"\xff" * 4096 * 2)
        return
    for side in ("-wal", "-shm"):
        Path(f"{store}{side}").unlink(missing_ok=True)
    if how == "delete":
        store.unlink()
    else:
        store.write_bytes(b"no database " * 1000)


async def test_a_corrupt_store_that_is_in_use_is_left_alone(here: Station) -> None:
    run_id = await start(here, "hello")
    await runs(here, "wait", run_id)
    store = here.home / "mcp-wrapper" / "runs.sqlite3"
    _damage(store, "overwrite")
    refused = await runs(here, "reindex")
    assert refused.code == 1
    assert "codexmcp serve --stop" in refused.err
    assert store.exists()


async def test_a_reader_that_has_seen_enough_is_no_error(here: Station) -> None:
    here.model.on("much", ShellCall("seq 1 2000; exit 1"))
    run_id = await start(here, "much")
    await runs(here, "wait", run_id)
    for words in (("list",), ("tail", "--raw", run_id), ("tail", "-f", run_id), ("show", run_id)):
        async with running(here, *words) as process:
            assert process.stdout is not None
            process.stdout._transport.close()  # type: ignore[attr-defined]
            assert process.stderr is not None
            async with asyncio.timeout(BOUND_S):
                assert (await process.wait(), await process.stderr.read()) == (0, b"")


async def test_attaching_without_a_terminal_is_refused(here: Station) -> None:
    refused = await runs(here, "attach", "x")
    assert refused.code == 2
    assert "needs a terminal" in refused.err


async def test_attaching_shows_the_live_thread_and_leaving_it_leaves_the_run(here: Station) -> None:
    release = here.model.hold("a slow question")
    run_id = await start(here, "a slow question")
    await here.model.wait_until_asked("a slow question")
    async with Screen.run([*RUNS, "attach", run_id], here.env, here.project) as screen:
        await screen.shows("a slow question", "Ask Codex to do anything")
        screen.type("\x04")  # Ctrl-D
        assert await screen.exit_code() == 0
    release.set()
    ended = await runs(here, "wait", run_id)
    assert ended.code == 0
    assert "done: a slow question" in ended.out


async def test_attaching_to_an_unknown_run_names_it(here: Station) -> None:
    async with Screen.run([*RUNS, "attach", "nope"], here.env, here.project) as screen:
        await screen.shows("nope")
        assert await screen.exit_code() == 1
