"""Validation of output schemas, and of answers against schemas, without access to anything else.

Promises: a client's hostile schema fetches nothing. Imported late: the libraries cost 60 ms, and
few calls have a schema.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, validators
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from codexmcp.jsonvalues import is_list, is_object
from codexmcp.policy.arguments import ArgumentsError

_extend: Any = validators.extend  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
MAX_ENTRIES = 10_000
"""Values of an output schema, keywords included. Each takes 0.3 ms to check. Source: OpenAI
accepts schemas of 5,000 properties (https://platform.openai.com/docs/guides/structured-outputs)."""

_REFERENCES = ("$ref", "$dynamicRef")


def _leave_out(_validator: object, _value: object, _instance: object, _schema: object) -> None:
    """Accept every value."""


def _additional_properties(
    validator: Any,  # noqa: ANN401 - the library's own untyped form
    value: Any,  # noqa: ANN401
    instance: Any,  # noqa: ANN401
    schema: Mapping[str, Any],
) -> Generator[Any, None, None]:
    if "patternProperties" not in schema:
        check_all = Draft202012Validator.VALIDATORS["additionalProperties"]
        yield from check_all(validator, value, instance, schema) or ()


# Python's regular expressions can take years on a short text, and a hostile pattern would block the
# whole server. The model's endpoint enforces patterns. The last two keywords depend on the patterns
# of their neighbours.
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
    """Refuse an invalid JSON Schema, and a reference to outside or to nothing.

    Raises:
        ArgumentsError: The schema is refused.
    """
    if _has_more_entries(schema, MAX_ENTRIES):
        raise ArgumentsError(
            f"output-schema has more than {MAX_ENTRIES:,} values; remove descriptions of parts, "
            "or ask for a smaller object"
        )
    try:
        Draft202012Validator.check_schema(schema)
        _check_references(dict(schema))
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "its root"
        raise ArgumentsError(
            f"output-schema is not a JSON Schema: {error.message} (at {where})"
        ) from None
    except RecursionError:
        raise ArgumentsError("output-schema is nested too deeply") from None


def first_fault(schema: Mapping[str, Any], value: object) -> str | None:
    """Return the first fault of a value; None if valid.

    Args:
        schema: A schema accepted by `check`.
        value: A decoded JSON value.
    """
    # With a `$schema`, the library would check a reference to the root with its own class.
    own = {key: entry for key, entry in schema.items() if key != "$schema"}
    fault = next(_Validator(own, registry=EMPTY_REGISTRY).iter_errors(value), None)
    return None if fault is None else str(fault.message)


def _has_more_entries(value: object, most: int) -> bool:
    """Return whether a JSON value contains more than `most` values."""
    left = [value]
    for _ in range(most):
        if not left:
            return False
        inner = left.pop()
        left += inner.values() if is_object(inner) else inner if is_list(inner) else ()
    return bool(left)


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
            raise ArgumentsError("output-schema may have a `$schema` only at the root")
        _follow(part, resolver_there, harmless)


def _objects(value: object, resolver: Any) -> Iterator[tuple[dict[str, Any], Any]]:  # noqa: ANN401
    """Yield every JSON object of a schema, with the resolver of its references."""
    if is_object(value):
        if isinstance(value.get("$id"), str):
            resolver = resolver.in_subresource(DRAFT202012.create_resource(value))
        yield value, resolver
    inner = value.values() if is_object(value) else value if is_list(value) else ()
    for entry in inner:
        yield from _objects(entry, resolver)


def _follow(part: object, resolver: Any, harmless: set[int]) -> None:  # noqa: ANN401
    """Follow the references of a part to the end.

    Args:
        part: A part of the schema.
        resolver: The resolver of the part's references.
        harmless: Identities of parts with a known end; updated.
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
            raise ArgumentsError("output-schema has a `$ref` to itself alone")
    harmless |= passed


def _resolved(reference: str, resolver: Any) -> Any:  # noqa: ANN401
    if not reference.startswith("#"):
        raise ArgumentsError(
            f"output-schema may only have references inside itself (`#...`), not `{reference}`"
        )
    try:
        found = resolver.lookup(reference)
    except Exception:  # noqa: BLE001 - a pointer may step into any value, and fail in any way
        found = None
    if found is None or not (is_object(found.contents) or isinstance(found.contents, bool)):
        raise ArgumentsError(f"output-schema has no part at the reference `{reference}`")
    return found


def read(schema: Mapping[str, Any], message: str) -> tuple[Any, str | None]:
    """Return the value in a message, and the fault, if any. Never raises."""
    try:
        value = json.loads(message)
        # Python decodes NaN and 1e999, which JSON cannot express.
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return None, "the answer is not JSON, though an output-schema was given"
    try:
        fault = first_fault(schema, value)
    except Exception as error:  # noqa: BLE001 - the turn is done, and its answer must get out
        return value, f"the answer cannot be held to the output-schema: {type(error).__name__}"
    return value, fault and f"the answer does not fit the output-schema: {fault}"
