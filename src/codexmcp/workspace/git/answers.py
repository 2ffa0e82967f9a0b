"""Parse git's machine-readable output, and describe the answers made of it. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from codexmcp.mcp_tools import (
    FLAG,
    INTEGER,
    TEXT,
    TEXT_OR_NULL,
    Schema,
    list_of,
    one_of,
    record,
)
from codexmcp.workspace.git.errors import without_passwords

_CHANGED = "changed"
_STATUSES = {"A": "added", "M": "modified", "D": "deleted", "T": "type changed"}
_FLAGS = {
    " ": "pushed",
    "+": "forced",
    "-": "deleted",
    "*": "new",
    "=": "up to date",
    "!": "rejected",
}
_TEXTS = list_of(TEXT)

COMMITTED: Schema = record(
    {"committed": FLAG, "branch": TEXT_OR_NULL},
    {
        "commit": TEXT_OR_NULL,
        "files": list_of(record({"path": TEXT, "change": one_of([*_STATUSES.values(), _CHANGED])})),
        "fileCount": INTEGER,
        "reason": TEXT,
        "nestedRepositoriesLeftOut": _TEXTS,
        "notServedLeftOut": _TEXTS,
        "hooksNotRun": _TEXTS,
    },
)
"""JSON Schema of the answer to a commit."""

PUSHED: Schema = record(
    {
        "pushed": FLAG,
        "branch": TEXT_OR_NULL,
        "remote": TEXT_OR_NULL,
        "updates": list_of(
            record({"from": TEXT, "to": TEXT, "result": one_of(_FLAGS.values()), "summary": TEXT})
        ),
    },
    {"hooksNotRun": _TEXTS},
)
"""JSON Schema of the answer to a push."""

_NONE = frozenset({"unspecified", "unset", "set", ""})


def staged(listed: bytes) -> dict[str, str]:
    """Return file modes by path from `git ls-files --stage -z`."""
    found: dict[str, str] = {}
    for entry in listed.split(b"\0"):
        if entry:
            about, _, path = entry.partition(b"\t")
            found[os.fsdecode(path)] = about.split()[0].decode()
    return found


def listed_paths(listed: bytes) -> list[str]:
    """Return the paths of git output with `-z`."""
    return [os.fsdecode(path) for path in listed.split(b"\0") if path]


def added_nested(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the untracked files, and the untracked repositories.

    Source: `git ls-files --others` lists a repository in the work tree with a trailing slash.
    """
    found = list(paths)
    nested = [path for path in found if path.endswith("/")]
    return [path for path in found if not path.endswith("/")], nested


def filters_of(listed: bytes) -> Iterator[tuple[str, str]]:
    """Yield the files with a filter from `git check-attr -z filter`, and its name."""
    fields = listed.split(b"\0")
    for path, _, value in zip(fields[::3], fields[1::3], fields[2::3], strict=False):
        name = os.fsdecode(value)
        if name not in _NONE:
            yield os.fsdecode(path), name


def changed_files(listed: bytes) -> list[dict[str, str]]:
    """Return the files of `git diff-tree --name-status -z` for an answer."""
    fields = [field for field in listed.split(b"\0") if field]
    return [
        {"path": path.decode(errors="replace"), "change": _STATUSES.get(status.decode(), _CHANGED)}
        for status, path in zip(fields[::2], fields[1::2], strict=False)
    ]


def pushed(porcelain: str) -> dict[str, Any]:
    """Return the result of `git push --porcelain`.

    Source: git-push(1), OUTPUT.
    """
    told: dict[str, Any] = {"remote": None, "updates": []}
    for line in porcelain.splitlines():
        flag, *rest = line.split("\t")
        if line.startswith("To "):
            told["remote"] = without_passwords(line.removeprefix("To "))
        elif flag in _FLAGS and len(rest) == 2:  # noqa: PLR2004 - refs, and their results
            source, _, target = rest[0].rpartition(":")
            told["updates"].append(
                {"from": source, "to": target, "result": _FLAGS[flag], "summary": rest[1]}
            )
    return told
