"""The picker as a real program on a terminal, with a real supervisor and the real Codex."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from codexmcp.testing import Text
from tests.support.model_steps import escalated
from tests.support.screen import Screen
from tests.support.supervision import Station, kill

PICKER = [
    sys.executable,
    "-P",
    "-c",
    "import sys; from codexmcp.picker import main; sys.exit(main())",
]
USERS_CONFIG_MARK = "# the user's own\n"

ESCALATED = escalated("echo it ran")
ENTER, LEFT = "\r", "\x1b[D"
CTRL_C, CTRL_D = "\x03", "\x04"


@contextlib.asynccontextmanager
async def picker(
    here: Station, *flags: str, size: tuple[int, int] = (80, 24), **more: str
) -> AsyncIterator[Screen]:
    """Run the picker in the project's folder, with more in its environment."""
    env = {**here.env, **more}
    async with Screen.run([*PICKER, *flags], env, here.project, size) as screen:
        await screen.shows("running")
        yield screen


async def test_the_size_is_the_terminals_and_not_one_in_the_environment(here: Station) -> None:
    async with picker(here, size=(60, 15), COLUMNS="80", LINES="24") as screen:
        await screen.shows("q quit")


async def test_a_run_is_shown_while_it_works_and_among_the_completed_once_it_ends(
    here: Station,
) -> None:
    release = here.model.hold("count the stars")
    async with here.client() as client:
        run_id = await client.run("count the stars")
        await here.model.wait_until_asked("count the stars")
        async with picker(here) as screen:
            await screen.shows("1 running · 0 completed", "> count the stars", run_id)
            release.set()
            await screen.shows("0 running · 1 completed", "> Completed", "> count the stars")
            await screen.shows("done: count the stars")
            screen.type("v")
            await screen.shows("## Final message", "State: **completed**")
            screen.type("q")
            await screen.shows("> count the stars")
            screen.type("q")
            assert await screen.exit_code() == 0


async def test_attaching_shows_the_thread_and_comes_back_to_the_list(here: Station) -> None:
    with (here.home / "config.toml").open("a") as file:
        file.write(USERS_CONFIG_MARK)
    config = (here.home / "config.toml").read_text()
    release = here.model.hold("a slow question")
    async with here.client() as client:
        first = await client.run("a quick question")
        await client.wait(first)
        run_id = await client.run("a slow question")
        await here.model.wait_until_asked("a slow question")
        async with picker(here) as screen:
            await screen.shows("> a slow question")
            screen.type(ENTER)
            await screen.shows("a slow question", "Ask Codex to do anything")
            screen.type(CTRL_D)
            await screen.shows("> a slow question", "back from a slow question")
            await client.until_state(run_id, "running")
            release.set()
            await client.wait(run_id)
            screen.type(CTRL_C)
            assert await screen.exit_code() == 0
    assert (here.home / "config.toml").read_text() == config


async def test_attaching_to_a_completed_run_starts_a_supervisor_if_there_is_none(
    here: Station,
) -> None:
    async with here.client() as client:
        await client.wait(await client.run("an old question"))
        await here.killed((await client.status())["pid"])
    async with picker(here) as screen:
        await screen.shows("> an old question")
        screen.type(ENTER)
        await screen.shows("done: an old question", "Ask Codex to do anything")
        screen.type(CTRL_D)
        await screen.shows("back from an old question", "> an old question")


async def test_a_run_is_interrupted_only_after_a_yes(here: Station) -> None:
    here.model.hold("an endless task")
    async with here.client() as client:
        run_id = await client.run("an endless task")
        await here.model.wait_until_asked("an endless task")
        async with picker(here) as screen:
            await screen.shows("> an endless task")
            screen.type("i")
            await screen.shows("Interrupt this run?")
            screen.type("n")
            await screen.until(
                lambda: "Interrupt this run?" not in screen.text, "the question is gone"
            )
            screen.type("i")
            await screen.shows("Interrupt this run?")
            screen.type("y")
            await screen.shows("interrupted: an endless task", "0 running · 1 completed")
        told = await client.wait(run_id)
    assert told["status"] == "interrupted"
    assert "a human at the terminal" in told["reason"]


async def test_a_run_is_started_steered_and_continued(here: Station) -> None:
    release = here.model.hold("a new task")
    async with picker(here) as screen:
        await screen.shows("Press n to start one")
        screen.type("n")
        await screen.shows("New run", "The prompt:")
        # The dialog folds a long path.
        unfolded = "".join(line.strip(" │") for line in screen.lines)
        assert str(here.project) in unfolded
        screen.type("a new task" + ENTER)
        await screen.shows("1 running · 0 completed", "> a new task")
        await here.model.wait_until_asked("a new task")
        screen.type("s")
        await screen.shows("Message to this run")
        screen.type("and be quick" + ENTER)
        await screen.shows("message sent: a new task")
        release.set()
        await screen.shows("0 running · 1 completed", "> a new task")
        screen.type("c")
        await screen.shows("Continue this run")
        screen.type("a second task" + ENTER)
        await screen.shows("0 running · 2 completed", "> a new task", "done: and be quick")
        screen.type("k")
        await screen.shows("> a second task", "done: a second task")
        screen.type("q")
        assert await screen.exit_code() == 0


