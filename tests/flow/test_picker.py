"""The picker's screen with made-up runs, driven by keys; no process and no terminal."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from codexmcp.errors import StateError
from codexmcp.picker.actions import Actions, Attachment, OpenQuestion
from codexmcp.picker.app import PickerApp, PickerOptions
from codexmcp.picker.dialogs import Choice, Entry, Reader
from codexmcp.picker.lines import Lines, Pager
from codexmcp.picker.source import Source
from codexmcp.runs.ownership import Ownership
from codexmcp.runs.run import Run
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change
from codexmcp.supervisor.directory import LOCKS_NAME, RunDirectory
from tests.support.processes import until
from tests.support.run_stores import ended
from tests.support.run_stores import running as run_of

if TYPE_CHECKING:
    from textual.pilot import Pilot

SIZES = [(80, 24), (60, 15)]


class RecordedActions:
    """Writes down what is to be done, instead of a supervisor that does it."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.asks: OpenQuestion | None = None
        self.refuses = ""

    def interrupt(self, run_id: str) -> str:
        self.note("interrupt", run_id)
        return "interrupted"

    def steer(self, run_id: str, text: str) -> None:
        self.note("steer", run_id, text)

    def resume(self, run_id: str, prompt: str) -> str:
        self.note("resume", run_id, prompt)
        return "resumed"

    def start(self, prompt: str, folder: str) -> str:
        self.note("start", prompt, folder)
        return "begun"

    def question(self, run_id: str) -> OpenQuestion | None:
        self.note("question", run_id)
        return self.asks

    def answer(
        self, run_id: str, question_id: str, decision: str, content: Mapping[str, Any]
    ) -> None:
        filled = [json.dumps(content)] if content else []
        self.note("answer", run_id, question_id, decision, *filled)

    def attach(self, run_id: str) -> Attachment:
        self.note("attach", run_id)
        raise StateError("no terminal to attach in")

    def audit(self, run_id: str) -> list[str]:
        return [f"the audit of {run_id}", *map(str, range(100))]

    def note(self, *words: str) -> None:
        self.done.append(words)
        if self.refuses:
            raise StateError(self.refuses)


class Desk:
    """A picker on a screen in memory, with the store that it looks at."""

    def __init__(self, folder: Path) -> None:
        self.directory = RunDirectory(folder)
        self.store = SqliteStore(self.directory.store_path)
        self.ownership = Ownership.take(folder / LOCKS_NAME, socket="/s", group="g")
        self.actions = RecordedActions()
        self.pilot: Pilot[None] = cast("Any", None)

    @contextlib.asynccontextmanager
    async def shown(
        self, size: tuple[int, int] = SIZES[0], watch_s: float | None = 0.1
    ) -> AsyncIterator[PickerApp]:
        actions = cast("Actions", self.actions)
        app = PickerApp(Source(self.directory), actions, PickerOptions("/w", watch_s=watch_s))
        async with app.run_test(size=size) as self.pilot:
            await self.until(lambda: self._has_list(app), "the list")
            yield app

    def _has_list(self, app: PickerApp) -> bool:
        text = self.text(app)
        return "running ·" in text and "Looking for runs" not in text

    def text(self, app: PickerApp) -> str:
        """Return what the screen shows."""
        width, height = app.size
        rows = app.screen_stack[-1]._compositor.render_strips()
        return "\n".join(strip.crop(0, width).text.rstrip() for strip in rows[:height])

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, reached: Callable[[], object], what: str) -> None:
        await until(reached, what)
        await self.pilot.pause()

    async def shows(self, app: PickerApp, *texts: str) -> None:
        try:
            await self.until(lambda: all(text in self.text(app) for text in texts), f"{texts}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text(app)}") from None


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.ownership.release()
    desk.store.close()


def running(desk: Desk, run_id: str, prompt: str = "do it") -> Run:
    return run_of(desk.store, run_id, desk.ownership.owner.id, prompt=prompt)


