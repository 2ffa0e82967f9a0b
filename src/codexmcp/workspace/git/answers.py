"""Reads what git writes for programs. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from codexmcp.workspace.git.errors import without_passwords

_STATUSES = {"A": "added", "M": "modified", "D": "deleted", "T": "type changed"}
_FLAGS = {
    " ": "pushed",
    "+": "forced",
    "-": "deleted",
    "*": "new",
    "=": "up to date",
    "!": "rejected",
}
_NONE = frozenset({"unspecified", "unset", "set", ""})


def staged(listed: bytes) -> dict[str, str]:
    """Return the modes of the files that `git ls-files --stage -z` lists, by path."""
    found: dict[str, str] = {}
    for entry in listed.split(b"\0"):
        if entry:
            about, _, path = entry.partition(b"\t")
            found[os.fsdecode(path)] = about.split()[0].decode()
    return found


def listed_paths(listed: bytes) -> list[str]:
    """Return the paths that a command of git lists with `-z`."""
    return [os.fsdecode(path) for path in listed.split(b"\0") if path]


def added_nested(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return files that git does not know, and repositories among them.

    Source: `git ls-files --others` shows a repository in the work tree with a slash at the end.
    """
    found = list(paths)
    nested = [path for path in found if path.endswith("/")]
    return [path for path in found if not path.endswith("/")], nested


def filters_of(listed: bytes) -> Iterator[tuple[str, str]]:
    """Yield the files of `git check-attr -z filter` that have a filter, and its name."""
    fields = listed.split(b"\0")
    for path, _, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        name = os.fsdecode(value)
        if name not in _NONE:
            yield os.fsdecode(path), name


def changed_files(listed: bytes) -> list[dict[str, str]]:
    """Return the files of `git diff-tree --name-status -z`, as they are to be told."""
    fields = [field for field in listed.split(b"\0") if field]
    return [
        {"path": path.decode(errors="replace"), "change": _STATUSES.get(status.decode(), "changed")}
        for status, path in zip(fields[::2], fields[1::2], strict=False)
    ]


def pushed(porcelain: str) -> dict[str, Any]:
    """Return what `git push --porcelain` tells.

    Source: git-push(1), OUTPUT.
    """
    told: dict[str, Any] = {"remote": None, "updates": []}
    for line in porcelain.splitlines():
        flag, *rest = line.split("\t")
        if line.startswith("To "):
            told["remote"] = without_passwords(line.removeprefix("To "))
        elif flag in _FLAGS and len(rest) == 2:  # noqa: PLR2004 - refs, and what became of them
            source, _, target = rest[0].rpartition(":")
            told["updates"].append(
                {"from": source, "to": target, "result": _FLAGS[flag], "summary": rest[1]}
            )
    return told
