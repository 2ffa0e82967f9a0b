"""The front matter of a SKILL.md, parsed by Codex's rules.

Pure. Accepts exactly the front matter accepted by Codex: scalars of any kind are text, unknown
fields are ignored, duplicate known fields are errors, and unquoted prose is repaired first.
Source: measured on Codex 0.153.4 and 0.163.0. Their parser is a port of libyaml; PyYAML uses
libyaml itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import ConfigurationError
from codexmcp.home.skills.yaml_repair import compose, quoted_prose

FENCE = "---"
SMOKE_FIELD = "smoke"
"""The field of `metadata` with the skill's smoke test command."""

LARGEST = 16 * 1024
"""Characters, our policy: libyaml takes time with the square of the length (37 s for 200 kB)."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_KNOWN = ("name", "description", "metadata")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The metadata of a SKILL.md.

    Attributes:
        name: The name, on one line; None if absent, and Codex uses the folder's name.
        description: The description, on one line; empty if absent.
        smoke: The command of `metadata.smoke`; None if absent.
        body: The text after the front matter.
        body_line: The first line of `body` in the file.
        lines: The lines of fields in the file, by name.
        is_repaired: The original text is not valid YAML.
    """

    name: str | None
    description: str
    smoke: str | None
    body: str
    body_line: int
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    is_repaired: bool = False


class FrontMatterError(ConfigurationError):
    """A front matter unusable for Codex.

    Args:
        what: The problem.
        remedy: The remedy.
        line: The line of the file; None without a specific line.
    """

    def __init__(self, what: str, remedy: str, line: int | None = None) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy
        self.line = line


class FrontMatterSizeError(FrontMatterError):
    """A front matter is too large or too deep to parse here; Codex's decision is unknown."""


def read_front_matter(text: str) -> FrontMatter:
    """Return the front matter of a SKILL.md.

    Args:
        text: The whole file.

    Raises:
        FrontMatterSizeError: Too large or too deep.
        FrontMatterError: Unusable for Codex.
    """
    # As in Rust's `lines`, a lone carriage return does not end a line.
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
        again = quoted_prose(block)
        if again is None:
            raise
        try:
            return _front_matter(again, body, end + 2, is_repaired=True)
        except FrontMatterError:
            raise refused from None


def _no_fence(first: str) -> FrontMatterError:
    if first.startswith("\N{BOM}"):
        return FrontMatterError(
            "it begins with a byte order mark, so Codex finds no front matter",
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
    """Return the fields of the front matter as YAML nodes, by name."""
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
            "the front matter is not a list of fields", "write `name: ...` lines", 2
        )
    return dict(_pairs(root, _KNOWN))


def _pairs(node: yaml.MappingNode, known: tuple[str, ...]) -> Iterator[tuple[str, _Field]]:
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise FrontMatterError(
                "a field's name is not text", "write `name: value` lines", _line(key)
            )
        if key.value in seen and key.value in known:
            raise FrontMatterError(
                f"the field `{key.value}` is there twice", "keep one", _line(key)
            )
        seen.add(key.value)
        yield key.value, (key, value)


def _text(fields: Mapping[str, _Field], name: str) -> str | None:
    """Return a field's text on one line; None if missing or null."""
    if name not in fields:
        return None
    key, node = fields[name]
    if not isinstance(node, yaml.ScalarNode):
        raise FrontMatterError(
            f"`{name}` is not text", "write it on one line, in quotes", _line(key)
        )
    return None if _is_null(node) else " ".join(node.value.split())


def _metadata(fields: Mapping[str, _Field]) -> Mapping[str, _Field]:
    if "metadata" not in fields:
        return {}
    key, node = fields["metadata"]
    # An empty value counts as absent; an explicit null is refused (measured on 0.163.0).
    if isinstance(node, yaml.ScalarNode) and _is_null(node) and not node.value:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise FrontMatterError(
            "`metadata` is not a list of fields",
            "put indented `name: value` lines below",
            _line(key),
        )
    metadata = dict(_pairs(node, ("short-description",)))
    _text(metadata, "short-description")
    return metadata


def _smoke(metadata: Mapping[str, _Field]) -> str | None:
    """Return the declared command, possibly of several lines."""
    node = metadata[SMOKE_FIELD][1] if SMOKE_FIELD in metadata else None
    if not isinstance(node, yaml.ScalarNode) or _is_null(node):
        return None
    return node.value.strip() or None


def _is_null(node: yaml.ScalarNode) -> bool:
    # Plain scalars: None in PyYAML, empty in libyaml.
    return not node.style and node.value in _NULLS


def _line(node: yaml.Node) -> int:
    # Marks count from 0, and the fence precedes the first line.
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
        f"the front matter is not valid YAML: {' '.join(str(problem).split())}",
        "put the value of that line in quotes, and indent with spaces",
        line,
    )
