"""The package's source: texts read once for all tests of a process, and syntax trees on demand.

Parsing the whole package takes seconds, so a search names texts without which it can find nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import codexmcp

ROOT = Path(codexmcp.__file__).parent

_IMPORT = re.compile(
    r"""^[ \t]*(
        from[ ][\w.]+[ ]import[ ](?:\([^)]*\)|[^\n]+)
        | import[ ][\w.]+(?:[ ]as[ ]\w+)?(?=[ \t]*(?:\#|;|$))
    )""",
    re.MULTILINE | re.VERBOSE,
)
"""An import as the formatter writes it, on a line of its own."""


@cache
def texts() -> Mapping[str, str]:
    """Return the text of each module of the package, by its path from the package."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(ROOT.rglob("*.py"))
    }


def texts_with(*marks: str) -> dict[str, str]:
    """Return the modules whose texts contain one of the marks."""
    return {file: text for file, text in texts().items() if any(mark in text for mark in marks)}


def nodes_with(*marks: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield all nodes of each module whose text contains one of the marks, the module first."""
    for file, text in texts_with(*marks).items():
        for node in ast.walk(ast.parse(text)):
            yield file, node


@cache
def nodes_below(*folders: str) -> tuple[tuple[str, ast.AST], ...]:
    """Return all nodes of each module below some folders of the package."""
    return tuple(
        (file, node)
        for file, text in texts().items()
        if file.startswith(folders)
        for node in ast.walk(ast.parse(text))
    )


@cache
def imports() -> tuple[tuple[str, ast.Import | ast.ImportFrom], ...]:
    """Return the imports of all modules, each with the module's path from the package."""
    found: list[tuple[str, ast.Import | ast.ImportFrom]] = []
    for file, text in texts().items():
        for match in _IMPORT.finditer(text):
            (statement,) = ast.parse(match[1]).body
            assert isinstance(statement, ast.Import | ast.ImportFrom)
            found.append((file, statement))
    return tuple(found)
