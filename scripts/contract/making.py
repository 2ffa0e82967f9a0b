"""Makes the contract from our code and the schemas of builds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import codexmcp
from codexmcp.appserver.answers import Question
from codexmcp.appserver.contract import IN_SOME, Contract, Use
from codexmcp.appserver.schema import OPTIONAL, Message, Node, Schema, steps
from codexmcp.server import codex_agents, codex_events, codex_items
from scripts.contract import tables
from scripts.contract.readers import read_event, read_question
from scripts.contract.traced import Traced, sample

_SAMPLES = 240
_ITEM = "item"

Schemas = Mapping[str, Schema]
"""The schemas of builds by version."""


class ContractError(Exception):
    """The code uses something that no build has."""


def make_contract(
    schemas: Schemas, untranslated: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> Contract:
    """Return the contract of our code with some builds.

    Args:
        schemas: The builds, oldest first.
        untranslated: The known names without a use.

    Raises:
        ContractError: No build has a method, an item or a field of ours.
    """
    words = string_constants()
    uses = {
        "requests": {
            method: _use(
                f"request {method}",
                _messages(schemas, "requests", method),
                schemas,
                (sends, tables.READS.get(method, ())),
                words,
            )
            for method, sends in tables.SENDS.items()
        },
        **_received(schemas, words),
    }
    return Contract(tuple(schemas), uses, untranslated)


def string_constants() -> frozenset[str]:
    """Return all strings in our code."""
    root = Path(codexmcp.__file__).parent
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in root.rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return frozenset(
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def used_notifications(words: Iterable[str]) -> set[str]:
    """Return the notifications that our code reads."""
    return {*codex_events.TRANSLATED, *tables.EVENTS} & set(words)


def _received(schemas: Schemas, words: frozenset[str]) -> dict[str, dict[str, Use]]:
    items: dict[str, set[str]] = {}
    notifications = {
        method: _traced(schemas, "notifications", method, read_event, items)
        | set(tables.EVENTS.get(method, ()))
        for method in sorted(used_notifications(words))
    }
    questions = {
        str(method): _traced(schemas, "questions", str(method), read_question, {})
        | set(tables.QUESTIONS.get(method, ()))
        for method in Question
    }
    known = codex_items.ITEM_TYPES | codex_agents.ITEM_TYPES
    return {
        "questions": {
            method: _use(
                method, _messages(schemas, "questions", method), schemas,
                (tables.ANSWERS[method], reads), words, is_ours=False,
            )
            for method, reads in questions.items()
        },
        "notifications": {
            method: _use(
                method, _messages(schemas, "notifications", method), schemas, ((), reads), words,
                is_ours=False,
            )
            for method, reads in notifications.items()
        },
        "items": {
            name: Use({}, _types(
                f"item {name}", items.get(name, set()),
                [(each, each.items().get(name, {})) for each in schemas.values()],
            ))
            for name in sorted(known)
        },
    }  # fmt: skip


def _messages(schemas: Schemas, kind: str, method: str) -> list[Message]:
    nothing = Message({}, {})
    return [each.messages(kind).get(method, nothing) for each in schemas.values()]


def _use(
    where: str,
    messages: list[Message],
    schemas: Schemas,
    fields: tuple[Iterable[str], Iterable[str]],
    words: frozenset[str],
    *,
    is_ours: bool = True,
) -> Use:
    params = [(each, m.params) for each, m in zip(schemas.values(), messages, strict=True)]
    answers = [(each, m.answer) for each, m in zip(schemas.values(), messages, strict=True)]
    sent, read = (params, answers) if is_ours else (answers, params)
    sends = _types(where, fields[0], sent)
    return Use(
        {path: frozenset(_sent(types, words)) for path, types in sends.items()},
        _types(where, fields[1], read),
    )


def _sent(types: frozenset[str], words: frozenset[str]) -> Iterator[str]:
    """Yield the types of a sent field: of words, those in our code."""
    for each in types - {OPTIONAL, "null"}:
        if not each.startswith("'") or each.strip("'") in words:
            yield each


def _types(
    where: str, paths: Iterable[str], nodes: list[tuple[Schema, Node]]
) -> dict[str, frozenset[str]]:
    """Return the types of fields, and of the objects around them, over all builds."""
    found: dict[str, frozenset[str]] = {}
    for path in sorted({prefix for whole in paths for prefix in _prefixes(whole)}):
        each = [schema.types(node, path) if node else frozenset[str]() for schema, node in nodes]
        types = frozenset[str]().union(*each)
        if not types:
            raise ContractError(f"{where}: no build has the field {path}")
        found[path] = types if all(each) else types | {IN_SOME}
    return found


def _prefixes(path: str) -> Iterator[str]:
    text = ""
    for step in steps(path):
        text += step if step == "[]" or not text else f".{step}"
        if step not in {"[]", "*"} or text == path:
            yield text


def _traced(
    schemas: Schemas,
    kind: str,
    method: str,
    read: Callable[[str, Any], None],
    items: dict[str, set[str]],
) -> set[str]:
    """Return the paths that our code reads of a message and that a build has."""
    found: set[str] = set()
    for schema in schemas.values():
        message = schema.messages(kind).get(method)
        if message is None:
            continue
        for number in range(_SAMPLES):
            paths: set[str] = set()
            params = sample(schema, message.params, number)
            if not isinstance(params, dict):
                continue
            read(method, Traced(params, paths))
            item = params.get(_ITEM)
            name = str(item.get("type")) if isinstance(item, dict) else ""
            inner = {path.removeprefix(f"{_ITEM}.") for path in paths if path.startswith("item.")}
            if name in schema.items():
                node = schema.items()[name]
                known = {path for path in inner - {"type"} if schema.types(node, path)}
                items.setdefault(name, set()).update(known)
                paths = {path for path in paths if not path.startswith("item.")}
            found |= {path for path in paths if schema.types(message.params, path)}
    return found
