"""Validation of a tool's arguments against the tool's definition, before the tool runs.

Imports jsonschema late: the import costs 60 ms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from codexmcp.jsonvalues import dig, is_list, is_object, list_of, object_of, without_nulls
from codexmcp.policy.arguments import LONGEST_NAME, ArgumentsError

_MAX_LENGTH = LONGEST_NAME
_MAX_ITEMS = 100
"""Bounds on texts and arrays without a bound in the definition: agents pay tokens for each
definition."""

_LONGEST_FAULT = 300
_SAYS_NOTHING = frozenset({"description", "title", "default", "examples"})
_OF_TEXT = _SAYS_NOTHING | {"type", "maxLength"}


class ArgumentCheck:
    """The validation of one tool's arguments.

    Args:
        name: The tool.
        schema: The JSON Schema of the arguments.
        max_lengths: Characters allowed in long texts, by argument, for schemas without `maxLength`.
    """

    def __init__(
        self, name: str, schema: Mapping[str, Any], max_lengths: Mapping[str, int] | None = None
    ) -> None:
        self._name = name
        self._max_lengths = max_lengths or {}
        self._schema = schema
        self._texts = _free_texts(schema)
        self._required: frozenset[str] = frozenset(list_of(dig(schema, "required")))

    def checked(self, arguments: object) -> dict[str, Any]:
        """Return the arguments without nulls, with integral floats as integers where required.

        Raises:
            ArgumentsError: The arguments are invalid.
        """
        given = object_of(arguments)
        fault = self._cheap_fault(given)
        if fault is None:
            given = {
                name: _integral(value, dig(self._schema, "properties", name))
                for name, value in given.items()
            }
            fault = self._fault(given)
        if fault is not None:
            raise ArgumentsError(f"{self._name}: {fault}")
        try:
            _expect_json(given)
        except UnicodeEncodeError:
            # Codex never answers a request with a lone surrogate, and no file can contain one.
            raise ArgumentsError(
                f"{self._name}: a text contains a lone surrogate (half a character); remove it"
            ) from None
        except OverflowError:
            raise ArgumentsError(f"{self._name}: a number is infinite or NaN; remove it") from None
        return without_nulls(given)

    def _cheap_fault(self, given: Mapping[str, Any]) -> str | None:
        """Return a fault in names and lengths; cheap, while the validator takes 20 µs per entry."""
        properties = object_of(self._schema.get("properties"))
        unknown = given.keys() - properties.keys()
        if unknown and self._schema.get("additionalProperties") is False:
            more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
            known = ", ".join(properties) or "none"
            return f"unknown argument {_shortened(repr(min(unknown)))}{more}; known: {known}"
        faults = (
            _length_fault(
                name, value, properties.get(name), self._max_lengths.get(name, _MAX_LENGTH)
            )
            for name, value in given.items()
        )
        return next((fault for fault in faults if fault is not None), None)

    def _fault(self, given: Mapping[str, Any]) -> str | None:
        """Return the fault of the arguments; None if valid."""
        if self._is_free_text(given) or self._validator.is_valid(given):
            return None
        from jsonschema import exceptions  # noqa: PLC0415 - 60 ms

        # The library's types are incomplete.
        best_match: Callable[[Any], Any] = vars(exceptions)["best_match"]
        error = best_match(self._validator.iter_errors(given))
        where = ".".join(map(str, error.absolute_path))
        return f"{where + ': ' if where else ''}{_shortened(error.message)}"

    def _is_free_text(self, given: Mapping[str, Any]) -> bool:
        """Return whether all arguments are unrestricted texts, as in most calls.

        This test takes a tenth of the validator's time.
        """
        return (
            self._texts is not None
            and given.keys() <= self._texts
            and given.keys() >= self._required
            and all(isinstance(value, str) for value in given.values())
        )

    @cached_property
    def _validator(self) -> Any:  # noqa: ANN401 - jsonschema is loaded when it is needed
        from jsonschema import Draft202012Validator  # noqa: PLC0415 - 60 ms

        return Draft202012Validator(self._schema)


def _free_texts(schema: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the names of unrestricted text arguments.

    Returns None for a schema with further rules on the whole object.
    """
    together = {"type", "properties", "required", "additionalProperties"}
    if schema.get("type") != "object" or schema.keys() - _SAYS_NOTHING - together:
        return None
    return frozenset(
        name
        for name, said in object_of(schema.get("properties")).items()
        if is_object(said) and said.get("type") == "string" and not said.keys() - _OF_TEXT
    )


def _length_fault(where: str, value: object, schema: object, max_length: int) -> str | None:
    """Return the fault in the length of a text, an array or the array's texts; None if valid.

    Args:
        where: The argument's name.
        value: The argument.
        schema: The argument's schema.
        max_length: Characters allowed in a text without `maxLength` in the schema.
    """
    known = object_of(schema)
    if isinstance(value, str):
        most, what = known.get("maxLength", max_length), "characters"
    elif is_list(value):
        most, what = known.get("maxItems", _MAX_ITEMS), "entries"
    else:
        return None
    if len(value) > most:
        return f"{where}: {len(value):,} {what} are too many; send {most:,} at most"
    inner = enumerate(value) if is_list(value) else ()
    faults = (
        _length_fault(f"{where}.{i}", each, known.get("items"), max_length) for i, each in inner
    )
    return next((fault for fault in faults if fault is not None), None)


def _expect_json(value: object) -> None:
    """Refuse values that JSON cannot express.

    Raises:
        UnicodeEncodeError: A text contains a lone surrogate.
        OverflowError: A number is infinite or NaN.
    """
    if isinstance(value, str):
        if not value.isascii():
            value.encode()
    elif is_object(value):
        for name, inner in value.items():
            _expect_json(name)
            _expect_json(inner)
    elif is_list(value):
        for inner in value:
            _expect_json(inner)
    elif isinstance(value, float) and not math.isfinite(value):
        raise OverflowError


def _integral(value: object, schema: object) -> object:
    """Return an integral float as an integer, where the schema says integer.

    Source: 2.0 is an integer in JSON Schema (draft 2020-12, section 6.1.1), but not for the tools.
    """
    if not isinstance(value, float) or not value.is_integer():
        return value
    return int(value) if dig(schema, "type") == "integer" else value


def _shortened(message: str) -> str:
    return message if len(message) <= _LONGEST_FAULT else f"{message[:_LONGEST_FAULT]}…"
