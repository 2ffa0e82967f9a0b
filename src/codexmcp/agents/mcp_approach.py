"""The MCP approach: the agent uses Codex through an MCP server on stdio.

Owns the server's process through the SDK's `MCPServerStdio`. Policy is enforced by the server's
flags, or, for another MCP server, by the arguments of calls; never by instructions.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from typing import Any, TextIO

from agents import Agent
from agents.mcp import MCPServerStdio, MCPServerStdioParams
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent

from codexmcp.agents.arguments import Arguments
from codexmcp.agents.instructions import mcp_instructions
from codexmcp.agents.progress import ShowStep, from_codex_event, plain_error
from codexmcp.agents.record import AgentRecord
from codexmcp.agents.tap import TappedReadStream
from codexmcp.agents.workplace import Workplace
from codexmcp.errors import ConfigurationError, UsageError, WorkError
from codexmcp.jsonvalues import dig, object_of, text_of
from codexmcp.network import direct_to_loopback
from codexmcp.settings import KEY_VARIABLES


class CodexServer(MCPServerStdio):
    """An MCP server with Codex's tools and progress messages.

    Args:
        params: The start parameters.
        record: Receives calls.
        show: Called with each step.
        explain: Adds the cause to an error of Codex.
        fixed: Arguments of every call of `codex`, with precedence over the agent's.
        resumed: Arguments of every call of `codex-reply`; None leaves all to the agent, and makes
            `codex` available.
        log: Receives the server's stderr; None means our own stderr.
    """

    def __init__(
        self,
        params: MCPServerStdioParams,
        *,
        record: AgentRecord,
        show: ShowStep,
        explain: Callable[[str], str],
        fixed: dict[str, str],
        resumed: dict[str, str] | None,
        log: TextIO | None,
    ) -> None:
        super().__init__(
            params,
            name="Codex",
            # None: a call lasts as long as Codex works. The whole run has its own bound.
            client_session_timeout_seconds=None,
            cache_tools_list=True,
            # The agent needs the thread's id, present only in the structured content.
            use_structured_content=True,
            tool_filter={"allowed_tool_names": ["codex-reply"]} if resumed else None,
        )
        self._record = record
        self._show = show
        self._explain = explain
        self._log = log
        self._fixed = fixed
        self._resumed = resumed

    @contextlib.asynccontextmanager
    async def create_streams(self) -> AsyncGenerator[Any, None]:
        """Open the server's streams, with a tap for `codex/event`.

        The SDK drops notifications unknown to MCP, so they are read from the stream.
        """
        # We report the server's logs ourselves.
        changes = {"env": direct_to_loopback(self.params.env or {})}
        params = self.params.model_copy(update=changes)
        async with stdio_client(params, errlog=self._log or sys.stderr) as streams:
            yield TappedReadStream(streams[0], self._on_notification), streams[1]

    def last_words(self) -> str:
        """Return the last line of the server's stderr, possibly empty."""
        if self._log is None:
            return ""
        self._log.seek(0)
        lines = [line.strip() for line in self._log if line.strip()]
        return lines[-1] if lines else ""

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: dict[str, Any] | None = None
    ) -> CallToolResult:
        """Call a tool with the fixed arguments, and record the result."""
        arguments = dict(arguments or {})
        if tool_name == "codex":
            arguments |= self._fixed
        else:
            arguments |= self._resumed or {}
        self._record.begin_call()
        try:
            result = await super().call_tool(tool_name, arguments, meta)
        except Exception as error:
            reason = f"the call of {tool_name} broke off: {error}"
            said = self.last_words()
            self._record.end_call(error=f"{reason}; {said}" if said else reason, thread_id=None)
            raise
        texts = [block.text for block in result.content if isinstance(block, TextContent)]
        thread_id = text_of(dig(result.structured_content, "threadId"))
        self._record.end_call(
            error=self._explain(plain_error("\n".join(texts))) if result.is_error else None,
            thread_id=thread_id,
        )
        return result

    def _on_notification(self, method: str, params: dict[str, Any]) -> None:
        if method != "codex/event":
            return
        for step in from_codex_event(object_of(params.get("msg"))):
            self._show(step)


