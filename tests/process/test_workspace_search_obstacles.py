"""Searching with the real ripgrep where what it reads as rules would hold it up for good."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codexmcp.workspace.search import watch
from codexmcp.workspace.search.command import find_ripgrep
from tests.support.workspace_tools import Tools, fill

_AT_LAST_S = 15.0
"""Half of the time that a search without end may take."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watch, "LOOK_AFTER_S", 0.2)
    files: dict[str, str | bytes] = {"first": "hello\n", "a/b/x": "hello\n", ".git/HEAD": ""}
    return fill(tmp_path / "above/root", files)


def _pipe(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _enormous(path: Path) -> None:
    path.touch()
    os.truncate(path, 1024**4)


async def _searched(root: Path, **arguments: Any) -> dict[str, Any]:
    begun = time.monotonic()
    answer = await Tools(root)("search", pattern="hello", **arguments)
    assert time.monotonic() - begun < _AT_LAST_S
    return answer


@pytest.mark.parametrize(
    ("make", "path", "searched", "told"),
    [
        (_pipe, "a/b/.gitignore", ".", "a/b/.gitignore is a named pipe"),
        (_pipe, "a/b/.rgignore", "a", "a/b/.rgignore is a named pipe"),
        (_pipe, ".ignore", "a/b", ".ignore is a named pipe"),
        (_pipe, ".git/info/exclude", "a", ".git/info/exclude is a named pipe"),
        (_pipe, "../.ignore", ".", "/above/.ignore is a named pipe"),
        (_endless, "a/.ignore", ".", "a/.ignore is a device"),
        (_enormous, "a/.ignore", ".", "a/.ignore is larger than 16 MiB"),
    ],
    ids=range(7),
)
async def test_rules_without_end_end_a_search_soon_and_are_named(
    root: Path, make: Callable[[Path], None], path: str, searched: str, told: str
) -> None:
    make(root / path)
    answer = await _searched(root, path=searched)
    assert told in answer["incomplete"]
    assert "delete it, or search with include_ignored" in answer["incomplete"]
    with_ignored = await _searched(root, path=searched, include_ignored=True)
    assert with_ignored["matches"]
    assert with_ignored["incomplete"] is None


async def test_a_pipe_in_a_hidden_folder_matters_only_to_a_search_there(root: Path) -> None:
    _pipe(root / ".cache/deep/.ignore")
    assert (await _searched(root))["incomplete"] is None
    answer = await _searched(root, include_hidden=True)
    assert ".cache/deep/.ignore is a named pipe" in answer["incomplete"]


async def test_what_was_found_before_a_pipe_held_the_search_up_is_given(root: Path) -> None:
    _pipe(root / "a/b/.ignore")
    answer = await _searched(root)
    assert [match["path"] for match in answer["matches"]] == ["first"]


async def test_a_long_search_beside_a_link_to_dev_null_goes_on(root: Path) -> None:
    program = root.parent / "slow"
    program.write_text(f'#!/bin/sh\nsleep 1\nexec {find_ripgrep()} "$@"\n')
    program.chmod(0o755)
    (root / "a/.gitignore").symlink_to("/dev/null")
    fill(root, {"a/b/.ignore": "nothing\n"})
    answer = await Tools(root, ripgrep=program)("search", pattern="hello")
    assert (len(answer["matches"]), answer["incomplete"]) == (2, None)
