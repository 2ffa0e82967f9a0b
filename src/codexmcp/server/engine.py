"""Runs the calls of the two tools on an app-server.

Owns the use cases: start a thread and run its first turn, run a further one, resume a thread from
before a restart. Knows no MCP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from codexmcp.appserver.admission import Admission
from codexmcp.appserver.answers import DECLINED, Answer
from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event, TurnStatus
from codexmcp.appserver.requests import (
    ThreadInfo,
    ThreadOptions,
    TurnOptions,
    image_input,
    text_input,
)
from codexmcp.appserver.threads import MAX_LOADED, KnownThread, Threads, is_loaded
from codexmcp.appserver.turns import TurnLimits, TurnResult, run_turn
from codexmcp.errors import RequestError
from codexmcp.home.key_proxy import explained
from codexmcp.jsonrpc.messages import Request
from codexmcp.jsonvalues import text_of
from codexmcp.server import extras
from codexmcp.server.arguments import CodexArguments, Extras, ReplyArguments
from codexmcp.server.codex_events import old_spelling
from codexmcp.server.keeper import AppServerKeeper
from codexmcp.server.policy import Policy, allows
from codexmcp.server.results import CallResult, cut_to, failure
from codexmcp.server.thread_options import resume_options, start_options

CROWDED = MAX_LOADED + 16
"""Loaded threads from which on a new one waits for others to be unloaded."""

TIDY_TIMEOUT_S = 5.0
"""Bound on the work behind the calls at the end; unloading a thread takes 10 ms, and 2 s where
somebody else stays subscribed to it."""


async def _decline(_request: Request) -> Answer:
    return DECLINED


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what a call does, and asked what Codex wants to know.

    Attributes:
        on_thread: Is handed the thread that a `codex` call started.
        on_event: Is handed the thread's id and each of its events while the call runs.
        on_question: Answers a question of Codex.
    """

    on_thread: Callable[[ThreadInfo], None] = lambda _thread: None
    on_event: Callable[[str, Event], None] = lambda _thread_id, _event: None
    on_question: Callable[[Request], Awaitable[Answer]] = _decline


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What holds for every call.

    Attributes:
        policy: What is fixed.
        limits: Bounds on a turn.
        base_dir: What a relative `cwd` is relative to.
        is_shared: Whether app-server works for others too, and thus not in `base_dir` by itself.
        resumes: Whether a thread from before a restart is resumed; the removed server refused.
        max_result_bytes: Bound on an answer's text; None for none.
    """

    policy: Policy = field(default_factory=Policy)
    limits: TurnLimits = field(default_factory=TurnLimits)
    base_dir: Path = field(default_factory=Path.cwd)
    is_shared: bool = False
    resumes: bool = True
    max_result_bytes: int | None = None


class Engine:
    """The two tools, without a protocol around them.

    Args:
        keeper: Has the app-server.
        options: What holds for every call.
        threads: The threads of the app-server, when others work on them too.
    """

    def __init__(
        self, keeper: AppServerKeeper, options: EngineOptions, threads: Threads | None = None
    ) -> None:
        self._keeper = keeper
        self._options = options
        self._threads = Threads() if threads is None else threads
        self._admission = Admission()
        self._tidying: asyncio.Task[None] | None = None
        self._listeners: dict[str, Listener] = {}

    async def codex(self, call: CodexArguments, listener: Listener) -> CallResult:
        """Start a thread and run its first turn.

        Raises:
            ArgumentsError: The call cannot be used, or the policy forbids what it asks for.
            AppServerError: Codex could not be asked at all.
            DeadlineError: A bound was reached.
        """
        base_dir = str(self._options.base_dir)
        call = self._options.policy.apply(call, base_dir=base_dir)
        if self._options.is_shared and call.cwd is None:
            call = replace(call, cwd=base_dir)
        items = self._input(call.prompt, call.extras, call.cwd or base_dir)
        server = await self._keeper.get()
        call = self._with_profile(call, server)
        effective = await self._keeper.effective_config()
        await self._make_room(server)
        ticket = await self._admission.enter()
        with ticket.held():
            try:
                options = start_options(call, self._options.policy, effective)
                thread = await server.start_thread(options)
            except RequestError as error:
                return failure(_load_failure(error))
            async with self._threads.turn_of(thread.id) as known:
                known.note_loaded(self._keeper.generation, policy=self._options.policy)
                known.options = options
                listener.on_thread(thread)
                with server.listen(thread.id, ticket.on_event):
                    return await self._turn(server, thread.id, items, call.extras, listener)

    async def reply(self, call: ReplyArguments, listener: Listener) -> CallResult:
        """Run a further turn of a thread, after the turns of it that are under way.

        Raises:
            ArgumentsError: The call cannot be used.
            AppServerError: Codex could not be asked at all.
            DeadlineError: A bound was reached.
        """
        base_dir = self._options.policy.bound or str(self._options.base_dir)
        items = self._input(call.prompt, call.extras, base_dir)
        async with self._threads.turn_of(call.thread_id) as known:
            server = await self._keeper.get()
            if known.loaded_in != self._keeper.generation or not self._fits(known):
                refusal = await self._let_go(server, known) or await self._resume(server, known)
                if refusal is not None:
                    return refusal
                known.note_loaded(self._keeper.generation, policy=self._options.policy)
            return await self._turn(server, call.thread_id, items, call.extras, listener)

    async def answer(self, request: Request) -> Answer:
        """Answer a question that Codex asks during a turn; a decline when nobody is there."""
        listener = self._listeners.get(str(request.params.get("threadId", "")))
        return DECLINED if listener is None else await listener.on_question(request)

    def works_on(self, thread_id: str) -> bool:
        """Return whether a call is under way on a thread."""
        return thread_id in self._listeners

    async def close(self) -> None:
        """Wait for what goes on behind the calls, or stop it when it takes too long."""
        if self._tidying is not None:
            # Half-way a thread is archived, and its owner would miss it.
            await asyncio.wait({self._tidying}, timeout=TIDY_TIMEOUT_S)
            self._tidying.cancel()
            await asyncio.wait({self._tidying})

    async def _make_room(self, server: AppServer) -> None:
        """Unload before a start when calls outrun the unloading, as on a busy machine."""
        generation = self._keeper.generation
        if self._threads.loaded(generation) >= CROWDED:
            await self._threads.unload_surplus(server, generation, at_most=2)

    def _tidy(self, server: AppServer) -> None:
        """Unload surplus threads behind the caller's back: it takes 10 ms a thread."""
        if self._tidying is None or self._tidying.done():
            unloading = self._threads.unload_surplus(server, self._keeper.generation)
            self._tidying = asyncio.create_task(unloading)

    async def _resume(self, server: AppServer, known: KnownThread) -> CallResult | None:
        """Load a thread that this app-server does not have; return why it cannot be."""
        missing = failure(f"Session not found for thread_id: {known.id}", known.id)
        if known.options is None and not self._options.resumes:
            return missing
        try:
            if known.options is not None and self._fits(known):
                await server.load_thread(known.id, known.options)
                return None
            # How another client started it must not come back at a later resume.
            known.options = None
            return await self._adopt(server, known.id)
        except RequestError as error:
            if "no rollout found" in error.message or "thread not found" in error.message:
                return missing
            return failure(f"Cannot continue thread {known.id}: {error.message}", known.id)

    def _fits(self, known: KnownThread) -> bool:
        """Return whether a thread was loaded under our policy, and not by a freer client."""
        policy = self._options.policy
        return not policy.restricts or known.policy == policy

    async def _let_go(self, server: AppServer, known: KnownThread) -> CallResult | None:
        """Unload what another client has loaded; return why that cannot be."""
        known.loaded_in = 0
        if self._options.policy.restricts and await is_loaded(server, known.id):
            if known.attached or not await server.is_resting(known.id):
                text = "somebody else works on it; wait until that is done and try again"
                return failure(f"Cannot continue thread {known.id}: {text}", known.id)
            await server.unload_thread(known.id)
        return None

    async def _adopt(self, server: AppServer, thread_id: str) -> CallResult | None:
        """Load a thread that was started elsewhere, within the policy; return why it cannot be."""
        policy = self._options.policy
        thread = await server.load_thread(thread_id, ThreadOptions())
        if not policy.restricts:
            return None
        # Only a loaded thread tells its settings, and only an unloaded one takes others.
        await server.unload_thread(thread_id)
        if not allows(policy, text_of(thread.raw.get("cwd")) or "/"):
            text = f"it worked in a folder outside of --cwd {policy.cwd}"
            return failure(f"Cannot continue thread {thread_id}: {text}", thread_id)
        effective = await self._keeper.effective_config()
        await server.load_thread(thread_id, resume_options(policy, effective, thread.raw))
        return None

    async def _turn(
        self,
        server: AppServer,
        thread_id: str,
        items: list[dict[str, Any]],
        extra: Extras,
        listener: Listener,
    ) -> CallResult:
        limits = self._options.limits
        if extra.timeout_s is not None:
            shortest = min(extra.timeout_s, limits.timeout_s or extra.timeout_s)
            limits = replace(limits, timeout_s=shortest)
        started = asyncio.get_running_loop().time()
        self._listeners[thread_id] = listener
        try:
            result = await run_turn(
                server,
                thread_id,
                items,
                TurnOptions(effort=extra.effort, output_schema=extra.output_schema),
                limits,
                lambda event: listener.on_event(thread_id, event),
            )
        except RequestError as error:
            return failure(error.message, thread_id)
        finally:
            self._listeners.pop(thread_id, None)
        duration_ms = round((asyncio.get_running_loop().time() - started) * 1000)
        self._tidy(server)
        return self._call_result(result, extra.output_schema, duration_ms)

    def _input(self, prompt: str, extra: Extras, base_dir: str) -> list[dict[str, Any]]:
        if extra.output_schema is not None:
            extras.check_schema(extra.output_schema)
        images = extras.check_images(
            extra.images, base_dir=base_dir, within=self._options.policy.bound
        )
        return [text_input(prompt), *map(image_input, images)]

    def _with_profile(self, call: CodexArguments, server: AppServer) -> CodexArguments:
        if call.extras.profile is None:
            return call
        home = Path(text_of(server.info.get("codexHome")) or "")
        settings = extras.read_profile(home, call.extras.profile)
        return replace(call, config={**settings, **call.config})

    def _call_result(
        self, result: TurnResult, schema: Mapping[str, Any] | None, duration_ms: int
    ) -> CallResult:
        answer = _answer_of(result, schema)
        if answer.is_error:
            answer = replace(answer, content=explained(answer.content, self._keeper.trouble))
        meta = {"usage": result.usage.to_json(), "durationMs": duration_ms}
        return cut_to(replace(answer, meta=meta), self._options.max_result_bytes)


def _answer_of(result: TurnResult, schema: Mapping[str, Any] | None) -> CallResult:
    if result.status is TurnStatus.INTERRUPTED:
        return failure("the turn was interrupted", result.thread_id)
    if result.status is not TurnStatus.COMPLETED:
        text = result.error.message if result.error else "the turn failed without a reason"
        return failure(old_spelling(text), result.thread_id)
    if schema is None:
        return CallResult(result.message, result.thread_id)
    output, fault = extras.read_output(schema, result.message)
    if fault is not None:
        return failure(f"{fault}; the answer was: {result.message}", result.thread_id)
    return CallResult(result.message, result.thread_id, output=output)


def _load_failure(error: RequestError) -> str:
    """Return the old server's words for options that Codex refused."""
    reason = error.message.removeprefix("failed to load configuration: ")
    return f"Failed to load Codex configuration from overrides: {reason}"
