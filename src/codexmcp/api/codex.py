"""`Codex`: turns on an app-server of one's own.

Owns the app-server and its key proxy from the beginning of the block to its end, when every process
that was started in it has ended. Starts nothing without credentials.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from codexmcp.api.options import Options, TaskOptions, check_defaults, further_turn, new_thread
from codexmcp.api.results import Result
from codexmcp.api.stream import TurnStream
from codexmcp.api.surroundings import Access
from codexmcp.appserver.orphans import end_carriers
from codexmcp.codex.desk import Desk
from codexmcp.codex.keeper import AppServerKeeper
from codexmcp.codex.options import codex_options
from codexmcp.codex.running import run_codex
from codexmcp.jsonrpc.messages import Request
from codexmcp.policy.conversations import ConversationOptions, Conversations, Listener
from codexmcp.policy.outcome import Outcome
from codexmcp.policy.policy import Defaults
from codexmcp.supervisor.withheld import secret_files


class Codex:
    """Codex, ready for any number of tasks at once. An asynchronous context manager.

    Args:
        home: The Codex home; None means that of `CODEX_HOME`, or `~/.codex`.
        api_key: The key for the model; None means that of the environment, or Codex's login.
        base_url: The Responses-API endpoint of the key; None means that of the
            environment, or OpenAI's.
        endpoint: A Responses-API endpoint without a key, in place of all other access.
        env: The environment of Codex and its commands, secrets left out; None means ours.
        options: Defaults of all tasks; see `Options`.
    """

    def __init__(
        self,
        *,
        home: str | Path | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        endpoint: str | None = None,
        env: Mapping[str, str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        check_defaults(options)
        self._access = Access(home, api_key, base_url, endpoint, env)
        self._defaults: Mapping[str, Any] = {**options}
        self._stack = contextlib.AsyncExitStack()
        self._threads: set[str] = set()
        self._turns: set[asyncio.Task[Result]] = set()
        self._desk: Desk | None = None
        self._conversations: Conversations | None = None

    async def __aenter__(self) -> Self:
        """Find Codex and its credentials, and begin to start it.

        Raises:
            CredentialsError: There is nothing to authenticate with.
            ConfigurationError: The binary, the home or a setting cannot be used.
        """
        found, env = self._access.resolved()
        codex = codex_options(found)

        async def answer(request: Request) -> object:
            return await desk.answer(request)

        keeper = AppServerKeeper(lambda: run_codex(codex, answer), codex.check_access)
        desk = Desk(keeper)
        settings = found.settings
        files = (found.home.auth_file, *secret_files(settings, env))
        hidden = (str(path.resolve()) for path in files if path.is_file())
        options = ConversationOptions(
            defaults=Defaults(settings.sandbox_mode, settings.model),
            hidden=tuple(dict.fromkeys(hidden)),
        )
        self._stack.push_async_callback(self._end_left)
        await self._stack.enter_async_context(keeper)
        self._desk = await self._stack.enter_async_context(desk)
        self._stack.push_async_callback(self._end_turns)
        self._conversations = Conversations(options, desk)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._desk = self._conversations = None
        await self._stack.aclose()

    async def run(self, prompt: str, **options: Unpack[TaskOptions]) -> Result:
        """Do a task and return the result. Cancellation interrupts the turn.

        Args:
            prompt: The task.
            options: See `TaskOptions`.

        Raises:
            TurnFailedError: Codex could not do it, or the message does not fit the output schema.
            DeadlineError: A bound was reached; the turn was interrupted.
            UsageError: An option cannot be used.
            CredentialsError: Codex could not authenticate for it.
            AppServerError: Codex refused, or ended.
        """
        async with self._stream(prompt, options, keeps_events=False) as turn:
            return await turn.result()

    def stream(self, prompt: str, **options: Unpack[TaskOptions]) -> TurnStream:
        """Return a turn whose events can be followed; it begins with its `async with` block.

        Args:
            prompt: The task.
            options: See `TaskOptions`.

        Raises:
            UsageError: An option cannot be used.
        """
        return self._stream(prompt, options, keeps_events=True)

    def _stream(self, prompt: str, options: TaskOptions, *, keeps_events: bool) -> TurnStream:
        conversations, desk = self._conversations, self._desk
        if conversations is None or desk is None:
            raise RuntimeError("use Codex in `async with`: it runs there")
        given: Mapping[str, Any] = {**options}
        if given.keys() & {"resume", "fork"}:
            further = further_turn(prompt, given, self._defaults)
            proceed = conversations.fork if "fork" in given else conversations.proceed

            async def begin(listener: Listener) -> Outcome:
                return await proceed(further, listener)
        else:
            call = new_thread(prompt, given, self._defaults)

            async def begin(listener: Listener) -> Outcome:
                return await conversations.start(call, listener)

        on_question = given.get("on_question", self._defaults.get("on_question"))
        stream = TurnStream(begin, desk, on_question, keeps_events=keeps_events)
        stream.threads, stream.turns = self._threads, self._turns
        return stream

    async def _end_turns(self) -> None:
        """End the turns of tasks that outlive the block."""
        if turns := set(self._turns):
            for turn in turns:
                turn.cancel()
            await asyncio.wait(turns)

    async def _end_left(self) -> None:
        """End what commands have left running, which Codex does not know of."""
        if self._threads:
            await asyncio.to_thread(end_carriers, self._threads)
