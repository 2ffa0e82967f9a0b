"""The command `codexmcp`: arguments to one use case to an exit code."""

from codexmcp.cli.app import main

__all__ = ["main"]
