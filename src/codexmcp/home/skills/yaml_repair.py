"""Codex's YAML repair: quotes around prose without quotes.

Pure. Source: https://github.com/openai/codex/pull/28628; the cases are measured on 0.153.4 and
0.163.0. Older builds and other readers of skills drop such a skill.
"""

from __future__ import annotations

import re

import yaml

DEEPEST = 200
"""Bound on levels of nesting, our policy; real files have a handful."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FIELD = re.compile(
    r"(?P<head>[^:]*[^:\s][^:]*:\s+)(?P<value>[^\s#].*?)(?P<rest>\s+#.*)?\s*", re.DOTALL
)
_COLON = re.compile(r":\s")
_BLOCK_SCALAR = ("|", ">")
_QUOTES = ("'", '"')
_FLOW_LIKE = ("[", "{", "@", "`")


def compose(text: str) -> yaml.Node | None:
    """Return the nodes of a YAML text, or None for an empty text.

    Uses libyaml if PyYAML was built with it (its wheels are): libyaml accepts tabs between words,
    like Codex's parser and unlike PyYAML's own.

    Raises:
        yaml.YAMLError: Invalid YAML.
        RecursionError: The nesting is too deep.
    """
    depth = 0
    # Composition is recursive, and a stack overflow in libyaml ends the process.
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise RecursionError(f"more than {DEEPEST} levels")
    return yaml.compose(text, Loader=_LOADER)


def quoted_prose(block: str) -> str | None:
    """Return front matter with quotes around its prose; None without such prose.

    A value is quoted if a colon and a space are in it, or if it resembles a list, a mapping or a
    reserved sign without being valid. Block scalars stay unchanged.

    Args:
        block: The lines between the two `---`.
    """
    lines, result = block.split("\n"), list[str]()
    scalar_indent: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if scalar_indent is not None and (not line.strip() or indent > scalar_indent):
            result.append(line)
            continue
        field = _FIELD.fullmatch(line)
        is_scalar = field is not None and field["value"].startswith(_BLOCK_SCALAR)
        scalar_indent = indent if is_scalar else None
        result.append(line if field is None else _quoted(field))
    return "\n".join(result) if result != lines else None


def _quoted(field: re.Match[str]) -> str:
    value = field["value"]
    if value.startswith((*_BLOCK_SCALAR, *_QUOTES)):
        return field[0]
    if not _COLON.search(value) and not (value.startswith(_FLOW_LIKE) and not _is_yaml(value)):
        return field[0]
    escaped = value.replace("'", "''")
    return f"{field['head']}'{escaped}'{field['rest'] or ''}"


def _is_yaml(text: str) -> bool:
    try:
        compose(text)
    except (yaml.YAMLError, RecursionError):
        return False
    return True
