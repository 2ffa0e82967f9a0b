"""Commands to use and repair this installation: a checkout with its environment, or a wheel."""

from __future__ import annotations

import sys
from pathlib import Path

_SOURCES = Path(__file__).resolve().parents[2]
CHECKOUT = _SOURCES if (_SOURCES / "main.py").is_file() else None
"""The checkout around this package. None: an installed wheel.

Every program reads the checkout's `.env`, independent of the working directory. The `.env` of the
working directory is not read: commands of Codex can write there, and `CODEX_BIN` or `CODEX_HOME` in
that file would start programs outside the sandbox. A user with write access to the checkout can
change this code anyway."""

IS_CHECKOUT = CHECKOUT is not None and Path(sys.prefix).is_relative_to(CHECKOUT)
"""Running in the checkout's environment, as created by `uv sync`."""


def command(words: str, *, is_checkout: bool = IS_CHECKOUT) -> str:
    """Return the shell command for `codexmcp` in this installation.

    Args:
        words: The arguments of `codexmcp`.
        is_checkout: Word the command for a checkout.
    """
    return f"{'uv run ' if is_checkout else ''}codexmcp {words}"


def repair(*, is_checkout: bool = IS_CHECKOUT) -> str:
    """Return the instruction to install a missing part of this installation."""
    return "run `uv sync`" if is_checkout else "install codexmcp-agents again"