def fill(desk: Desk, count: int) -> None:
    now = time.time()
    desk.store.restore(
        [
            ended(f"r{each:04}", created_at=now - count + each, ended_at=now - 120, message="fine")
            for each in range(count)
        ]
    )


@pytest.mark.parametrize("size", SIZES)
async def test_runs_stand_in_two_columns(desk: Desk, size: tuple[int, int]) -> None:
    fill(desk, 1)
    running(desk, "live", prompt="a live one")
    async with desk.shown(size) as app:
        await desk.shows(app, "> Running", "> a live one", "  Completed", "  do it")
        await desk.shows(app, "1 running · 1 completed", "live  /w", "q quit")
        await desk.press("right")
        await desk.shows(app, "  Running", "> Completed", "> do it", "r0000  /w", "fine")
        await desk.press("left")
        await desk.shows(app, "> a live one")


@pytest.mark.parametrize("size", SIZES)
async def test_thousands_of_runs_are_paged_through(desk: Desk, size: tuple[int, int]) -> None:
    fill(desk, 3000)
    per_page = (size[1] - 6) // 2
    async with desk.shown(size) as app:
        await desk.shows(app, "3000 completed", "page 1 …", "r2999")
        await desk.press("pagedown")
        await desk.shows(app, "page 2 …", f"r{2999 - per_page}")
        await desk.press("up")
        await desk.shows(app, "page 1 …", f"r{2999 - per_page + 1}")
        await desk.press("pagedown", "down")
        await desk.shows(app, f"r{2999 - per_page - 1}")
        await desk.press("home")
        await desk.shows(app, "page 1 …", "r2999")
        await desk.press("end")
        await desk.shows(app, f"r{2999 - per_page + 1}  /w")


async def test_a_run_that_ends_keeps_the_keys(desk: Desk) -> None:
    running(desk, "one", prompt="first task")
    running(desk, "two", prompt="second task")
    async with desk.shown() as app:
        await desk.press("down")
        await desk.shows(app, "> first task")
        desk.store.change("one", RunState.COMPLETED, Change(message="it is done"))
        await desk.shows(app, "> Completed", "> first task", "it is done")


async def test_a_filter_narrows_the_list_until_escape(desk: Desk) -> None:
    fill(desk, 40)
    running(desk, "live", prompt="paint the fence")
    async with desk.shown() as app:
        await desk.press("slash", *"fence", "enter")
        await desk.shows(app, "filter: fence", "> paint the fence", "none")
        assert "do it" not in desk.text(app)
        await desk.press("slash", *"q")
        await desk.shows(app, "filter: q")
        assert "paint the fence" not in desk.text(app)
        await desk.press("escape")
        await desk.shows(app, "> paint the fence", "do it")
        assert "filter" not in desk.text(app).splitlines()[0]
        await desk.press("escape")
        await desk.until(lambda: not app.is_running, "the end")


async def test_a_run_is_interrupted_after_a_yes_only(desk: Desk) -> None:
    running(desk, "live")
    async with desk.shown() as app:
        for leaving in ("n", "escape", "q"):
            await desk.press("i")
            await desk.until(lambda: isinstance(app.screen, Choice), "the question")
            await desk.press("i", "a", "enter", leaving)
            await desk.until(lambda: not isinstance(app.screen, Choice), "the list")
        assert desk.actions.done == []
        await desk.press("i")
        await desk.until(lambda: isinstance(app.screen, Choice), "the question")
        await desk.press("y")
        await desk.shows(app, "interrupted: do it")
        assert desk.actions.done == [("interrupt", "live")]


async def test_a_run_that_is_over_is_not_interrupted(desk: Desk) -> None:
    fill(desk, 1)
    async with desk.shown() as app:
        await desk.press("i")
        await desk.shows(app, "over already: completed")
        assert desk.actions.done == []


