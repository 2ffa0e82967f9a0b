"""The files that the text of a SKILL.md names. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

_FENCE = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)")
_SHELLS = frozenset({"bash", "sh", "shell", "console", "zsh"})
_LINK = re.compile(r"\]\(\s*(?:<(?P<angled>[^>\n]+)>|(?P<plain>[^\s()]+))(?:\s+[\"'][^\n]*?)?\s*\)")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]+\]:\s+(?:<(?P<angled>[^>\n]+)>|(?P<plain>\S+))")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#")
_FOLDER = (
    r"(?:\$\{?(?:CODEX_)?SKILL_(?:DIR|ROOT|PATH)\}?"
    r"|[<{](?:path[-_ ]to[-_ ])?skill(?:[-_ ](?:dir|directory|folder|root|path))?[>}])/"
)
# A word that begins with a folder of the skill; one with a sign of a pattern is only an example.
_PATH = re.compile(
    rf"(?:(?<![\w./$}}>~@-])(?:\./)?|{_FOLDER})"
    r"(?P<path>(?:scripts|references|assets)/[\w./@+-]*)(?![\w./@+<{*$\[-]|…)",
    re.IGNORECASE,
)


class Place(StrEnum):
    """Where a text names a file."""

    LINK = "link"
    COMMAND = "command"
    PROSE = "prose"


@dataclass(frozen=True, slots=True)
class Reference:
    """A file that a text names.

    Attributes:
        path: As it is to be looked for: relative to the skill, without `.` parts and decoded.
        line: The line of the file it is named on.
        place: Where it is named.
    """

    path: str
    line: int
    place: Place


def references(body: str, first_line: int) -> Iterator[Reference]:
    """Yield the files that a text names, each once, in order.

    Links count wherever they lead; other words when they begin with `scripts/`, `references/` or
    `assets/`. A block of another language than the shell's shows something and names nothing.

    Args:
        body: The text behind the front matter.
        first_line: The line of the file that it begins on.
    """
    seen = set[tuple[str, Place]]()
    for reference in _all(body, first_line):
        if (reference.path, reference.place) not in seen:
            seen.add((reference.path, reference.place))
            yield reference


def _all(body: str, first_line: int) -> Iterator[Reference]:
    fence, is_shell = "", False
    for number, line in enumerate(body.split("\n"), first_line):
        found = _FENCE.match(line)
        if not fence and found:
            fence, is_shell = found["fence"], found["language"].lower() in {*_SHELLS, ""}
        elif fence and found and found["fence"].startswith(fence) and not found["language"]:
            fence = ""
        elif fence:
            yield from _named(line, number, Place.COMMAND) if is_shell else ()
        else:
            yield from _of_prose(line, number)


def _of_prose(line: str, number: int) -> Iterator[Reference]:
    definition = _DEFINITION.match(line)
    links = [*([definition] if definition else []), *_LINK.finditer(_SPAN.sub("", line))]
    for link in links:
        target = link["angled"] or link["plain"]
        if not _SCHEME.match(target):
            plain = unquote(re.split(r"[?#]", target, maxsplit=1)[0])
            yield Reference(posixpath.normpath(plain), number, Place.LINK)
    for span in _SPAN.finditer(line):
        yield from _named(span[1], number, Place.COMMAND if " " in span[1] else Place.PROSE)
    yield from _named(_LINK.sub("", _SPAN.sub("", line)), number, Place.PROSE)


def _named(text: str, number: int, place: Place) -> Iterator[Reference]:
    for found in _PATH.finditer(text):
        # A full stop behind a path ends the sentence.
        yield Reference(posixpath.normpath(found["path"].rstrip(".")), number, place)
