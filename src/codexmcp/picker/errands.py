"""What the keys have done to the selected run, from the question before to the message after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from textual.app import SuspendNotSupported

from codexmcp.picker.actions import Actions, Attachment
from codexmcp.picker.rows import STATE_WORDS, Tone
from codexmcp.picker.text import clean
from codexmcp.picker.threads import in_thread
from codexmcp.runs.run import Run
from codexmcp.supervisor.attaching import run_in_terminal

RunAttached = Callable[[Attachment], int]

_DECISIONS = {"y": "accept", "s": "accept_for_session", "n": "decline", "c": "cancel"}
_MEANINGS = {
    "y": "accept: let it do this once, outside of the sandbox",
    "s": "accept, and do not ask for the like again in this thread",
    "n": "decline: Codex goes on without",
    "c": "cancel: decline and end the turn",
}


class Stage(Protocol):
    """The screen, as far as errands use it."""

    def say(self, text: str, tone: Tone = ...) -> None:
        """Show a message for a while."""
        ...

    async def choose(self, title: str, text: str, choices: Mapping[str, str]) -> str | None:
        """Have the user press one of some keys; return it, or None when they leave."""
        ...

    def suspend(self) -> AbstractContextManager[None]:
        """Hand over the terminal while the block runs."""
        ...


def run_attached(held: Attachment) -> int:
    """Show an attached thread in the foreground of the terminal; return its exit code."""
    return run_in_terminal(held.command)


class Errands:
    """What can be done to a run from the screen.

    Each raises `CodexMCPError` when it cannot be done.

    Args:
        stage: The screen.
        actions: What is done in the end.
        run_attached: Shows an attached thread.
    """

    def __init__(self, stage: Stage, actions: Actions, run_attached: RunAttached) -> None:
        self._stage = stage
        self._actions = actions
        self._run_attached = run_attached

    async def interrupt(self, run: Run) -> None:
        """Interrupt a run, after asking."""
        if run.state.is_over:
            self._stage.say(f"this run is over already: {STATE_WORDS[run.state]}", Tone.BAD)
            return
        choices = {"y": "interrupt it; it can be resumed later", "n": "leave it alone"}
        if await self._stage.choose("Interrupt this run?", _named(run), choices) == "y":
            self._stage.say("interrupting …")
            state = await in_thread(lambda: self._actions.interrupt(run.id))
            self._stage.say(f"{state}: {clean(run.title)}")

    async def answer(self, run: Run) -> None:
        """Answer what a run waits with."""
        self._stage.say("asking the supervisor …")
        question = await in_thread(lambda: self._actions.question(run.id))
        if question is None:
            self._stage.say("this run has no question that waits", Tone.BAD)
            return
        self._stage.say("")
        title = "Codex asks" + (f" (1 of {question.count})" if question.count > 1 else "")
        text = f"{clean(question.text)}\n\nfor: {_named(run)}"
        key = await self._stage.choose(title, text, _MEANINGS)
        if key is not None:
            decision = _DECISIONS[key]
            await in_thread(lambda: self._actions.answer(run.id, question.id, decision))
            self._stage.say(f"answered: {decision.replace('_', ' ')}")

    async def attach(self, run: Run) -> None:
        """Show the thread of a run in Codex's own interface, until its user leaves that."""
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


def _named(run: Run) -> str:
    return f"{clean(run.title)}\n{run.id}"
