"""Markdown of tables. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

_COLUMNS = 118


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, or nothing without rows."""
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")


def prose(text: str) -> str:
    """Return a paragraph in lines of at most 120 columns."""
    lines = textwrap.wrap(text, _COLUMNS, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*lines, ""])


def page(title: str, introduction: str, sections: Iterable[str]) -> str:
    """Return a page whose first paragraph says what it is for and where it comes from."""
    source = "The page is generated from the code: `uv run python -m scripts.reference`."
    return "\n".join([f"# {title}\n", prose(f"{introduction} {source}"), *sections])