@pytest.mark.parametrize(
    ("key", "decision"),
    [("y", "accept"), ("s", "accept_for_session"), ("n", "decline"), ("c", "cancel")],
)
async def test_a_question_is_shown_cleaned_and_answered(
    desk: Desk, key: str, decision: str
) -> None:
    running(desk, "live")
    desk.store.change("live", RunState.WAITING_FOR_APPROVAL, Change(reason="waits"))
    desk.actions.asks = OpenQuestion("live.1", "run `rm -rf \x1b[8mhidden` [bold]", 2)
    async with desk.shown() as app:
        await desk.shows(app, "needs answer", "1 to answer")
        await desk.press("a")
        await desk.shows(app, "Codex asks (1 of 2)", "run `rm -rf hidden` [bold]")
        await desk.press(key)
        await desk.shows(app, f"answered: {decision.replace('_', ' ')}")
        assert desk.actions.done[-1] == ("answer", "live", "live.1", decision)


FORM = {
    "properties": {"name": {"type": "string", "minLength": 2}, "sure": {"type": "boolean"}},
    "required": ["name"],
}


async def test_the_form_of_a_sub_agents_question_is_filled_in_field_by_field(desk: Desk) -> None:
    running(desk, "live")
    desk.actions.asks = OpenQuestion("live.1", "stub asks: Who?", 1, "/root/a", FORM)
    async with desk.shown() as app:
        await desk.press("a")
        await desk.shows(app, "asked by /root/a", "- name [string]", "fill it in")
        await desk.press("y")
        await desk.shows(app, "name [string]")
        await desk.press("B", "enter")
        await desk.shows(app, "is too short")
        await desk.press("B", "o", "enter")
        await desk.shows(app, "sure [boolean, optional]")
        await desk.press("y", "enter")
        await desk.shows(app, "answered: accept")
        answer = ("answer", "live", "live.1", "accept", '{"name": "Bo", "sure": true}')
        assert desk.actions.done[-1] == answer


async def test_a_form_that_is_left_half_way_is_not_answered(desk: Desk) -> None:
    running(desk, "live")
    desk.actions.asks = OpenQuestion("live.1", "stub asks: Who?", 1, "", FORM)
    async with desk.shown() as app:
        await desk.press("a")
        await desk.shows(app, "fill it in")
        await desk.press("y")
        await desk.shows(app, "name [string]")
        await desk.press("escape")
        await desk.shows(app, "> Running")
        assert desk.actions.done == [("question", "live")]


async def test_a_question_that_is_left_stays_open(desk: Desk) -> None:
    running(desk, "live")
    desk.actions.asks = OpenQuestion("live.1", "run `ls`", 1)
    async with desk.shown() as app:
        await desk.press("a")
        await desk.shows(app, "Codex asks")
        await desk.press("escape")
        await desk.shows(app, "> Running")
        assert desk.actions.done == [("question", "live")]


async def test_what_cannot_be_done_is_told_and_the_list_goes_on(desk: Desk) -> None:
    running(desk, "live")
    desk.actions.refuses = "the supervisor is \x1b[5mbusy"
    async with desk.shown() as app:
        await desk.press("a")
        await desk.shows(app, "the supervisor is busy")
        await desk.press("enter")
        await desk.shows(app, "the supervisor is busy")
        assert desk.actions.done == [("question", "live"), ("attach", "live")]


async def test_the_audit_is_read_page_by_page(desk: Desk) -> None:
    fill(desk, 1)
    async with desk.shown() as app:
        await desk.press("v")
        await desk.shows(app, "the audit of r0000")
        await desk.press("end")
        await desk.shows(app, "99")
        await desk.press("home")
        await desk.shows(app, "the audit of r0000")
        await desk.press("space")
        await desk.shows(app, "41")
        # Keys of the list do nothing here.
        await desk.press("i", "a", "enter", "slash")
        assert isinstance(app.screen, Reader)
        await desk.press("q")
        await desk.shows(app, "> Completed")
        assert desk.actions.done == []


