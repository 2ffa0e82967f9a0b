"""The schema of a build: methods, notifications, items, and types of fields by path.

Pure. A path names nested fields, with `[]` for elements of an array and `*` for values of a map:
`turn.items[].id`.

Source: `codex app-server generate-json-schema` of 0.153.4, 0.163.0 and 0.171.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import dig, is_list, list_of, object_of, text_of

FILE = "codex_app_server_protocol.schemas.json"
"""The file with all definitions, among those written by Codex."""

OPTIONAL = "absent"
"""The type of a field that may be missing."""

ANY = "any"

Node = Mapping[str, Any]
"""A part of a schema."""

_PARTS = {
    "requests": "ClientRequest",
    "questions": "ServerRequest",
    "notifications": "ServerNotification",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the protocol.

    Attributes:
        params: The schema of the parameters.
        answer: The schema of the answer; empty for a notification.
    """

    params: Node
    answer: Node


class Schema:
    """The schema of one build.

    Args:
        document: The decoded file `FILE`.
    """

    def __init__(self, document: Node) -> None:
        self._definitions = object_of(document.get("definitions"))

    def messages(self, kind: str) -> dict[str, Message]:
        """Return the messages by method.

        Args:
            kind: `requests` from us, `questions` from Codex, or `notifications` from Codex.
        """
        variants = list_of(dig(self._definitions, _PARTS[kind], "oneOf"))
        methods = (
            (text_of(each), object_of(dig(variant, "properties", "params")))
            for variant in variants
            for each in list_of(dig(variant, "properties", "method", "enum"))
        )
        return {name: Message(params, self._answer(params)) for name, params in methods if name}

    def items(self) -> dict[str, Node]:
        """Return the schemas of items by type."""
        variants = map(object_of, list_of(dig(self._definitions, "v2", "ThreadItem", "oneOf")))
        return {
            str(name): variant
            for variant in variants
            for name in list_of(dig(variant, "properties", "type", "enum"))
        }

    def types(self, node: Node, path: str) -> frozenset[str]:
        """Return the types of a field; empty for an unknown field.

        Words of an enumeration are types in quotes: `'completed'`.
        """
        nodes, lacks = [node], False
        for step in steps(path):
            variants = [each for part in nodes for each in self.variants(part)]
            variants = [each for each in variants if each.get("type") != "null"]
            if any(map(_is_any, variants)):
                return frozenset({ANY})
            inner = [_inner(variant, step) for variant in variants]
            nodes = [each for each in inner if each is not None]
            lacks = any(_may_lack(variant, step) for variant in variants)
        optional = {OPTIONAL} if lacks else set[str]()
        return frozenset(optional | self._types_of(nodes)) if nodes else frozenset()

    def required(self, node: Node) -> list[str]:
        """Return the required fields of an object."""
        return [name for each in self.variants(node) for name in list_of(each.get("required"))]

    def _types_of(self, nodes: list[Node]) -> set[str]:
        return {word for node in nodes for each in self.variants(node) for word in _words(each)}

    def _answer(self, params: Node) -> Node:
        """Return the schema of the answer, which is linked by its name alone."""
        reference = (text_of(params.get("$ref")) or "").removesuffix("Params") + "Response"
        return {"$ref": reference} if self._resolved(reference) else {}

    def _resolved(self, reference: str) -> Node:
        names = reference.removeprefix("#/definitions/").split("/")
        return object_of(dig(self._definitions, *names))

    def variants(self, node: object) -> Iterator[Node]:
        """Yield the alternatives of a schema, without references."""
        fields = object_of(node)
        if "$ref" in fields:
            yield from self.variants(self._resolved(str(fields["$ref"])))
            return
        unions = [each for key in ("anyOf", "oneOf", "allOf") for each in list_of(fields.get(key))]
        for each in unions:
            yield from (_merged(fields, variant) for variant in self.variants(each))
        if not unions:
            yield fields


def steps(path: str) -> list[str]:
    """Return the steps of a path: names, `[]` and `*`."""
    return re.findall(r"[^.\[\]]+|\[\]", path)


def _merged(common: Node, variant: Node) -> Node:
    """Return an alternative with the fields that all alternatives have."""
    if "properties" not in common:
        return variant
    properties = {**object_of(common["properties"]), **object_of(variant.get("properties"))}
    required = [*list_of(common.get("required")), *list_of(variant.get("required"))]
    return {**variant, "properties": properties, "required": required}


def _is_any(variant: Node) -> bool:
    return not {"type", "enum", "const", "properties"} & variant.keys()


def _words(variant: Node) -> list[str]:
    words = list_of(variant.get("enum")) or [variant[key] for key in ("const",) if key in variant]
    if words:
        return [f"'{word}'" for word in words]
    kind = variant.get("type", ANY)
    kinds = kind if is_list(kind) else [kind]
    return ["number" if each == "integer" else str(each) for each in kinds]


def _inner(variant: Node, step: str) -> Node | None:
    """Return the schema of a field, element or value of one alternative; None without one."""
    if step == "[]":
        return object_of(variant["items"]) if "items" in variant else None
    properties = object_of(variant.get("properties"))
    if step in properties:
        return object_of(properties[step])
    more = variant.get("additionalProperties")
    return object_of(more) if step == "*" and more not in (None, False) else None


def _may_lack(variant: Node, step: str) -> bool:
    """Return whether a value of this alternative may be without the field."""
    return step not in {"[]", "*"} and step not in list_of(variant.get("required"))
