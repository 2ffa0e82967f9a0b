"""Runs the calls of the two tools on an app-server.

Owns the rules about threads: which are loaded, that turns of one thread queue up, that a thread
from before a restart is resumed, and that the user's config.toml stays as it is. Knows no MCP.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event, TurnStatus
from codexmcp.appserver.requests import ThreadInfo, ThreadOptions, TurnOptions, text_input
from codexmcp.appserver.turns import TurnLimits, TurnResult, run_turn
from codexmcp.errors import RequestError
from codexmcp.home.permissions import PROFILE, deny_profile
from codexmcp.home.trust import untrusted_projects
from codexmcp.jsonvalues import object_of
from codexmcp.server.arguments import CodexArguments, ReplyArguments
from codexmcp.server.keeper import AppServerKeeper
from codexmcp.server.policy import Policy
from codexmcp.server.results import CallResult, failure

ThreadCallback = Callable[[ThreadInfo], None]
EventCallback = Callable[[str, Event], None]


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what a call does.

    Attributes:
        on_thread: Is handed the thread that a `codex` call started.
        on_event: Is handed the thread's id and each of its events while the call runs.
    """

    on_thread: ThreadCallback = lambda _thread: None
    on_event: EventCallback = lambda _thread_id, _event: None


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What holds for every call.

    Attributes:
        policy: What is fixed.
        limits: Bounds on a turn.
        deny_read: Absolute paths that sandboxed commands must not read.
        base_dir: What a relative `cwd` is relative to.
    """

    policy: Policy = field(default_factory=Policy)
    limits: TurnLimits = field(default_factory=TurnLimits)
    deny_read: Sequence[str] = ()
    base_dir: Path = field(default_factory=Path.cwd)


@dataclass(slots=True)
class _Thread:
    """A thread that this server has worked on."""

    turns: asyncio.Lock = field(default_factory=asyncio.Lock)
    loaded_in: int = 0


class Engine:
    """The two tools, without a protocol around them."""

    def __init__(self, keeper: AppServerKeeper, options: EngineOptions) -> None:
        self._keeper = keeper
        self._options = options
        self._threads: dict[str, _Thread] = {}

    async def codex(self, call: CodexArguments, listener: Listener) -> CallResult:
        """Start a thread and run its first turn.

        Raises:
            ArgumentsError: The policy forbids what the call asks for.
            AppServerError: Codex could not be asked at all.
            DeadlineError: A bound was reached.
        """
        call = self._options.policy.apply(call, base_dir=str(self._options.base_dir))
        server = await self._keeper.get()
        try:
            thread = await server.start_thread(await self._thread_options(server, call))
        except RequestError as error:
            return failure(_load_failure(error))
        record = self._threads.setdefault(thread.id, _Thread())
        record.loaded_in = self._keeper.generation
        listener.on_thread(thread)
        async with record.turns:
            return await self._turn(server, thread.id, call.prompt, listener)

    async def reply(self, call: ReplyArguments, listener: Listener) -> CallResult:
        """Run a further turn of a thread, after the turns of it that are under way.

        Raises:
            AppServerError: Codex could not be asked at all.
            DeadlineError: A bound was reached.
        """
        record = self._threads.setdefault(call.thread_id, _Thread())
        async with record.turns:
            server = await self._keeper.get()
            if record.loaded_in != self._keeper.generation:
                try:
                    await server.resume_thread(call.thread_id, await self._resume_options(server))
                except RequestError as error:
                    self._threads.pop(call.thread_id, None)
                    return failure(_resume_failure(call.thread_id, error), call.thread_id)
                record.loaded_in = self._keeper.generation
            return await self._turn(server, call.thread_id, call.prompt, listener)

    async def _turn(
        self, server: AppServer, thread_id: str, prompt: str, listener: Listener
    ) -> CallResult:
        result = await run_turn(
            server,
            thread_id,
            [text_input(prompt)],
            TurnOptions(),
            self._options.limits,
            lambda event: listener.on_event(thread_id, event),
        )
        return _call_result(result)

    async def _thread_options(self, server: AppServer, call: CodexArguments) -> ThreadOptions:
        effective = await _effective_config(server)
        config: dict[str, Any] = dict(call.config)
        if call.compact_prompt is not None:
            config["compact_prompt"] = call.compact_prompt
        cwd = Path(call.cwd) if call.cwd is not None else Path.cwd()
        config |= _distrust(cwd, effective, config)
        sandbox = call.sandbox or effective.get("sandbox_mode") or "read-only"
        profile = deny_profile(
            sandbox, self._options.deny_read, effective.get("sandbox_workspace_write") or {}
        )
        if profile is not None:
            config["permissions"] = {PROFILE: profile}
        return ThreadOptions(
            model=call.model,
            cwd=call.cwd,
            sandbox=call.sandbox,
            permissions=PROFILE if profile is not None else None,
            approval_policy=call.approval_policy or _approval_default(effective, config),
            base_instructions=call.base_instructions,
            developer_instructions=call.developer_instructions,
            config=config,
        )

    async def _resume_options(self, server: AppServer) -> ThreadOptions:
        """Return what overrides a resumed thread's own settings: the fixed ones, nothing else."""
        policy = self._options.policy
        fixed = CodexArguments(
            prompt="",
            model=policy.model,
            cwd=policy.cwd,
            sandbox=policy.sandbox,
            approval_policy=policy.approval_policy,
        )
        if not policy.restricts:
            return ThreadOptions()
        return await self._thread_options(server, fixed)


async def _effective_config(server: AppServer) -> Mapping[str, Any]:
    answer = await server.call("config/read", {"includeLayers": False})
    return object_of(answer.get("config"))


def _distrust(cwd: Path, effective: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    if any(key == "projects" or key.startswith("projects.") for key in given):
        return {}
    projects = untrusted_projects(Path(os.path.abspath(cwd)), effective.get("projects") or {})  # noqa: PTH100
    return {"projects": projects} if projects else {}


def _approval_default(effective: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Return the policy that holds without an untrusted project, which would change it."""
    if "projects" not in config or "approval_policy" in config:
        return None
    return None if effective.get("approval_policy") else "on-request"


def _call_result(result: TurnResult) -> CallResult:
    if result.status is TurnStatus.COMPLETED:
        return CallResult(result.message, result.thread_id)
    if result.status is TurnStatus.INTERRUPTED:
        return failure("the turn was interrupted", result.thread_id)
    text = result.error.message if result.error else "the turn failed without a reason"
    return failure(_old_spelling(text), result.thread_id)


def _old_spelling(text: str) -> str:
    # From 0.163.0 on Codex writes typographic apostrophes in the texts that callers match on.
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def _load_failure(error: RequestError) -> str:
    """Return the old server's words for options that Codex refused."""
    reason = error.message.removeprefix("failed to load configuration: ")
    return f"Failed to load Codex configuration from overrides: {reason}"


def _resume_failure(thread_id: str, error: RequestError) -> str:
    if "no rollout found" in error.message or "thread not found" in error.message:
        return f"Session not found for thread_id: {thread_id}"
    return f"Cannot continue thread {thread_id}: {error.message}"
