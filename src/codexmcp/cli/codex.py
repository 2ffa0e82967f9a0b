"""`codexmcp codex`: the Codex that codexmcp uses, for a login or a look at its sandbox."""

from __future__ import annotations

import argparse
import os

from codexmcp.home.binary import find_codex
from codexmcp.settings import codex_bin


def run(arguments: argparse.Namespace) -> None:
    """Become Codex.

    Raises:
        CodexBinaryError: There is none.
    """
    codex = find_codex(codex_bin())
    os.execv(codex, [str(codex), *arguments.arguments])  # noqa: S606 - no shell is wanted
