"""The front matter of a SKILL.md, read the way Codex reads it.

Pure. Promises that what it takes is what Codex takes: scalars of any kind are text, unknown fields
do not matter, a known field that comes twice does, and prose without quotes is repaired first.
Source: measured on Codex 0.153.4 and 0.163.0, whose parser is a port of libyaml, as PyYAML's is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from codexmcp.errors import ConfigurationError
from codexmcp.home.skills.yaml_repair import compose, repaired

FENCE = "---"
SMOKE_FIELD = "smoke"
"""The field of `metadata` that declares a command which proves that the skill works."""

LARGEST = 16 * 1024
"""Characters, our policy: libyaml takes time with the square of the length (37 s for 200 kB)."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_KNOWN = ("name", "description", "metadata")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a SKILL.md says of itself.

    Attributes:
        name: Its name, on one line; None when there is none, and Codex takes the folder's.
        description: What it is for, on one line; empty when there is none.
        smoke: The command of `metadata.smoke`; None when none is declared.
        body: The text behind the front matter.
        body_line: The line of the file that `body` begins on.
        lines: Where a field stands in the file, by its name.
        is_repaired: Whether it is no YAML as it stands.
    """

    name: str | None
    description: str
    smoke: str | None
    body: str
    body_line: int
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    is_repaired: bool = False


class FrontMatterError(ConfigurationError):
    """Codex cannot use a front matter.

    Args:
        what: What is wrong.
        remedy: What to do about it.
        line: The line of the file; None when there is none to point at.
    """

    def __init__(self, what: str, remedy: str, line: int | None = None) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
        self.line = line


class FrontMatterSizeError(FrontMatterError):
    """A front matter is too large or too deep to be read here; what Codex makes of it is open."""


def read_front_matter(text: str) -> FrontMatter:
    """Return the front matter of a SKILL.md.

    Args:
        text: The whole file.

    Raises:
        FrontMatterSizeError: It is too large or too deep.
        FrontMatterError: Codex would not use it.
    """
    # As Rust's `lines` does: a lone carriage return ends no line.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[0].strip() != FENCE:
        raise _no_fence(lines[0])
    end = next((at for at, line in enumerate(lines) if at and line.strip() == FENCE), None)
    if end is None:
        raise FrontMatterError("the front matter is not closed", f"end it with a line `{FENCE}`", 1)
    if end == 1:
        raise FrontMatterError("the front matter is empty", "give it a name and a description", 1)
    block, body = "\n".join(lines[1:end]), "\n".join(lines[end + 1 :])
    if len(block) > LARGEST:
        what = f"the front matter has {len(block)} characters; {LARGEST} are allowed"
        raise FrontMatterSizeError(what, "move the details into the text below it", 1)
    try:
        return _front_matter(block, body, end + 2, is_repaired=False)
    except FrontMatterError as refused:
        again = repaired(block)
        if again is None:
            raise
        try:
            return _front_matter(again, body, end + 2, is_repaired=True)
        except FrontMatterError:
            raise refused from None


def _no_fence(first: str) -> FrontMatterError:
    if first.startswith("\N{BOM}"):
        return FrontMatterError(
            "it begins with a byte order mark, behind which Codex finds no front matter",
            "save it as UTF-8 without a byte order mark",
            1,
        )
    return FrontMatterError(
        "there is no front matter",
        f"make `{FENCE}` its first line, then name and description, then another `{FENCE}`",
        1,
    )


def _front_matter(block: str, body: str, body_line: int, *, is_repaired: bool) -> FrontMatter:
    fields = _fields(block)
    metadata = _metadata(fields)
    return FrontMatter(
        name=_text(fields, "name") or None,
        description=_text(fields, "description") or "",
        smoke=_smoke(metadata),
        body=body,
        body_line=body_line,
        lines={name: _line(key) for name, (key, _) in fields.items()},
        is_repaired=is_repaired,
    )


_Field = tuple[yaml.Node, yaml.Node]


def _fields(block: str) -> dict[str, _Field]:
    """Return the fields of the front matter as nodes of YAML, by name."""
    try:
        root = compose(block)
    except yaml.YAMLError as error:
        raise _invalid(error, block) from None
    except RecursionError:
        raise FrontMatterSizeError(
            "the front matter is nested too deep", "make it flatter"
        ) from None
    if not isinstance(root, yaml.MappingNode):
        raise FrontMatterError(
            "the front matter is no list of fields", "write `name: ...` lines", 2
        )
    return dict(_pairs(root, _KNOWN))


def _pairs(node: yaml.MappingNode, known: tuple[str, ...]) -> Iterator[tuple[str, _Field]]:
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise FrontMatterError(
                "a field's name is no text", "write `name: value` lines", _line(key)
            )
        if key.value in seen and key.value in known:
            raise FrontMatterError(
                f"the field `{key.value}` is there twice", "keep one", _line(key)
            )
        seen.add(key.value)
        yield key.value, (key, value)


def _text(fields: Mapping[str, _Field], name: str) -> str | None:
    """Return a field's text on one line; None when it is missing or null."""
    if name not in fields:
        return None
    key, node = fields[name]
    if not isinstance(node, yaml.ScalarNode):
        raise FrontMatterError(
            f"`{name}` is no text", "write it on one line, in quotes", _line(key)
        )
    return None if _is_null(node) else " ".join(node.value.split())


def _metadata(fields: Mapping[str, _Field]) -> Mapping[str, _Field]:
    if "metadata" not in fields:
        return {}
    key, node = fields["metadata"]
    # Left empty it is none; a written null is refused (measured on 0.163.0).
    if isinstance(node, yaml.ScalarNode) and _is_null(node) and not node.value:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise FrontMatterError(
            "`metadata` is no list of fields", "put indented `name: value` lines below", _line(key)
        )
    metadata = dict(_pairs(node, ("short-description",)))
    _text(metadata, "short-description")
    return metadata


def _smoke(metadata: Mapping[str, _Field]) -> str | None:
    """Return the declared command, which may have several lines."""
    node = metadata[SMOKE_FIELD][1] if SMOKE_FIELD in metadata else None
    if not isinstance(node, yaml.ScalarNode) or _is_null(node):
        return None
    return node.value.strip() or None


def _is_null(node: yaml.ScalarNode) -> bool:
    # Plain: None by PyYAML, empty by libyaml.
    return not node.style and node.value in _NULLS


def _line(node: yaml.Node) -> int:
    # Marks count from 0, and the fence stands before the first line.
    return int(node.start_mark.line) + 2


def _invalid(error: yaml.YAMLError, block: str) -> FrontMatterError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    position = getattr(error, "position", None)
    line = None
    if mark is not None:
        line = mark.line + 2
    elif isinstance(position, int):
        line = block.count("\n", 0, position) + 2
    return FrontMatterError(
        f"the front matter is no YAML: {' '.join(str(problem).split())}",
        "put the value of that line in quotes, and indent with spaces",
        line,
    )
