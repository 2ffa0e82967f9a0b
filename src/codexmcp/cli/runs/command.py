"""Runs one of the commands of `codexmcp runs`, and ends as its reader and its user want it to."""

from __future__ import annotations

import argparse
import importlib

from codexmcp.cli.output import Output
from codexmcp.errors import ExitCode


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        CodexMCPError: It cannot be done.
    """
    module, _, name = arguments.use_case.partition(":")
    output = Output(is_json=arguments.json)
    try:
        return int(
            getattr(importlib.import_module(f"{__package__}.{module}"), name)(arguments, output)
        )
    except KeyboardInterrupt:
        output.end_progress()
        return ExitCode.INTERRUPTED
    finally:
        output.close()