async def test_an_approval_is_answered(here: Station) -> None:
    here.model.on("do something bold", ESCALATED, Text("it was allowed"))
    async with here.client() as client:
        run_id = await client.run(
            "do something bold", sandbox="read-only", approval_policy="on-request"
        )
        async with picker(here) as screen:
            await screen.shows("needs answer", "1 to answer", "> do something bold")
            screen.type("a")
            await screen.shows("Codex asks", "echo it ran", "decline")
            screen.type("y")
            await screen.shows("answered: accept", "0 running · 1 completed", "it was allowed")
        told = await client.wait(run_id)
    assert told["status"] == "completed"
    audit = here.project / ".codex" / "codex-mcp" / "runs" / f"{run_id}.md"
    assert "a human at the terminal" in audit.read_text()


async def test_a_run_whose_supervisor_was_killed_is_lost(here: Station) -> None:
    here.model.hold("a doomed task")
    async with here.client() as client:
        await client.run("a doomed task")
        await here.model.wait_until_asked("a doomed task")
        async with picker(here) as screen:
            await screen.shows("1 running")
            await here.killed((await client.status())["pid"])
            await screen.shows("0 running · 0 completed · 1 failed", "! lost", "> a doomed task")
            screen.type("i")
            await screen.shows("over already")


@pytest.mark.parametrize("end", ["ctrl-c", "q", "escape", "SIGTERM", "SIGHUP"])
async def test_the_terminal_is_as_it_was_after_the_end(here: Station, end: str) -> None:
    async with picker(here) as screen:
        await screen.shows("No runs in this folder yet")
        assert screen.attributes() != screen.modes
        if end.startswith("SIG"):
            kill(screen.process.pid, signal.Signals[end])
        else:
            screen.type({"ctrl-c": CTRL_C, "q": "q", "escape": "\x1b"}[end])
        assert await screen.exit_code() == 0
        await screen.until(lambda: b"\x1b[?1049l" in screen.raw, "the other screen is left")
        assert screen.attributes() == screen.modes
        assert b"\x1b[?25h" in screen.raw.rpartition(b"\x1b[?25l")[2]


async def test_a_second_of_watching_costs_few_bytes(here: Station) -> None:
    release = here.model.hold("a long task")
    async with here.client() as client:
        for number in range(5):
            await client.wait(await client.run(f"task {number}"))
        run_id = await client.run("a long task")
        await here.model.wait_until_asked("a long task")
        async with picker(here) as screen:
            await screen.until(lambda: _seconds(screen), "the time that the run has taken")
            started = _seconds(screen)
            await screen.until(lambda: _seconds(screen) > started, "the first second")
            first, before = _seconds(screen), len(screen.raw)
            await screen.until(lambda: _seconds(screen) >= first + 3, "some seconds more")
            # A whole screen takes 3,000.
            assert len(screen.raw) - before < 200 * (_seconds(screen) - first)
        release.set()
        await client.wait(run_id)


@pytest.mark.parametrize("term", ["vt100", "dumb"])
async def test_without_colour_everything_is_told_by_words_and_marks(
    here: Station, term: str
) -> None:
    async with here.client() as client:
        await client.wait(await client.run("a question"))
    async with picker(here, size=(60, 15), NO_COLOR="1", TERM=term) as screen:
        await screen.shows("> Completed", "> a question", "completed · now", "q quit")
        assert not re.search(rb"\x1b\[(?:\d+;)*[349][0-8](?:;\d+)*m", screen.raw)


async def test_a_terminal_that_changes_its_size_is_filled(here: Station) -> None:
    async with picker(here) as screen:
        await screen.shows("No runs in this folder yet")
        screen.resize(50, 10)
        await screen.shows("at least 60x15")
        screen.resize(100, 30)
        await screen.until(lambda: "q quit" in screen.lines[29], "the keys in the last line")


async def test_without_a_terminal_json_is_pointed_at(here: Station) -> None:
    told = await here.command(program=PICKER)
    assert (told.code, told.out) == (2, "")
    assert "codex-runs --json" in told.err


async def test_json_tells_the_runs_of_every_project(here: Station) -> None:
    async with here.client() as client:
        run_id = await client.run("a question")
        await client.wait(run_id)
    told = await here.command("--json", "--all", program=PICKER)
    assert told.code == 0
    document = json.loads(told.out)
    assert [run["runId"] for run in document["completed"]] == [run_id]
    assert document["running"] == []
    assert document["completed"][0]["cwd"] == str(here.project)


def _seconds(screen: Screen) -> int:
    """Return how long the run under way has worked, as the screen tells it; 0 for none."""
    found = re.search(r"running · (\d+)s", screen.text)
    return int(found[1]) if found else 0
