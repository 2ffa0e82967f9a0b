"""The arguments of `codexmcp doctor`. Imports nothing but argparse."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_EPILOG = """\
It starts Codex and runs a command in its sandbox, but asks no model and spends nothing.

Exit codes: 0 nothing is broken, 78 something is, 2 usage. Notes do not count.
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse hides the type
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="try what a run needs: Codex, its sandbox, the credentials, the folders",
        description="Try what a run needs, and say what is missing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--cwd",
        type=Path,
        metavar="DIR",
        help="where Codex is to work; default: output/ if it is there, else this folder",
    )
    parser.add_argument("--json", action="store_true", help="say it as JSON")
    parser.add_argument("--debug", action="store_true", help="log in detail, show tracebacks")
    return parser
