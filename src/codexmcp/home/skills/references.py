"""The files referenced by the text of a SKILL.md. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from enum import StrEnum
from urllib.parse import unquote

from codexmcp.data_classes import dataclass

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
# A word with a folder of the skill as its prefix; a word with a wildcard is only an example.
_PATH = re.compile(
    rf"(?:(?<![\w./$}}>~@-])(?:\./)?|{_FOLDER})"
    r"(?P<path>(?:scripts|references|assets)/[\w./@+-]*)(?![\w./@+<{*$\[-]|…)",
    re.IGNORECASE,
)
# Possible text before the first word of a command: a prompt, other commands, variables.
_BEFORE = re.compile(r"(?:.*(?:[;&|(]|\$\(|`))?[ \t]*(?:[$>%#][ \t]+)?(?:\w+=\S*[ \t]+)*[\"']?")


class ReferenceKind(StrEnum):
    """The location of a file reference."""

    LINK = "link"
    COMMAND = "command"
    PROGRAM = "program"
    """The first word of a command: the executed file."""
    PROSE = "prose"


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a file.

    Attributes:
        path: The path to look up: relative to the skill, decoded, without `.` parts.
        line: The line of the reference in the file.
        place: The kind of reference.
    """

    path: str
    line: int
    place: ReferenceKind


def references(body: str, first_line: int) -> Iterator[Reference]:
    """Yield the files referenced by a text, each once, in order.

    All links count; other words count with the prefix `scripts/`, `references/` or `assets/`. Code
    blocks in languages other than shell are examples without references.

    Args:
        body: The text after the front matter.
        first_line: The first line of the text in the file.
    """
    seen = set[tuple[str, ReferenceKind]]()
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
            yield from _named(line, number, ReferenceKind.COMMAND) if is_shell else ()
        else:
            yield from _of_prose(line, number)


def _of_prose(line: str, number: int) -> Iterator[Reference]:
    definition = _DEFINITION.match(line)
    links = [*([definition] if definition else []), *_LINK.finditer(_SPAN.sub("", line))]
    for link in links:
        target = link["angled"] or link["plain"]
        if not _SCHEME.match(target):
            plain = unquote(re.split(r"[?#]", target, maxsplit=1)[0])
            yield Reference(posixpath.normpath(plain), number, ReferenceKind.LINK)
    for span in _SPAN.finditer(line):
        yield from _named(
            span[1], number, ReferenceKind.COMMAND if " " in span[1] else ReferenceKind.PROSE
        )
    yield from _named(_LINK.sub("", _SPAN.sub("", line)), number, ReferenceKind.PROSE)


def _named(text: str, number: int, place: ReferenceKind) -> Iterator[Reference]:
    for found in _PATH.finditer(text):
        is_first = place is ReferenceKind.COMMAND and _BEFORE.fullmatch(text, 0, found.start())
        # A full stop after a path ends the sentence.
        path = posixpath.normpath(found["path"].rstrip("."))
        yield Reference(path, number, ReferenceKind.PROGRAM if is_first else place)
