"""The command line of a search, and where ripgrep is.

Nothing that a caller gives can become an option: each value stands in one argument with its option,
and options end before the path.
"""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import CodexBinaryError, WorkspaceError
from codexmcp.home.binary import find_codex

EVERYTHING = "./"
STDIN = "-"

_SPECIAL = re.compile(r"[\\*?\[\]{}!]")

_ALWAYS = (
    # No file of the user's or of the environment's adds options, such as a program to run.
    "--no-config",
    "--json",
    # Of what cannot be read, and of rules that cannot be parsed, nothing is shown.
    "--no-messages",
    "--no-ignore-messages",
    "--no-ignore-global",
    "--no-follow",
)


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for.

    Attributes:
        pattern: The text, or a regular expression in ripgrep's syntax; one line.
        is_regex: Whether it is one.
        ignores_case: Whether case does not matter.
        globs: Which files, as of .gitignore; with `!` before it, which not.
        with_hidden: Whether to search files and folders that begin with a dot.
        with_ignored: Whether to search what .gitignore and its like leave out.
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
        query: What to search for.
        target: `EVERYTHING` for the child's folder, `STDIN` for what it reads.
        max_per_file: How many lines to give from one file at most.
        withheld: Paths from the child's folder of what must not even be looked at.

    Raises:
        WorkspaceError: A value cannot be passed on.
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
    # Behind the caller's own: the last glob that fits is the one that counts.
    arguments += [f"--glob=!/{_SPECIAL.sub(_escaped, path)}" for path in withheld]
    return [*arguments, f"--regexp={query.pattern}", "--", target]


def _escaped(special: re.Match[str]) -> str:
    return "\\" + special[0]


def _check(value: str) -> None:
    if "\0" in value or "\n" in value or "\r" in value:
        raise WorkspaceError(
            f"{value!r} holds a line break or a NUL, and a search goes line by line; search for a "
            "part of one line"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise WorkspaceError(f"{value!a} is not valid Unicode; send it as UTF-8") from None


@functools.cache
def find_ripgrep() -> Path:
    """Return the path of ripgrep: the one that comes with Codex, else one on PATH.

    Source: the wheel `openai-codex-cli-bin` keeps it in `codex-path` beside `bin`.

    Raises:
        WorkspaceError: There is none.
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
            "searching needs ripgrep, and there is none: run `uv sync` to install the Codex that "
            "brings it, or install `ripgrep` so that `rg` is on PATH"
        )
    return Path(found)
