"""The package's source as syntax trees, parsed once for all tests of a process."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import codexmcp

ROOT = Path(codexmcp.__file__).parent


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of a file's syntax tree, the module first."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def source_nodes() -> Mapping[str, tuple[ast.AST, ...]]:
    """Return all nodes of each module of the package, by its path from the package."""
    return {path.relative_to(ROOT).as_posix(): nodes(path) for path in sorted(ROOT.rglob("*.py"))}
