"""The options of `codexmcp doctor`."""

from __future__ import annotations

from pathlib import Path

from codexmcp.cli.options.parts import LaunchFlags, OutputFlags
from codexmcp.command_line import Command, flag, option, part
from codexmcp.data_classes import dataclass


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(OutputFlags):
    """The options of `codexmcp doctor`."""

    cwd: Path | None = option(
        "the working directory of Codex; default: output/ if there is one, else this folder",
        "DIR",
        parse=Path,
    )
    no_call: bool = flag(
        "use a stand-in for the model, behind the real key proxy: nothing is spent"
    )
    profile: str | None = option("try with the settings of a profile", "NAME")
    codex: LaunchFlags = part(LaunchFlags)


COMMANDS = (
    Command(
        "doctor",
        "check everything a run needs: Codex, its sandbox, the credentials, the folders",
        "doctor:examine",
        DoctorOptions,
        description="Check everything a run needs, and report what is missing.",
        epilog="""\
It starts Codex, runs a command in its sandbox and does one short turn, like
every other command: with the key proxy, the endpoint, the model. The turn costs
some thousand tokens; with --no-call a stand-in takes the place of the model,
and nothing is spent.

Exit codes: 0 nothing is broken, 78 something is, 2 usage. Notes do not count.
""",
    ),
)
