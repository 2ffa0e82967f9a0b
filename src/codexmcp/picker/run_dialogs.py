"""The actions of keys on the selected run, from the confirmation to the final message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from textual.app import SuspendNotSupported

from codexmcp.appserver.forms import Field, fields_of
from codexmcp.errors import UsageError
from codexmcp.picker.actions import Actions, Attachment, OpenQuestion
from codexmcp.picker.rows import STATE_WORDS, Tone
from codexmcp.picker.text import clean
from codexmcp.runs.run import Run
from codexmcp.supervisor.attaching import run_in_terminal
from codexmcp.worker_thread import in_thread

RunAttached = Callable[[Attachment], int]

_DECISIONS = {"y": "accept", "s": "accept_for_session", "n": "decline", "c": "cancel"}
_MEANINGS = {
    "y": "accept: let it do this once, outside of the sandbox",
    "s": "accept, and do not ask for the like again in this thread",
    "n": "decline: Codex goes on without",
    "c": "cancel: decline and end the turn",
}


class Stage(Protocol):
    """The part of the screen for dialogs on runs."""

    def say(self, text: str, tone: Tone = ...) -> None:
        """Show a temporary message."""
        ...

    async def choose(self, title: str, text: str, choices: Mapping[str, str]) -> str | None:
        """Wait for the key of a choice; return the key, or None after a cancel."""
        ...

    async def enter(self, title: str, text: str) -> str | None:
        """Wait for a typed line; return the line, or None after a cancel."""
        ...

    def suspend(self) -> AbstractContextManager[None]:
        """Release the terminal during the block."""
        ...


def run_attached(held: Attachment) -> int:
    """Show an attached thread in the foreground of the terminal; return the exit code of Codex."""
    return run_in_terminal(held.command)


class RunDialogs:
    """Actions on a run with dialogs and messages.

    Each method raises `CodexMCPError` after a failure.

    Args:
        stage: The screen.
        actions: The actions without dialogs.
        run_attached: Shows an attached thread.
    """

    def __init__(self, stage: Stage, actions: Actions, run_attached: RunAttached) -> None:
        self._stage = stage
        self._actions = actions
        self._run_attached = run_attached

    async def interrupt(self, run: Run) -> None:
        """Interrupt a run after a confirmation."""
        if run.state.is_over:
            self._stage.say(f"this run is over already: {STATE_WORDS[run.state]}", Tone.BAD)
            return
        choices = {"y": "interrupt it; it can be resumed later", "n": "leave it alone"}
        if await self._stage.choose("Interrupt this run?", _named(run), choices) == "y":
            self._stage.say("interrupting …")
            state = await in_thread(lambda: self._actions.interrupt(run.id))
            self._stage.say(f"{state}: {clean(run.title)}")

    async def steer(self, run: Run) -> None:
        """Send a message to a working run."""
        if run.state.is_over:
            self._stage.say(f"this run is over: {STATE_WORDS[run.state]}; c continues it", Tone.BAD)
            return
        text = await self._stage.enter(
            "Message to this run", f"{_named(run)}\n\nCodex reads it soon."
        )
        if text and text.strip():
            self._stage.say("sending …")
            await in_thread(lambda: self._actions.steer(run.id, text))
            self._stage.say(f"message sent: {clean(run.title)}")

    async def resume(self, run: Run) -> None:
        """Give an ended run a further prompt."""
        if not run.state.is_over:
            self._stage.say("this run is not over; s sends it a message", Tone.BAD)
            return
        about = f"{_named(run)}\n\nThe next prompt:"
        await self._begin(
            "Continue this run", about, lambda prompt: self._actions.resume(run.id, prompt)
        )

    async def start(self, folder: str) -> None:
        """Start a run in a folder."""
        about = f"in {clean(folder)}\n\nThe prompt:"
        await self._begin("New run", about, lambda prompt: self._actions.start(prompt, folder))

    async def _begin(self, title: str, about: str, begin: Callable[[str], str]) -> None:
        """Begin a run with a typed prompt; `begin` returns its id."""
        prompt = await self._stage.enter(title, about)
        if prompt and prompt.strip():
            self._stage.say("starting …")
            run_id = await in_thread(lambda: begin(prompt))
            self._stage.say(f"started: {run_id}")

    async def answer(self, run: Run) -> None:
        """Answer the open question of a run."""
        self._stage.say("asking the supervisor …")
        question = await in_thread(lambda: self._actions.question(run.id))
        if question is None:
            self._stage.say("this run has no open question", Tone.BAD)
            return
        self._stage.say("")
        title = "Codex asks" + (f" (1 of {question.count})" if question.count > 1 else "")
        text = "\n".join((*_told(question), "", f"for: {_named(run)}"))
        key = await self._stage.choose(title, text, _meanings(question))
        if key is None:
            return
        decision = _DECISIONS[key]
        content: dict[str, Any] | None = {}
        if question.form and decision.startswith("accept"):
            content = await self._filled_in(question)
        if content is not None:
            given = content
            await in_thread(lambda: self._actions.answer(run.id, question.id, decision, given))
            self._stage.say(f"answered: {decision.replace('_', ' ')}")

    async def _filled_in(self, question: OpenQuestion) -> dict[str, Any] | None:
        """Return the values for all fields of a form; None after a cancel."""
        content: dict[str, Any] = {}
        for field in fields_of(question.form):
            typed = await self._entered(clean(question.text), field)
            if typed is None:
                return None
            content[field.name] = field.read(typed)
        return {name: value for name, value in content.items() if value is not None}

    async def _entered(self, title: str, field: Field) -> str | None:
        """Return valid text for a field; None after a cancel."""
        fault = ""
        while True:
            typed = await self._stage.enter(title, clean(f"{field.prompt}{fault}"))
            if typed is None:
                return None
            try:
                value = field.read(typed)
            except UsageError as error:
                fault = f"\n\n{error}"
                continue
            if value is not None or not field.is_required:
                return typed
            fault = "\n\nit must be filled in"

    async def attach(self, run: Run) -> None:
        """Show the thread of a run in Codex's own interface, until the user leaves Codex."""
        self._stage.say("attaching …")
        held = await in_thread(lambda: self._actions.attach(run.id))
        try:
            with self._stage.suspend():
                code = self._run_attached(held)
            told = f" (exit code {code})" if code else ""
            self._stage.say(f"back from {clean(run.title)}{told}", Tone.BAD if code else Tone.PLAIN)
        except SuspendNotSupported:
            self._stage.say("this terminal cannot be handed over to Codex", Tone.BAD)
        finally:
            await in_thread(held.close)


def _told(question: OpenQuestion) -> list[str]:
    lines = [clean(question.text)]
    if question.agent:
        lines.append(clean(f"asked by {question.agent}"))
    if question.url:
        lines.append(clean(f"open: {question.url}"))
    return [*lines, *(clean(f"- {field.prompt}") for field in fields_of(question.form))]


def _meanings(question: OpenQuestion) -> Mapping[str, str]:
    if not question.form:
        return _MEANINGS
    return {"y": "fill it in", "n": _MEANINGS["n"], "c": _MEANINGS["c"]}


def _named(run: Run) -> str:
    return f"{clean(run.title)}\n{run.id}"
