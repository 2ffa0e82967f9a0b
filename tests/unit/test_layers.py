"""Imports run downward only, and heavy libraries stay where they belong."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import codexmcp
from tests.support.builds import CHECKOUT
from tests.support.sources import imports, texts, texts_with

ROOT = Path(codexmcp.__file__).parent
DESIGN = CHECKOUT / "docs" / "design.md"

LAYERS = [
    {"data_classes"},
    {"errors", "figures", "jsonvalues", "mcp_tools", "secret_like", "worker_thread", "__init__"},
    {"command_line", "entry", "env_file", "installation", "network", "units"},
    {"settings", "jsonrpc", "own_files"},
    {"run_settings"},
    {"appserver"},
    {"home"},
    {"codex"},
    {"policy"},
    {"runs", "workspace"},
    {"server", "rehearsal", "usage"},
    {"supervisor"},
    {"picker", "http", "api"},
    {"testing", "agents"},
    {"cli"},
    {"__main__"},
]

ONLY_IN = {
    "agents": {"agents"},
    "openai": {"agents"},
    "mcp": {"agents", "home", "http"},
    "starlette": {"http"},
    "uvicorn": {"http"},
    "httpx2": {"home"},
    "tomlkit": {"home"},
    "rich": {"agents", "picker"},
    "h11": {"codex", "http", "rehearsal"},
    "dotenv": {"env_file"},
    "truststore": {"network"},
    "jsonschema": {"appserver", "policy"},
    "referencing": {"policy"},
    "codex_cli_bin": {"codex"},
    "websockets": {"appserver"},
    "textual": {"picker"},
    "backports": {"codex"},
    "yaml": {"home"},
}
"""Third-party packages, and the parts that may import them."""


def _part(file: str) -> str:
    return file.partition("/")[0].removesuffix(".py")


def _names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.module == "codexmcp":
        yield from (f"codexmcp.{alias.name}" for alias in node.names)
    elif node.module is not None:
        yield node.module


def _level(part: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if part in parts)


# One test for all files: one for each would be hundreds that say the same.
@cache
def _all_imports() -> Sequence[tuple[str, str]]:
    return [(file, name) for file, node in imports() for name in _names(node)]


def test_no_import_is_relative() -> None:
    relative = re.compile(r"^[ \t]*from \.", re.MULTILINE)
    assert [file for file, text in texts().items() if relative.search(text)] == []


def test_a_module_imports_only_from_its_own_part_or_below() -> None:
    parts = {each.stem for each in ROOT.iterdir()}
    own = [
        (path, name.split(".")[1])
        for path, name in _all_imports()
        if name.startswith("codexmcp.") and path != "__init__.py"
    ]
    upward = [
        f"{path}: {imported}"
        for path, imported in own
        if imported in parts and imported != _part(path) and _level(imported) >= _level(_part(path))
    ]
    assert upward == []


def test_the_package_itself_names_the_api_alone() -> None:
    """The names are imported when they are used; see the test of what importing loads."""
    own = [name for path, name in _all_imports() if path == "__init__.py" and "codexmcp." in name]
    assert {name.split(".")[1] for name in own} == {"api"}


def test_third_party_packages_stay_in_their_part() -> None:
    astray = [
        f"{path}: {name}"
        for path, name in _all_imports()
        if _part(path) not in ONLY_IN.get(name.split(".")[0], {_part(path)})
    ]
    assert astray == []


def test_every_part_has_its_layer_and_its_place_on_the_map() -> None:
    parts = {_part(file) for file in texts()}
    assert parts == set().union(*LAYERS)
    assert parts - {"__init__", "__main__"} == _map().keys()


def test_on_the_map_a_part_stands_below_all_that_it_imports() -> None:
    rows = _map()
    wrong = [
        f"{path}: {name}"
        for path, name in _all_imports()
        if name.startswith("codexmcp.")
        and _part(path) in rows
        and rows.get(name.split(".")[1], 0) > rows[_part(path)]
    ]
    assert wrong == []


def _map() -> dict[str, int]:
    """Return the row of each part in the table of the design."""
    lines = DESIGN.read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    return {part: row for row, cell in enumerate(cells) for part in re.findall(r"`(\w+)/?`", cell)}


def test_each_change_has_a_place_in_at_most_four_files() -> None:
    text = DESIGN.read_text(encoding="utf-8").split("## Where to change")[1].split("## ")[0]
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith(("| a", "| the"))]
    assert len(rows) == 10
    for change, places in rows:
        files = set(re.findall(r"`([\w/]+\.(?:py|toml))`", places))
        missing = [each for each in files if not (ROOT / each).is_file()]
        assert missing == [], change
        assert 1 <= len(files) <= 4, change


def test_data_classes_are_made_in_one_way() -> None:
    """`dataclasses` costs each start of a server 0.7 ms per class."""
    assert texts_with("from dataclasses import dataclass") == {}