async def test_an_audit_that_is_read_after_its_reader_was_left_changes_nothing(desk: Desk) -> None:
    fill(desk, 1)
    async with desk.shown() as app:
        await desk.press("v")
        await desk.shows(app, "the audit of r0000")
        reader = app.screen
        assert isinstance(reader, Reader)
        await desk.press("q")
        await desk.shows(app, "> Completed")
        reader._lines = ("read too late",)
        reader._show()
        assert "read too late" not in desk.text(app)


@pytest.mark.parametrize(
    ("key", "state", "done", "told"),
    [
        ("s", RunState.RUNNING, ("steer", "one", "more"), "message sent: do it"),
        ("c", RunState.COMPLETED, ("resume", "one", "more"), "started: resumed"),
        ("n", RunState.RUNNING, ("start", "more", "/w"), "started: begun"),
    ],
)
async def test_a_typed_text_steers_continues_or_starts(
    desk: Desk, key: str, state: RunState, done: tuple[str, ...], told: str
) -> None:
    running(desk, "one")
    if state.is_over:
        desk.store.change("one", state)
    async with desk.shown() as app:
        await desk.shows(app, "> do it")
        for typed in ("escape", "enter"):
            await desk.press(key)
            await desk.shows(app, "in /w" if key == "n" else "one")
            assert isinstance(app.screen, Entry)
            await desk.press(typed)
            await desk.until(lambda: len(app.screen_stack) == 1, "the dialog is gone")
        assert desk.actions.done == []
        await desk.press(key)
        await desk.until(lambda: isinstance(app.screen, Entry), "the dialog")
        await desk.press(*"more", "enter")
        await desk.shows(app, told)
        assert desk.actions.done == [done]
        assert "filter:" not in desk.text(app)


@pytest.mark.parametrize(
    ("key", "state", "told"),
    [
        ("s", RunState.COMPLETED, "this run is over: completed; c continues it"),
        ("c", RunState.RUNNING, "this run is not over; s sends it a message"),
    ],
)
async def test_a_run_in_another_state_is_left_with_the_other_key(
    desk: Desk, key: str, state: RunState, told: str
) -> None:
    running(desk, "one")
    if state.is_over:
        desk.store.change("one", state)
    async with desk.shown() as app:
        await desk.shows(app, "> do it")
        await desk.press(key)
        await desk.shows(app, told)
        assert len(app.screen_stack) == 1


async def test_a_run_is_started_where_there_are_none_and_a_refusal_is_shown(desk: Desk) -> None:
    desk.actions.refuses = "no key"
    async with desk.shown() as app:
        await desk.shows(app, "No runs in this folder yet", "Press n")
        await desk.press("n")
        await desk.until(lambda: isinstance(app.screen, Entry), "the dialog")
        await desk.press("x", "enter")
        await desk.shows(app, "no key")
        assert desk.actions.done == [("start", "x", "/w")]


async def test_the_id_of_a_run_is_copied(desk: Desk) -> None:
    running(desk, "one")
    async with desk.shown() as app:
        await desk.shows(app, "> do it")
        await desk.press("y")
        await desk.shows(app, "copied: one")
        assert app.clipboard == "one"


async def test_help_names_every_key(desk: Desk) -> None:
    async with desk.shown((80, 50)) as app:
        await desk.press("question_mark")
        await desk.shows(app, "Enter", "PageUp", "interrupt a run", "Ctrl-C", "needs answer")
        await desk.press("escape")
        await desk.shows(app, "No runs in this folder yet")


async def test_no_runs_say_how_to_start_one_until_there_is_one(desk: Desk) -> None:
    async with desk.shown() as app:
        await desk.shows(app, "No runs in this folder yet", "codexmcp runs start")
        running(desk, "live", prompt="the first one")
        await desk.shows(app, "> the first one")


