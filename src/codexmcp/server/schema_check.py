"""Checks output schemas, and answers against them, without reaching beyond the schema itself.

Promises that a schema of a hostile client fetches nothing. Imported late: its libraries cost 60 ms,
and few calls bring a schema.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, validators
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from codexmcp.jsonvalues import is_list, is_object
from codexmcp.server.arguments import ArgumentsError

_extend: Any = validators.extend  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_REFERENCES = ("$ref", "$dynamicRef")


def _leave_out(_validator: object, _value: object, _instance: object, _schema: object) -> None:
    """Hold a value to nothing."""


def _additional_properties(
    validator: Any,  # noqa: ANN401 - the library's own untyped form
    value: Any,  # noqa: ANN401
    instance: Any,  # noqa: ANN401
    schema: Mapping[str, Any],
) -> Generator[Any, None, None]:
    if "patternProperties" not in schema:
        check_all = Draft202012Validator.VALIDATORS["additionalProperties"]
        yield from check_all(validator, value, instance, schema) or ()


# Python's regular expressions can take years on a short text, and a hostile one would stop the
# server for all its calls. The model's endpoint holds the answer to them. The last two keywords
# look at the patterns of their neighbours.
_Validator: Any = _extend(
    Draft202012Validator,
    {
        "pattern": _leave_out,
        "patternProperties": _leave_out,
        "additionalProperties": _additional_properties,
        "unevaluatedProperties": _leave_out,
    },
)


def check(schema: Mapping[str, Any]) -> None:
    """Refuse what is no JSON Schema, or refers to something outside or to nothing.

    Raises:
        ArgumentsError: It is refused.
    """
    try:
        Draft202012Validator.check_schema(schema)
        _check_references(dict(schema))
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "its root"
        raise ArgumentsError(
            f"output-schema is no JSON Schema: {error.message} (at {where})"
        ) from None
    except RecursionError:
        raise ArgumentsError("output-schema is nested too deeply") from None


def first_fault(schema: Mapping[str, Any], value: object) -> str | None:
    """Return the first thing that is wrong with a value; None when it fits.

    Args:
        schema: A schema that `check` has let pass.
        value: A decoded JSON value.
    """
    # With a `$schema`, a reference to the root would be checked by the library's own class.
    own = {key: entry for key, entry in schema.items() if key != "$schema"}
    fault = next(_Validator(own, registry=EMPTY_REGISTRY).iter_errors(value), None)
    return None if fault is None else str(fault.message)


def _check_references(schema: dict[str, Any]) -> None:
    root = DRAFT202012.create_resource(schema)
    base = root.id() or ""
    harmless: set[int] = set()
    try:
        resolver = EMPTY_REGISTRY.with_resource(base, root).crawl().resolver(base)
    except Exception as error:  # noqa: BLE001 - what a library makes of hostile input is open
        raise ArgumentsError(f"output-schema cannot be read: {error!r}") from None
    for part, resolver_there in _objects(schema, resolver):
        if part is not schema and isinstance(part.get("$schema"), str):
            raise ArgumentsError("output-schema may name its `$schema` only at its root")
        _follow(part, resolver_there, harmless)


def _objects(value: object, resolver: Any) -> Iterator[tuple[dict[str, Any], Any]]:  # noqa: ANN401
    """Yield every JSON object of a schema, with what resolves the references in it."""
    if is_object(value):
        if isinstance(value.get("$id"), str):
            resolver = resolver.in_subresource(DRAFT202012.create_resource(value))
        yield value, resolver
    inner = value.values() if is_object(value) else value if is_list(value) else ()
    for entry in inner:
        yield from _objects(entry, resolver)


def _follow(part: object, resolver: Any, harmless: set[int]) -> None:  # noqa: ANN401
    """Follow the references from a part to their end.

    Args:
        part: A part of the schema.
        resolver: What resolves the references in it.
        harmless: Identities of the parts that are known to lead somewhere; is added to.
    """
    passed: set[int] = set()
    while is_object(part) and id(part) not in harmless:
        passed.add(id(part))
        targets = [
            _resolved(reference, resolver)
            for reference in (part.get(keyword) for keyword in _REFERENCES)
            if isinstance(reference, str)
        ]
        if not targets:
            break
        part, resolver = targets[0].contents, targets[0].resolver
        if id(part) in passed:
            raise ArgumentsError("output-schema has a `$ref` that only leads to itself")
    harmless |= passed


def _resolved(reference: str, resolver: Any) -> Any:  # noqa: ANN401
    if not reference.startswith("#"):
        raise ArgumentsError(
            f"output-schema may refer only to parts of itself (`#...`), not to `{reference}`"
        )
    try:
        found = resolver.lookup(reference)
    except Exception:  # noqa: BLE001 - a pointer may step into any value, and fail in any way
        found = None
    if found is None or not (is_object(found.contents) or isinstance(found.contents, bool)):
        raise ArgumentsError(f"output-schema has nothing at `{reference}`, to which it refers")
    return found


def read(schema: Mapping[str, Any], message: str) -> tuple[Any, str | None]:
    """Return the value that a message holds, and what is wrong with it. Never raises."""
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return None, "the answer is not JSON, though an output-schema was given"
    try:
        fault = first_fault(schema, value)
    except Exception as error:  # noqa: BLE001 - the turn is done, and its answer must get out
        return value, f"the answer cannot be held to the output-schema: {type(error).__name__}"
    return value, fault and f"the answer does not fit the output-schema: {fault}"