@contextlib.asynccontextmanager
async def mcp_agent(
    workplace: Workplace, record: AgentRecord, show: ShowStep
) -> AsyncGenerator[Agent[None], None]:
    """Provide an agent with Codex's tools, while its MCP server runs."""
    arguments = workplace.plan.arguments
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        server = CodexServer(
            _server_params(workplace),
            record=record,
            show=show,
            explain=workplace.explain,
            fixed=_fixed_arguments(workplace) if arguments.server_command else {},
            resumed=_resumed(arguments),
            log=None if arguments.debug else log,
        )
        await _connect(server)
        try:
            yield Agent(
                name="Codex agent",
                instructions=mcp_instructions(resume=arguments.resume is not None),
                mcp_servers=[server],
            )
        finally:
            await server.cleanup()  # type: ignore[no-untyped-call]


async def _connect(server: CodexServer) -> None:
    try:
        await server.connect()  # type: ignore[no-untyped-call]
    except OSError as error:
        raise ConfigurationError(
            f"cannot start the MCP server {server.params.command}: {error.strerror}"
        ) from error
    except Exception as error:
        said = server.last_words() or f"{type(error).__name__}: {error}"
        raise WorkError(f"the MCP server did not come up: {said}") from error


def _server_params(workplace: Workplace) -> MCPServerStdioParams:
    plan = workplace.plan
    if plan.arguments.server_command is not None:
        words = _split_command(plan.arguments.server_command)
        return {"command": words[0], "args": words[1:], "env": _foreign_environment(workplace)}
    flags = [
        *("--sandbox", plan.sandbox),
        *("--approval-policy", "never"),
        *("--cwd", str(plan.folder)),
        # Our end also ends running turns immediately.
        *("--drain-timeout", "0"),
        # Message deltas are not shown here.
        "--no-deltas",
    ]
    if plan.arguments.allow_git:
        flags.append("--allow-git")
    if workplace.codex_model is not None:
        flags += ["--model", workplace.codex_model]
    if workplace.codex_endpoint is not None:
        flags += ["--model-endpoint", workplace.codex_endpoint]
    for path in plan.deny_read:
        flags += ["--deny-read", path]
    if plan.arguments.debug:
        flags.append("--debug")
    # -P: a folder named codexmcp in the user's working directory must not be imported.
    args = ["-P", "-m", "codexmcp", "mcp-server", *flags]
    return {"command": sys.executable, "args": args, "env": plan.env}


def _split_command(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--server-command is not a command line: {error}") from None
    if not words:
        raise UsageError("--server-command is empty; give the command of an MCP server")
    return words


def _foreign_environment(workplace: Workplace) -> dict[str, str]:
    """Return the environment for a user's own server with its own credentials."""
    plan = workplace.plan
    if plan.settings.api_key is not None and plan.settings.key_file is None:
        return {**plan.env, KEY_VARIABLES[0]: plan.settings.api_key}
    return plan.env


def _resumed(arguments: Arguments) -> dict[str, str] | None:
    """Return the arguments of every `codex-reply` call for a resumed thread."""
    if arguments.resume is None:
        return None
    # Other servers do not know the argument.
    asked = None if arguments.server_command else arguments.sandbox
    return {"threadId": arguments.resume, **({} if asked is None else {"sandbox": asked})}


def _fixed_arguments(workplace: Workplace) -> dict[str, str]:
    fixed = {
        "sandbox": workplace.plan.sandbox,
        "approval-policy": "never",
        "cwd": str(workplace.plan.folder),
    }
    return {**fixed, "model": workplace.codex_model} if workplace.codex_model else fixed
