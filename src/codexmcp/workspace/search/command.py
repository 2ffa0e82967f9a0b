"""The command line of a search, and the location of ripgrep.

No value of a caller can become an option: each value is in the same argument as its option, and
options end before the path.
"""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from codexmcp.codex.binary import find_codex
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexBinaryError, WorkspaceError
from codexmcp.installation import repair

EVERYTHING = "./"
STDIN = "-"

_SPECIAL = re.compile(r"[\\*?\[\]{}!]")

_ALWAYS = (
    # No configuration file adds options, such as a program to run.
    "--no-config",
    "--json",
    # No messages about unreadable files and invalid ignore rules.
    "--no-messages",
    "--no-ignore-messages",
    "--no-ignore-global",
    "--no-follow",
)


@dataclass(frozen=True, slots=True)
class Query:
    """A search query.

    Attributes:
        pattern: A text, or a regular expression in ripgrep's syntax; a single line.
        is_regex: The pattern is a regular expression.
        ignores_case: Ignore case.
        globs: File patterns as in .gitignore; a leading `!` excludes.
        with_hidden: Include files and folders with a leading dot.
        with_ignored: Include files ignored by .gitignore and similar files.
    """

    pattern: str
    is_regex: bool = False
    ignores_case: bool = False
    globs: Sequence[str] = ()
    with_hidden: bool = False
    with_ignored: bool = False


def arguments_of(
    query: Query, target: str, max_per_file: int, withheld: Sequence[str] = ()
) -> list[str]:
    """Return ripgrep's arguments.

    Args:
        query: The query.
        target: `EVERYTHING` for the child's folder, `STDIN` for its stdin.
        max_per_file: Bound on the lines of a single file.
        withheld: Paths to exclude, relative to the child's folder.

    Raises:
        WorkspaceError: A value is not usable as an argument.
    """
    for value in (query.pattern, *query.globs):
        _check(value)
    arguments = [
        *_ALWAYS,
        f"--max-count={max_per_file}",
        "--ignore-case" if query.ignores_case else "--case-sensitive",
        *(f"--glob={glob}" for glob in query.globs),
    ]
    if not query.is_regex:
        arguments.append("--fixed-strings")
    if query.with_hidden:
        arguments.append("--hidden")
    if query.with_ignored:
        arguments.append("--no-ignore")
    # After the caller's globs: the last matching glob wins.
    arguments += [f"--glob=!/{_SPECIAL.sub(_escaped, path)}" for path in withheld]
    return [*arguments, f"--regexp={query.pattern}", "--", target]


def _escaped(special: re.Match[str]) -> str:
    return "\\" + special[0]


def _check(value: str) -> None:
    if "\0" in value or "\n" in value or "\r" in value:
        raise WorkspaceError(
            f"{value!r} contains a line break or a NUL, and a search is line by line; search for a "
            "part of one line"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WorkspaceError(f"{value!a} is not valid Unicode; send it as UTF-8") from None


@functools.cache
def find_ripgrep() -> Path:
    """Return the path of ripgrep: Codex's own, otherwise from PATH.

    Source: the wheel `openai-codex-cli-bin` has ripgrep in `codex-path` beside `bin`.

    Raises:
        WorkspaceError: ripgrep is missing.
    """
    try:
        bundled = find_codex(None).parent.parent / "codex-path" / "rg"
    except CodexBinaryError:
        bundled = None
    if bundled is not None and bundled.is_file():
        return bundled
    found = shutil.which("rg")
    if found is None:
        raise WorkspaceError(
            f"searching needs ripgrep, which is missing: {repair()} to get the Codex with ripgrep, "
            "or install `ripgrep` so that `rg` is on PATH"
        )
    return Path(found)
