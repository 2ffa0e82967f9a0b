"""The options of `codexmcp codex check`; all other words go to Codex."""

from __future__ import annotations

from codexmcp.cli.options.parts import OutputFlags
from codexmcp.command_line import Command, option
from codexmcp.data_classes import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckOptions(OutputFlags):
    """The options of `codexmcp codex check`."""

    bin: str | None = option("the build; default: CODEX_BIN, else the Codex of codexmcp", "PATH")


COMMANDS = (
    Command(
        "codex",
        "our own command about Codex",
        commands=(
            Command(
                "check",
                "compare a Codex build with everything that codexmcp uses of it",
                "codex_check:check",
                CheckOptions,
                description="Check whether codexmcp works with a Codex build: compare the "
                "build's schema with the contract of this release, and try handshake, turn, "
                "interrupt, resume, sub-agents and a second client with a scripted model.",
                epilog="""\
examples:
  codexmcp codex check
      the Codex that codexmcp uses
  codexmcp codex check --bin /usr/local/bin/codex --json
      another build, for a program

It takes about ten seconds and needs no network, no key and no login; the Codex
home stays untouched. The result is one of: `fits`; `fits with news`, for names
and values that codexmcp ignores and counts in its runs; `broken at X`.

Exit codes: 0 the build fits, with or without news; 1 it is broken; 2 usage;
78 it is missing, does not start or is too old.
""",
            ),
        ),
    ),
)
