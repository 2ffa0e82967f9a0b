"""The differences between the contract and a build, by its schema and by its messages.

Pure. A break is a difference that our code does not survive; news is everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from codexmcp.appserver.contract import IN_SOME, Contract, Types, Use
from codexmcp.appserver.schema import ANY, OPTIONAL, Message, Schema, steps
from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import is_list, is_object

_SOFT = frozenset({OPTIONAL, IN_SOME, "null"})


class Kind(StrEnum):
    """The weight of a difference."""

    BREAK = "break"
    NEWS = "news"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the contract and a build.

    Attributes:
        kind: Its weight.
        where: The message, item or field.
        what: What differs.
    """

    kind: Kind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def schema_differences(contract: Contract, schema: Schema) -> list[Difference]:
    """Return the differences between the contract and a build's schema."""
    return list(_differences(contract, schema))


def _differences(contract: Contract, schema: Schema) -> Iterator[Difference]:
    for kind in ("requests", "questions", "notifications"):
        found = schema.messages(kind)
        for name, use in contract.uses[kind].items():
            if name in found:
                yield from _of_message(kind, name, use, found[name], schema)
            elif not use.is_partial:
                yield Difference(Kind.BREAK, name, f"this build has no such {_SINGULAR[kind]}")
        if kind != "requests":
            yield from _new_names(contract, kind, found)
    items = schema.items()
    for name, use in contract.uses["items"].items():
        where = f"item {name}"
        if name not in items:
            if not use.is_partial:
                yield Difference(Kind.BREAK, where, "this build has no such item")
            continue
        for path, types in use.reads.items():
            yield from _of_read(f"{where} {path}", types, schema.types(items[name], path))
    yield from _new_names(contract, "items", items)


_SINGULAR = {
    "requests": "request",
    "questions": "question",
    "notifications": "notification",
    "items": "item",
}


def _new_names(contract: Contract, kind: str, found: Mapping[str, object]) -> Iterator[Difference]:
    for name in sorted(found.keys() - contract.known(kind)):
        yield Difference(Kind.NEWS, name, f"a new {_SINGULAR[kind]}")


def _of_message(
    kind: str, name: str, use: Use, message: Message, schema: Schema
) -> Iterator[Difference]:
    is_ours = kind == "requests"
    sent, read = message.params, message.answer
    if not is_ours:
        sent, read = read, sent
    for path, types in use.sends.items():
        yield from _of_sent(f"{name} {path}", types, schema.types(sent, path))
    for required in schema.required(sent) if is_ours else ():
        if required not in use.sends:
            where = f"{name} {required}"
            yield Difference(Kind.BREAK, where, "this build requires a field that we do not send")
    for path, types in use.reads.items():
        where = f"{name} {'answer ' if is_ours else ''}{path}"
        yield from _of_read(where, types, schema.types(read, path))


def _of_sent(where: str, ours: frozenset[str], theirs: frozenset[str]) -> Iterator[Difference]:
    if not theirs:
        if IN_SOME not in ours:
            yield Difference(Kind.BREAK, where, "this build takes no such field")
        return
    if ANY in theirs | ours:
        return
    refused = ours - theirs - _SOFT
    if refused and not (_is_word(refused) and "string" in theirs):
        yield Difference(Kind.BREAK, where, f"this build does not take {_listed(refused)}")


def _of_read(where: str, ours: frozenset[str], theirs: frozenset[str]) -> Iterator[Difference]:
    if not theirs:
        if IN_SOME not in ours:
            yield Difference(Kind.BREAK, where, "this build has no such field")
        return
    if ANY in theirs | ours:
        return
    new = theirs - ours
    if IN_SOME in ours:
        new -= {OPTIONAL}
    if _is_word(new) and "string" in ours:
        return
    if not theirs & ours - _SOFT and theirs - _SOFT:
        was = _listed(ours - _SOFT)
        yield Difference(Kind.BREAK, where, f"was {was}, is {_listed(theirs - _SOFT)}")
    elif new:
        yield Difference(Kind.NEWS, where, f"may now be {_listed(new)}")


def _is_word(types: frozenset[str]) -> bool:
    return all(each.startswith("'") for each in types)


def _listed(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def value_differences(where: str, types: Types, value: object) -> list[Difference]:
    """Return the differences between a received value and the read fields of the contract.

    Args:
        where: The message or item, for the differences.
        types: The read fields.
        value: The decoded parameters, answer or item.
    """
    found = (
        Difference(Kind.BREAK, f"{where} {path}", f"{fault} in a message of this build")
        for path, allowed in types.items()
        for fault in dict.fromkeys(_faults(value, steps(path), allowed))
    )
    return list(found)


def _faults(value: object, path: list[str], allowed: frozenset[str]) -> Iterator[str]:
    """Yield the faults of a value below a path; nothing below a missing or null field."""
    if not path:
        kind = _type_of(value)
        if kind == "string" and _has_words(allowed):
            # New words are news of the schema, and a field of words may be open.
            return
        if not {kind, ANY} & allowed:
            yield f"is {kind}"
        return
    step, rest = path[0], path[1:]
    if step in {"[]", "*"}:
        values = value if is_list(value) else list(value.values()) if is_object(value) else []
        for each in values:
            yield from _faults(each, rest, allowed)
    elif is_object(value):
        if step in value:
            yield from _faults(value[step], rest, allowed)
        elif not {OPTIONAL, IN_SOME} & allowed:
            yield "is missing"


def _has_words(types: frozenset[str]) -> bool:
    return any(each.startswith("'") for each in types)


def _type_of(value: Any) -> str:  # noqa: ANN401 - a JSON value
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "array" if is_list(value) else "object"
