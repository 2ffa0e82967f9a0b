"""The text of docs/differences.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tests.conformance.approval_differences import APPROVAL_DIFFERENCES
from tests.conformance.build_differences import BUILD_DIFFERENCES
from tests.conformance.differences import CALL_DIFFERENCES
from tests.conformance.event_differences import EVENT_DIFFERENCES
from tests.conformance.rules import Difference

_INTRODUCTION = """\
# Differences from the removed `codex mcp-server`

The conformance suite (`tests/conformance`) plays each of its conversations with the last
`codex mcp-server`, that of Codex 0.153.4, and with ours, on the same Codex, on the one that comes
with the package and on the newest, and compares what they say. This page is made from the suite's
table. A test fails for a difference that is not here, and for one here that does not occur.

With `--strict-compat`, ours leaves out what it adds; the rows say so.
"""


def page() -> str:
    """Return the whole text."""
    parts = (
        ("Requests, arguments and results", CALL_DIFFERENCES),
        ("Questions and endings", APPROVAL_DIFFERENCES),
        ("Events", EVENT_DIFFERENCES),
        ("Made by Codex itself, from a later build on", BUILD_DIFFERENCES),
    )
    return "\n".join((_INTRODUCTION, *(_section(title, rows) for title, rows in parts)))


def _section(title: str, differences: Iterable[Difference]) -> str:
    rows = "".join(
        f"| `{d.id}` | {_cell(d.native)} | {_cell(d.ours)} | {_cell(d.reason)} |\n"
        for d in differences
    )
    head = "| | `codex mcp-server` | `codexmcp mcp-server` | Why |\n|---|---|---|---|\n"
    return f"## {title}\n\n{head}{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
