"""The text of docs/reference/differences.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from codexmcp.appserver.contract import contract
from tests.conformance.approval_differences import APPROVAL_DIFFERENCES
from tests.conformance.build_differences import BUILD_DIFFERENCES
from tests.conformance.differences import CALL_DIFFERENCES
from tests.conformance.event_differences import EVENT_DIFFERENCES
from tests.conformance.rules import Difference
from tests.support.builds import NPM_VERSION

_INTRODUCTION = """\
# Differences from the removed `codex mcp-server`

Check a client of `codex mcp-server` before a move to `codexmcp mcp-server`: every difference is on
this page. The conformance suite (`tests/conformance`) plays each of its conversations with the last
`codex mcp-server`, of Codex 0.153.4, and with ours, and compares the results. Ours runs on the same
Codex, on the bundled Codex and on NEWEST from npm. This page is made from the tables of the suite.
A test fails for a difference missing here, and for a difference without an occurrence.

`--strict-compat` removes the additions of our server; the rows say so.
"""

_UNTRANSLATED = """\
Every item and notification in the schemas of the three builds becomes an event or is listed here.
"""


def page() -> str:
    """Return the whole text."""
    parts = (
        ("Requests, arguments and results", CALL_DIFFERENCES),
        ("Questions and endings", APPROVAL_DIFFERENCES),
        ("Events", EVENT_DIFFERENCES),
        ("Made by Codex itself, from a later build on", BUILD_DIFFERENCES),
    )
    sections = (_section(title, rows) for title, rows in parts)
    return "\n".join((_INTRODUCTION.replace("NEWEST", NPM_VERSION), *sections, _untranslated()))


def _untranslated() -> str:
    rows = "".join(
        f"| {kind} | {', '.join(f'`{name}`' for name in names)} | {_cell(reason)} |\n"
        for kind, table in (("item", "items"), ("notification", "notifications"))
        for reason, names in contract().untranslated[table].items()
    )
    return f"## Without an event\n\n{_UNTRANSLATED}\n| | Names | Why |\n|---|---|---|\n{rows}"


def _section(title: str, differences: Iterable[Difference]) -> str:
    rows = "".join(
        f"| `{d.id}` | {_cell(d.native)} | {_cell(d.ours)} | {_cell(d.reason)} |\n"
        for d in differences
    )
    head = "| | `codex mcp-server` | `codexmcp mcp-server` | Why |\n|---|---|---|---|\n"
    return f"## {title}\n\n{head}{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
