"""SKILL.md files as people write them, and whether Codex lists the skill.

Unit tests hold our check against this table; a process test holds the table against Codex.
"""

from __future__ import annotations

import random
from pathlib import Path

DESCRIPTION = "description: Does a thing."


def skill_text(*fields: str, body: str = "Do it.\n", end: str = "\n") -> bytes:
    """Return a SKILL.md with these lines of front matter."""
    return end.join(["---", *fields, "---", body]).encode()


def described(value: str, *more: str) -> bytes:
    """Return a SKILL.md with this description, as it is to stand in the file."""
    return skill_text("name: x", f"description: {value}", *more)


LISTED: dict[str, bytes] = {
    "plain": skill_text("name: x", DESCRIPTION),
    "without a name": skill_text(DESCRIPTION),
    "with an empty name": skill_text("name: ''", DESCRIPTION),
    "with a null name": skill_text("name: ~", DESCRIPTION),
    "with another name": skill_text("name: other", DESCRIPTION),
    "with a number for a name": skill_text("name: 123", DESCRIPTION),
    "with a truth for a name": skill_text("name: yes", DESCRIPTION),
    "with a date for a name": skill_text("name: 2024-01-01", DESCRIPTION),
    "with a name over lines": skill_text("name: |", "  two", "  lines", DESCRIPTION),
    "with a name of 64": skill_text(f"name: {'a' * 64}", DESCRIPTION),
    "with a name of 64 letters outside ascii": skill_text(f"name: {'é' * 64}", DESCRIPTION),
    "with a name that cannot be mentioned": skill_text("name: a.b", DESCRIPTION),
    "with a long description": described("d" * 1025),
    "with a folded description": skill_text("name: x", "description: >", "  a", "  b"),
    "with a continued description": described("a", "  b"),
    "with a number to describe it": described("123"),
    "with a comment": skill_text("# note", "name: x", DESCRIPTION),
    "with tabs": skill_text("name:\tx", "description: \ty"),
    "with quoted keys": skill_text("'name': x", '"description": y'),
    "in flow style": skill_text("{name: x, description: y}"),
    "with an alias": skill_text("name: &a x", "description: *a"),
    "with a tag": skill_text("name: !foo x", DESCRIPTION),
    "with unknown fields": skill_text("name: x", DESCRIPTION, "license: MIT", "extra: {a: 1}"),
    "with an unknown field twice": skill_text("name: x", DESCRIPTION, "a: 1", "a: 2"),
    "with empty metadata": skill_text("name: x", DESCRIPTION, "metadata:"),
    "with a smoke command": skill_text("name: x", DESCRIPTION, "metadata:", "  smoke: true"),
    "with a smoke mapping": skill_text("name: x", DESCRIPTION, "metadata:", "  smoke: {a: b}"),
    "with a number to describe it shortly": skill_text(
        "name: x", DESCRIPTION, "metadata:", "  short-description: 5"
    ),
    "with windows lines": skill_text("name: x", DESCRIPTION, end="\r\n"),
    "with blanks behind the fences": b"---  \nname: x\ndescription: y\n---\t\n",
    "with blanks before the fences": b" ---\nname: x\ndescription: y\n ---\n",
    "without a last line end": b"---\nname: x\ndescription: y\n---",
    "with an escape": described(r'"a\x07b"'),
    "with an emoji": described("\N{GRINNING FACE} y"),
    "with a hash": described("a #b"),
    "prose with a colon": described("Use: this"),
    "prose with a colon and a tab": described("a:\tb"),
    "prose with a colon and quotes": described('Use "a: b" now'),
    "prose with a colon and a comment": described("a: b # c"),
    "prose with a colon elsewhere": skill_text("name: x", DESCRIPTION, "hint: <a: b>"),
    "prose that begins like a list": described("[WIP] y"),
    "prose that begins like a mapping": described("{x} y"),
    "prose that is a mapping": described("{a: b}"),
    "prose that begins with an at sign": described("@foo bar"),
    "prose that begins with a backtick": described("`foo` bar"),
    "prose in an unknown list": skill_text("name: x", DESCRIPTION, "tags: [a,@b/c]"),
    "prose beside a block": skill_text("name: x", "description: a: b", "more: |", "  c: d: e"),
    "with a null byte below": skill_text("name: x", DESCRIPTION) + b"\0",
    "with an anchor for a value": described("&foo bar"),
}
"""Skills that Codex lists."""

