"""A scripted model that knows what to answer by the prompt, not by the order of requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

from codexmcp.testing import (
    Call,
    Calls,
    ModelServer,
    Outcome,
    Request,
    Surface,
    Text,
    outcome_of,
)

BOUND_S = 30.0
"""Bound on what takes a second when nobody else uses the machine."""

Answer = Outcome | Call | Calls
Step = Answer | Callable[[], Awaitable[Answer]]


class PromptModel(ModelServer):
    """Answers each prompt by a script of its own; one without says `done: ` and the prompt.

    Args:
        surface: The tools that Codex has to offer.
    """

    def __init__(self, surface: Surface = Surface.CODE_MODE) -> None:
        super().__init__(self._answer, keep=20_000, surface=surface)
        self._scripts: dict[str, deque[Step]] = defaultdict(deque)
        self._news = asyncio.Condition()
        self._arrivals: list[str] = []
        self._all: list[str] = []

    def on(self, prompt: str, *steps: Step) -> None:
        """Say what a prompt is answered with, one step per request."""
        self._scripts[prompt].extend(steps)

    def hold(self, prompt: str, answer: Answer | None = None) -> asyncio.Event:
        """Hold the next answer to a prompt back until the event that is returned is set."""
        release = asyncio.Event()

        async def held() -> Answer:
            await release.wait()
            return answer or _default(prompt)

        self.on(prompt, held)
        return release

    @property
    def prompts(self) -> list[str]:
        """The prompts in the order they came, each as often as a turn was begun with it."""
        return list(self._arrivals)

    def asked(self, prompt: str) -> int:
        """Return how often a turn was begun with a prompt."""
        return self._arrivals.count(prompt)

    async def wait_until_asked(self, prompt: str, times: int = 1) -> None:
        """Wait until turns were begun with a prompt."""
        try:
            async with asyncio.timeout(BOUND_S), self._news:
                await self._news.wait_for(lambda: self.asked(prompt) >= times)
        except TimeoutError:
            raise AssertionError(f"{prompt!r} did not come; these did: {self.prompts}") from None

    async def wait_for_requests_of(self, prompt: str, times: int) -> None:
        """Wait until a prompt has led to requests: the first, and one per command."""
        async with asyncio.timeout(BOUND_S), self._news:
            await self._news.wait_for(lambda: self._all.count(prompt) >= times)

    async def _answer(self, request: Request) -> Outcome:
        prompt = request.turn.prompt
        self._all.append(prompt)
        if not request.turn.steps:
            self._arrivals.append(prompt)
        async with self._news:
            self._news.notify_all()
        script = self._scripts[prompt]
        step = script.popleft() if script else _default(prompt)
        return outcome_of(await step() if callable(step) else step, request)


def _default(prompt: str) -> Text:
    return Text(f"done: {prompt}")
