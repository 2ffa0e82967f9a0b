"""Find the shell command in a prompt or a skill.

Owns the rules for commands in Markdown and for relative paths in skills. Never invents a command.
Pure: imports only `conversation`'s values and the front matter parser.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from codexmcp.home.skills.front_matter import FrontMatterError, read_front_matter
from codexmcp.rehearsal.conversation import Skill, Turn

_FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)[^\n`]*\n"
    r"(?P<body>.*?)(?:^[ \t]*(?P=fence)[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_SHELLS = frozenset({"", "bash", "sh", "shell"})
_QUOTED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SKILL_NAME = re.compile(r"\$[\w:.-]+")
_FOLDER = (
    r"\$\{?(?:CODEX_)?SKILL_(?:DIR|ROOT|PATH)\b\}?"
    r"|[<{](?:path[-_ ]to[-_ ])?skill(?:[-_ ](?:dir|directory|folder|root))?[>}]"
)
# A path counts as relative only at the start of a word, so `a/scripts/b` stays as it is.
_SKILL_PATH = re.compile(
    rf"(?:(?P<folder>{_FOLDER})|(?:(?<=[\s\"'=;&|(])|^)(?:\./)?(?=scripts/))", re.IGNORECASE
)


def commands_of(turn: Turn) -> tuple[str, ...]:
    """Return the commands requested by a user turn, in order; empty without a command.

    The first command of every skill with a command; otherwise the first quoted command of the
    prompt.
    """
    named = filter(None, map(skill_command, turn.skills))
    return tuple(named) or tuple(filter(None, [quoted_command(turn.prompt)]))


def quoted_command(text: str) -> str | None:
    """Return the first fenced shell block of a text, otherwise its first span in backticks.

    A span with only a skill's name, such as `$smoke`, is not a command.
    """
    return next(_fenced(text), None) or next(_spans(text), None)


def skill_command(skill: Skill) -> str | None:
    """Return the command of a skill, with the skill's own paths made absolute.

    In order: the smoke command in its front matter, the first fenced shell block, the first span in
    backticks with a program from the skill's `scripts` folder.
    """
    spans = (span for span in _spans(skill.text) if " " in span and "scripts/" in span)
    command = _smoke(skill.text) or next(_fenced(skill.text), None) or next(spans, None)
    return command and _absolute(command, str(skill.folder))


def _smoke(text: str) -> str | None:
    try:
        return read_front_matter(text).smoke
    except FrontMatterError:
        return None


def _fenced(text: str) -> Iterator[str]:
    for match in _FENCE.finditer(text):
        if match["language"].lower() in _SHELLS and match["body"].strip():
            yield match["body"].strip()


def _spans(text: str) -> Iterator[str]:
    for match in _QUOTED.finditer(_FENCE.sub("", text)):
        span = match[1].strip()
        if span and not _SKILL_NAME.fullmatch(span):
            yield span


def _absolute(command: str, folder: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        quoted = command[: match.start()].endswith(('"', "'"))
        path = folder if quoted else shlex.quote(folder)
        return path if match["folder"] else f"{path}/"

    return _SKILL_PATH.sub(replaced, command)