DROPPED: dict[str, bytes] = {
    "empty": b"",
    "without front matter": b"# Title\n",
    "with an empty line first": b"\n---\nname: x\ndescription: y\n---\n",
    "with four hyphens": b"----\nname: x\ndescription: y\n----\n",
    "not closed": b"---\nname: x\ndescription: y\n",
    "closed by dots": b"---\nname: x\ndescription: y\n...\n",
    "with empty front matter": b"---\n---\n",
    "with a comment only": skill_text("# note"),
    "with a byte order mark": b"\xef\xbb\xbf" + skill_text("name: x", DESCRIPTION),
    "with mac lines": skill_text("name: x", DESCRIPTION, end="\r"),
    "not utf-8 above": "---\nname: x\ndescription: caf\xe9\n---\n".encode("latin-1"),
    "not utf-8 below": skill_text("name: x", DESCRIPTION) + b"caf\xe9\n",
    "without a description": skill_text("name: x"),
    "with an empty description": described("''"),
    "with a blank description": described("'   '"),
    "with a no-break space to describe it": described("'\N{NO-BREAK SPACE}'"),
    "with a null description": described("NULL"),
    "with a tilde to describe it": described("~"),
    "with a merged description": skill_text("name: x", "b: &b {description: y}", "<<: *b"),
    "with a list to describe it": described("[a, b]"),
    "with a block mapping to describe it": skill_text("name: x", "description:", "  a: b"),
    "with a list for a name": skill_text("name: [a]", DESCRIPTION),
    "with a name of 65": skill_text(f"name: {'a' * 65}", DESCRIPTION),
    "with a name twice": skill_text("name: x", "name: x", DESCRIPTION),
    "with metadata twice": skill_text("name: x", DESCRIPTION, "metadata:", "metadata:"),
    "with null metadata": skill_text("name: x", DESCRIPTION, "metadata: null"),
    "with a word for metadata": skill_text("name: x", DESCRIPTION, "metadata: hi"),
    "with a list for metadata": skill_text("name: x", DESCRIPTION, "metadata: []"),
    "with a list for a key": skill_text("name: x", DESCRIPTION, "? [a]", ": b"),
    "with a list for front matter": skill_text("- name: x"),
    "with a word for front matter": skill_text("hello"),
    "with a tab for indent": skill_text("name: x", DESCRIPTION, "metadata:", "\ta: b"),
    "with an open quote": described('"open'),
    "with text behind quotes": described('"a" b'),
    "with an unknown alias": described("*foo bar"),
    "with a percent sign": described("%foo bar"),
    "with a colon at the end": described("foo:"),
    "with a colon in a continued line": described("foo", "  bar: baz"),
    "with a dash": described("- foo"),
    "with a block sign and text": described(">foo bar"),
    "with a control character": described("a\x07b"),
    "with a delete character": described("a\x7fb"),
    "with a unicode line end": described("a\N{LINE SEPARATOR}b"),
    "with two documents": b"---\nname: x\ndescription: y\n...\nmore\n---\n",
}
"""Skills that Codex leaves out."""


# What YAML gives a meaning to, and what it does not.
_PIECES = (
    *("a", "b c", ": ", ":", "#", " #", "'", '"', "[", "]", "{", "}", ",", "&a", "*a", "!t", "|"),
    *(">", "-", "- ", "? ", "@", "`", "%", "\t", " ", "~", "null", "\\", "\N{NO-BREAK SPACE}", "é"),
    *("<x: y>", "=", "<<", "---", "..."),
)
_KEYS = ("name", "description", "metadata", "x", "'name'", "  short-description", "- a", "")


def scrambled(count: int, seed: int) -> dict[str, bytes]:
    """Return SKILL.md files with front matter that nobody would write; the same for a seed."""
    chance = random.Random(seed)  # noqa: S311 - nothing is to be kept secret

    def line() -> str:
        value = "".join(chance.choices(_PIECES, k=chance.randint(0, 5)))
        key = f"{chance.choice(_KEYS)}:{chance.choice([' ', ' ', ' ', '', '  '])}"
        return chance.choice([key, key, key, "  ", ""]) + value

    def text() -> bytes:
        lines = [line() for _ in range(chance.randint(1, 3))]
        for common in ("name: n", "description: d"):
            if chance.random() < 0.7:
                lines.insert(chance.randint(0, len(lines)), common)
        return skill_text(*lines)

    return {str(data, "utf-8"): data for data in (text() for _ in range(count))}


def write_cases(folder: Path, cases: dict[str, bytes]) -> dict[Path, str]:
    """Write each case into a skill's folder of its own; return the cases by folder."""
    written: dict[Path, str] = {}
    for number, (case, data) in enumerate(cases.items()):
        skill = folder / f"s{number}"
        skill.mkdir(parents=True)
        (skill / "SKILL.md").write_bytes(data)
        written[skill] = case
    return written