async def test_without_watching_the_list_changes_when_asked_to(desk: Desk) -> None:
    running(desk, "one", prompt="first task")
    async with desk.shown(watch_s=None) as app:
        await desk.shows(app, "> first task")
        desk.store.change("one", RunState.COMPLETED)
        await desk.press("down", "up")
        await desk.shows(app, "1 running · 0 completed")
        await desk.press("r")
        await desk.shows(app, "0 running · 1 completed")


async def test_a_store_that_breaks_leaves_what_was_seen_and_its_remedy(desk: Desk) -> None:
    fill(desk, 1)
    async with desk.shown() as app:
        await desk.shows(app, "> do it")
        desk.store.close()
        for file in desk.directory.folder.glob("runs.sqlite3*"):
            file.unlink()
        desk.directory.store_path.write_bytes(b"nonsense" * 1000)
        await desk.shows(app, "reindex", "> do it")
        desk.directory.store_path.unlink()
        await desk.shows(app, "is gone")
        desk.store = SqliteStore(desk.directory.store_path)
        running(desk, "live", prompt="after the repair")
        await desk.shows(app, "> after the repair")


async def test_what_a_run_is_called_steers_no_terminal(desk: Desk) -> None:
    running(desk, "live", prompt="\x1b[2J\x1b]0;owned\x07 日本語 \u202e" + "long " * 50)
    desk.store.change("live", RunState.RUNNING, Change(reason="\x9b31m\x07"))
    async with desk.shown(SIZES[1]) as app:
        await desk.shows(app, "> 日本語 long long")
        assert all(line.isprintable() for line in desk.text(app).splitlines())


async def test_a_screen_that_is_made_too_small_comes_back(desk: Desk) -> None:
    running(desk, "live", prompt="still here")
    async with desk.shown() as app:
        await desk.shows(app, "> still here")
        await desk.pilot.resize_terminal(50, 10)
        await desk.shows(app, "at least 60x15")
        await desk.press("i", "enter", "v")
        assert len(app.screen_stack) == 1
        await desk.pilot.resize_terminal(60, 15)
        await desk.shows(app, "> still here")


async def test_only_rows_that_changed_are_drawn_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(desk, 9)
    running(desk, "live")
    async with desk.shown() as app:
        await desk.shows(app, "> do it")
        drawn: list[tuple[str | None, int]] = []
        refresh = Lines.refresh

        def noted(self: Lines, *regions: Any, **how: Any) -> Any:
            drawn.extend((self.id, region.y) for region in regions)
            return refresh(self, *regions, **how)

        monkeypatch.setattr(Lines, "refresh", noted)
        running(desk, "new", prompt="a newcomer")
        await desk.shows(app, "a newcomer")
        # The newcomer comes first, and what was there moves down; the counts change.
        assert {name for name, _ in drawn} <= {"running", "header"}


async def test_what_is_read_while_the_app_ends_is_not_drawn(desk: Desk) -> None:
    fill(desk, 1)
    async with desk.shown() as app:
        seen = app._snapshot
    assert seen is not None
    app._take(seen)
    app.say("too late")


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c"])
async def test_keys_that_quit(desk: Desk, key: str) -> None:
    async with desk.shown() as app:
        await desk.press(key)
        await desk.until(lambda: not app.is_running, "the end")
        assert app.return_code in {0, None}


@pytest.mark.parametrize("key", ["v", "i"])
async def test_ctrl_c_quits_from_whatever_lies_over_the_list(desk: Desk, key: str) -> None:
    running(desk, "live")
    async with desk.shown() as app:
        await desk.press(key)
        await desk.until(lambda: len(app.screen_stack) > 1, "what lies over the list")
        await desk.press("ctrl+c")
        await desk.until(lambda: not app.is_running, "the end")


async def test_the_reader_survives_a_narrow_screen(desk: Desk) -> None:
    fill(desk, 1)
    async with desk.shown(SIZES[1]) as app:
        await desk.press("v")
        await desk.shows(app, "the audit of r0000")
        assert all(len(line) <= 57 for line in app.screen.query_one(Pager).lines)
