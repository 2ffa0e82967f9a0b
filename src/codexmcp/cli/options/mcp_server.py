"""The options of `codexmcp mcp-server`, which a relay passes on to the supervisor."""

from __future__ import annotations

import argparse

from codexmcp.cli.options.parts import CodexFlags, PolicyFlags
from codexmcp.command_line import Command, flag, option, part
from codexmcp.data_classes import dataclass
from codexmcp.units import count_or_zero, seconds

_TOOLS = "tools"
_QUESTIONS = "questions of Codex"
_BOUNDS = "bounds, in seconds"
_ANSWERS = "answers"


def _groups(text: str) -> tuple[str, ...]:
    groups = tuple(text.split(","))
    if not set(groups) <= {"codex", "runs"}:
        raise argparse.ArgumentTypeError(f"{text} is not `codex`, `runs` or `codex,runs`")
    return groups


@dataclass(frozen=True, kw_only=True)
class ClientPolicyFlags(PolicyFlags):
    """The policy for a client, which may include a profile."""

    profile: str | None = option("settings of NAME.config.toml", "NAME")


@dataclass(frozen=True, kw_only=True)
class McpServerOptions:
    """The options of `codexmcp mcp-server`."""

    shared: bool = flag(
        "be served by the supervisor of this Codex home, whose runs outlive this server",
        group=_TOOLS,
    )
    tools: tuple[str, ...] | None = option(
        "`codex` (codex, codex-reply), `runs` (codex_run, codex_wait, ...) or `codex,runs`; "
        "default: codex, with --shared both",
        "GROUPS",
        parse=_groups,
        group=_TOOLS,
    )
    policy: ClientPolicyFlags = part(
        ClientPolicyFlags, "policy (fixed: no tool argument can widen it)"
    )
    approval_timeout: float = option(
        "the client's time to answer", "SECONDS", parse=seconds, default=300.0, group=_QUESTIONS
    )
    approval_default: str = option(
        "without an answer: the turn goes on, or ends",
        choices=("decline", "cancel"),
        default="decline",
        group=_QUESTIONS,
    )
    allow_policy_amendments: bool = flag(
        "let the client have rules written to the Codex home, which then run matching commands "
        "outside the sandbox in every later session",
        group=_QUESTIONS,
    )
    timeout: float = option(
        "on a turn; default: none", "SECONDS", parse=seconds, default=0.0, group=_BOUNDS
    )
    idle_timeout: float = option(
        "on the time without a sign of life from Codex",
        "SECONDS",
        parse=seconds,
        default=600.0,
        group=_BOUNDS,
    )
    drain_timeout: float = option(
        "on running calls after stdin has ended; 0 ends them at once",
        "SECONDS",
        parse=seconds,
        default=3600.0,
        group=_BOUNDS,
    )
    no_deltas: bool = flag(
        "leave out the pieces of messages and command output; the whole comes at the end in any "
        "case",
        group=_ANSWERS,
    )
    max_result_bytes: int = option(
        "cut longer answers, with a note; 0 means never",
        "N",
        parse=count_or_zero,
        default=200_000,
        group=_ANSWERS,
    )
    strict_compat: bool = flag(
        "behave exactly as the removed server: no further arguments or fields, no resuming of "
        "threads from before a restart, no cut answers",
        group=_ANSWERS,
    )
    codex: CodexFlags = part(CodexFlags)
    debug: bool = flag("log in detail, show tracebacks")

    @property
    def tool_groups(self) -> frozenset[str]:
        """The groups of tools for the client."""
        return frozenset(self.tools or (("codex", "runs") if self.shared else ("codex",)))


COMMANDS = (
    Command(
        "mcp-server",
        "serve Codex's tools `codex` and `codex-reply` over MCP on stdin and stdout",
        "mcp_server:serve",
        McpServerOptions,
        description="Serve the tools `codex` and `codex-reply` over MCP on stdin and stdout, as "
        "`codex mcp-server` did until it was removed in Codex 0.154.0.",
        epilog="""\
examples:
  codexmcp mcp-server
      the two tools of the removed `codex mcp-server`, with the policy that the
      caller asks for
  codexmcp mcp-server --cwd output \\
        --sandbox workspace-write --approval-policy never
      the same with a fixed policy, which no tool argument can widen
  codexmcp mcp-server --shared
      also the tools of supervised runs, which outlive this server; the
      supervisor behind them is started when there is none
  codexmcp mcp-server --in-container codexmcp:latest --workspace ~/project
      the two tools, with Codex in a container that has no network and sees that
      folder only; with --shared the tools of supervised runs as well
""",
    ),
)
