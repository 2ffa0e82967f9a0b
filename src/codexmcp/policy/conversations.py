"""The conversations of one caller with Codex: threads that are started, continued and forked.

Owns the use cases below the tools `codex` and `codex-reply` and below the Python API: policy,
options of the thread, input, turn. Knows no MCP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event
from codexmcp.appserver.refusals import DrainingError, UnknownThreadError
from codexmcp.appserver.requests import (
    ThreadInfo,
    ThreadOptions,
    TurnOptions,
    image_input,
    text_input,
)
from codexmcp.appserver.tokens import Tokens
from codexmcp.codex.access import PROVIDER
from codexmcp.codex.desk import Ask, Desk, Seat, ThreadRequest, decline
from codexmcp.codex.permissions import RestrictedPaths
from codexmcp.codex.recorded import RecordedSettings, read_settings
from codexmcp.codex.thread_options import with_environment
from codexmcp.codex.threads import KnownThread
from codexmcp.codex.turns import Turn, TurnLimits
from codexmcp.data_classes import dataclass, field, replace
from codexmcp.errors import CredentialsError, RequestError, TurnFailedError
from codexmcp.jsonrpc.messages import INVALID_REQUEST
from codexmcp.jsonvalues import text_of
from codexmcp.policy import extras
from codexmcp.policy.arguments import CodexArguments, Extras, ReplyArguments
from codexmcp.policy.outcome import Outcome, read_answer
from codexmcp.policy.policy import Defaults, Policy
from codexmcp.policy.thread_options import resumed_call, start_options


@dataclass(frozen=True, slots=True)
class Listener:
    """Who follows a call.

    Attributes:
        on_thread: Called with the thread that a first turn has started or forked.
        on_seat: Called with the thread once it is loaded, before its turn.
        on_event: Called with the thread of the call, each event of its tree while the call runs,
            and the path of the sub-agent that the event is about; empty for the root.
        on_question: Answers a question of Codex; see `Ask`.
    """

    on_thread: Callable[[ThreadInfo], None] = lambda _thread: None
    on_seat: Callable[[Seat], None] = lambda _seat: None
    on_event: Callable[[str, Event, str], None] = lambda _thread_id, _event, _agent: None
    on_question: Ask = decline


@dataclass(frozen=True, slots=True)
class ConversationOptions:
    """What holds for every call.

    Attributes:
        policy: What is fixed.
        defaults: What holds where a call of `codex` leaves it open.
        limits: Bounds on a turn.
        base_dir: What a relative `cwd` is relative to.
        is_shared: Whether app-server works for others too, and thus not in `base_dir` by itself.
        resumes: Whether a thread from before a restart is resumed; the removed server refused.
        env: What commands see, where app-server has somebody else's environment; None means that
            of app-server.
        hidden: Absolute paths that commands must not read in the sandboxed modes, beside those of
            the policy.
    """

    policy: Policy = field(default_factory=Policy)
    defaults: Defaults = field(default_factory=Defaults)
    limits: TurnLimits = field(default_factory=TurnLimits)
    base_dir: Path = field(default_factory=Path.cwd)
    is_shared: bool = False
    resumes: bool = True
    env: Mapping[str, str] | None = None
    hidden: tuple[str, ...] = ()

    @property
    def denied(self) -> tuple[str, ...]:
        """Absolute paths that commands must not read."""
        return (*self.policy.deny_read, *self.hidden)


class Conversations:
    """The conversations of one caller.

    Args:
        options: What holds for every call.
        desk: Where turns are done.
    """

    def __init__(self, options: ConversationOptions, desk: Desk) -> None:
        self._source = desk.source
        self._options = options
        self._desk = desk
        # A thread that somebody else has loaded keeps their environment, too.
        env = None if options.env is None else tuple(sorted(options.env.items()))
        self._terms = (options.policy, env)
        self._accepts_any_terms = not options.policy.restricts and env is None

    async def start(self, call: CodexArguments, listener: Listener) -> Outcome:
        """Start a thread and run its first turn.

        Raises:
            ArgumentsError: The call cannot be used, or the policy forbids what it asks for.
            CredentialsError: Codex could not authenticate for it.
            RequestError: Codex refuses its options.
            TurnFailedError: Codex did not begin the turn.
            AppServerError: Codex could not be asked at all.
            DeadlineError: A bound was reached.
        """
        base_dir, policy, asked = str(self._options.base_dir), self._options.policy, call
        call = policy.apply(self._options.defaults.fill(call, policy), base_dir=base_dir)
        if self._options.is_shared and call.cwd is None:
            call = replace(call, cwd=base_dir)
        items = await self._input(call.prompt, call.extras, call.cwd or base_dir)

        async def make(server: AppServer) -> tuple[ThreadInfo, ThreadOptions]:
            with_profile = self._with_profile(call, server)
            self._source.check_access(with_profile.config)
            effective = await self._source.effective_config()
            options = start_options(
                with_profile,
                self._withheld(server, self._options.denied),
                effective,
                policy=policy,
            )
            return await server.start_thread(self._seen(options)), options

        try:
            return await self._first_turn(make, items, call.extras, listener)
        except DrainingError:
            # Nothing was sent, and the thread was never used: the next app-server starts another.
            return await self.start(asked, listener)

    async def fork(self, call: ReplyArguments, listener: Listener) -> Outcome:
        """Run the first turn of a thread that has the history of another; see `start`.

        Args:
            call: The thread that is forked, which nobody has to be done with, and the turn.
            listener: Who follows it.

        Raises:
            UnknownThreadError: There is no such thread.
        """
        items = await self._further_input(call)

        async def make(server: AppServer) -> tuple[ThreadInfo, ThreadOptions]:
            await self._check_recorded_access(server, call.thread_id)
            options = await self._recorded_options(server, call.thread_id, call.sandbox, {})
            return await server.fork_thread(call.thread_id, self._seen(options)), options

        try:
            return await self._first_turn(make, items, call.extras, listener)
        except DrainingError:
            return await self.fork(call, listener)

    async def proceed(self, call: ReplyArguments, listener: Listener) -> Outcome:
        """Run a further turn of a thread, after the turns of it that are under way.

        Raises:
            ArgumentsError: The call cannot be used.
            UnknownThreadError: There is no such thread.
            ThreadBusyError: Somebody else works on it.
            RequestError: It cannot be loaded.
            TurnFailedError: Codex did not begin the turn.
            AppServerError: Codex could not be asked at all.
            DeadlineError: A bound was reached.
        """
        items = await self._further_input(call)
        thread_id, sandbox = call.thread_id, call.sandbox

        async def load(server: AppServer, known: KnownThread | None) -> str:
            assert known is not None, "the thread is named"
            await self._check_access(server, known)
            await self._load(server, known, sandbox)
            return known.id

        opening = ThreadRequest(
            load,
            thread_id,
            self._terms if sandbox is None else (*self._terms, sandbox),
            accepts_any_terms=self._accepts_any_terms and sandbox is None,
        )
        try:
            async with self._desk.seat(opening) as seat:
                return await self._turn(seat, items, call.extras, listener)
        except DrainingError:
            return await self.proceed(call, listener)

    async def _first_turn(
        self,
        make: Callable[[AppServer], Awaitable[tuple[ThreadInfo, ThreadOptions]]],
        items: list[dict[str, Any]],
        extra: Extras,
        listener: Listener,
    ) -> Outcome:
        """Make a thread and run its first turn."""
        await self._desk.make_room()
        made: list[tuple[ThreadInfo, ThreadOptions]] = []

        async def load(server: AppServer, _known: KnownThread | None) -> str:
            made.append(await make(server))
            return made[-1][0].id

        async with self._desk.seat(ThreadRequest(load, terms=self._terms)) as seat:
            thread, seat.known.options = made[-1]
            seat.known.policy = self._options.policy
            seat.known.totals = {thread.id: Tokens()}
            seat.known.cwd = text_of(thread.raw.get("cwd")) or ""
            listener.on_thread(thread)
            return await self._turn(seat, items, extra, listener)

    async def _check_access(self, server: AppServer, known: KnownThread) -> None:
        """Refuse to continue a thread for which Codex has no credentials.

        Raises:
            CredentialsError: There is nothing to authenticate with.
        """
        config = dict[str, Any]() if known.options is None else known.options.config
        await self._check_recorded_access(server, known.id, config)

    async def _check_recorded_access(
        self, server: AppServer, thread_id: str, config: Mapping[str, Any] | None = None
    ) -> None:
        try:
            self._source.check_access(config or dict[str, Any]())
        except CredentialsError:
            # One that a profile or `config` gave another provider keeps it.
            thread = await server.read_thread(thread_id, include_turns=False)
            provider = text_of(thread.get("modelProvider"))
            if provider in {None, PROVIDER, "openai"}:
                raise
            self._source.check_access({"model_provider": provider})

    async def close(self) -> None:
        """Stop what the calls have left at work: their caller has gone."""
        await self._desk.leave(self)

    async def _load(self, server: AppServer, known: KnownThread, sandbox: str | None) -> None:
        """Load a thread that this app-server does not have, within the policy.

        Args:
            server: The app-server.
            known: The thread.
            sandbox: The sandbox mode from now on; None for that of the thread.

        Raises:
            RequestError: It cannot be loaded, or the policy is against it.
        """
        policy = self._options.policy
        if known.options is None and not self._options.resumes:
            raise UnknownThreadError("thread/resume", INVALID_REQUEST, "another server's thread")
        started = known.options if not policy.restricts or known.policy == policy else None
        if started is not None and sandbox is None:
            options = started
        else:
            # How another client started it must not come back.
            config = dict[str, Any]() if started is None else started.config
            options = await self._recorded_options(server, known.id, sandbox, config)
        loaded = await server.load_thread(known.id, self._seen(options))
        known.cwd = text_of(loaded.raw.get("cwd")) or ""
        if sandbox is not None:
            known.options, known.policy = options, policy

    async def _recorded_options(
        self,
        server: AppServer,
        thread_id: str,
        sandbox: str | None,
        config: Mapping[str, Any],
    ) -> ThreadOptions:
        """Return how a thread goes on as it last worked, within the policy.

        Args:
            server: The app-server.
            thread_id: The thread.
            sandbox: The sandbox mode from now on; None for that of its last turn.
            config: Settings that it was started with here.
        """
        thread = await server.read_thread(thread_id, include_turns=False)
        rollout, policy = text_of(thread.get("path")), self._options.policy
        recorded = None
        if rollout is not None:
            recorded = await asyncio.to_thread(read_settings, Path(rollout))
        recorded = recorded or RecordedSettings(cwd=text_of(thread.get("cwd")))
        if sandbox is not None:
            recorded = replace(recorded, sandbox=sandbox, profile=None)
        effective = await self._source.effective_config()
        call = self._with_profile(resumed_call(recorded, policy, effective), server)
        call = replace(call, config={**call.config, **config})
        denied = [*self._options.denied, *recorded.denied]
        return start_options(
            call,
            self._withheld(server, denied),
            effective,
            permissions=recorded.profile,
            policy=policy,
        )

    def _withheld(self, server: AppServer, denied: Sequence[str]) -> RestrictedPaths:
        """Return what commands have less access to; who writes to the home decides what runs."""
        home = text_of(server.info.get("codexHome"))
        return RestrictedPaths(denied, () if home is None else (home,))

    def _seen(self, options: ThreadOptions) -> ThreadOptions:
        """Return the options with the environment that commands of this client see."""
        env = self._options.env
        return options if env is None else with_environment(options, env)

    async def _turn(
        self, seat: Seat, items: list[dict[str, Any]], extra: Extras, listener: Listener
    ) -> Outcome:
        limits, thread_id = self._options.limits, seat.known.id
        if extra.timeout_s is not None:
            shortest = min(extra.timeout_s, limits.timeout_s or extra.timeout_s)
            limits = replace(limits, timeout_s=shortest)
        agents = seat.server.agents

        def on_event(event: Event) -> None:
            listener.on_event(thread_id, event, agents.path(event.thread_id))

        turn = Turn(
            items,
            TurnOptions(effort=extra.effort, output_schema=extra.output_schema),
            limits,
            on_event=on_event,
        )
        listener.on_seat(seat)
        started = asyncio.get_running_loop().time()
        try:
            result = await seat.turn(turn, listener.on_question, owner=self)
        except DrainingError:
            raise
        except RequestError as error:
            raise TurnFailedError(thread_id, error.message) from error
        duration_ms = round((asyncio.get_running_loop().time() - started) * 1000)
        self._desk.tidy(seat.server)
        output, fault = read_answer(result, extra.output_schema)
        failure_cause = self._source.failure_cause if fault else ""
        return Outcome(result, duration_ms, output, fault, failure_cause, tuple(seat.notes(result)))

    async def _further_input(self, call: ReplyArguments) -> list[dict[str, Any]]:
        """Return the input of a further turn, once the policy allows it."""
        base_dir = self._options.policy.bound or str(self._options.base_dir)
        items = await self._input(call.prompt, call.extras, base_dir)
        if call.sandbox is not None:
            self._options.policy.apply(CodexArguments("", sandbox=call.sandbox), base_dir=base_dir)
        return items

    async def _input(self, prompt: str, extra: Extras, base_dir: str) -> list[dict[str, Any]]:
        if extra.output_schema is None and not extra.images:
            return [text_input(prompt)]
        # In a thread: a large schema takes a second, and a file system may hang.
        return await asyncio.to_thread(self._checked_input, prompt, extra, base_dir)

    def _checked_input(self, prompt: str, extra: Extras, base_dir: str) -> list[dict[str, Any]]:
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
