"""The options of `codex-runs`. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence

import codexmcp
from codexmcp.command_line import ArgumentParser, flag, option, read
from codexmcp.data_classes import dataclass
from codexmcp.units import count

_EPILOG = """\
examples:
  codex-runs
      pick among the runs of this folder; Enter attaches, ? shows the keys
  codex-runs --all
      among those of every project of this Codex home
  codex-runs --json | jq -r '.running[].runId'
      for scripts: print the runs and exit

CODEX_HOME names the Codex home. `codexmcp runs` has all this as commands.
"""


@dataclass(frozen=True, kw_only=True)
class PickerArguments:
    """The options of `codex-runs`."""

    all: bool = flag("the runs of every project")
    json: bool = flag("print the runs as JSON and exit")
    limit: int = option("with --json: runs of each kind, at most", "N", parse=count, default=50)
    no_watch: bool = flag("look again only when asked to by `r`")


def parse(argv: Sequence[str] | None) -> PickerArguments:
    """Return the options; help and usage errors end the program, as in argparse."""
    parser = ArgumentParser(
        prog="codex-runs",
        description="Look at runs of Codex, attach to them, answer their questions, stop them.",
        epilog=_EPILOG,
    )
    parser.add_options(PickerArguments)
    parser.add_argument("--version", action="version", version=codexmcp.__version__)
    return read(PickerArguments, vars(parser.parse_args(argv)))
