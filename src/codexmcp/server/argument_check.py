"""Checks the arguments of a tool against its definition, before the tool sees them.

Imports jsonschema late: it costs 60 ms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from codexmcp.jsonvalues import dig, is_object, list_of, object_of, without_nulls
from codexmcp.server.arguments import ArgumentsError

_LONGEST_FAULT = 300
_SAYS_NOTHING = frozenset({"description", "title", "default", "examples"})
_OF_TEXT = _SAYS_NOTHING | {"type"}


class ArgumentCheck:
    """Checks the arguments of one tool.

    Args:
        name: The tool.
        schema: The JSON Schema of its arguments.
    """

    def __init__(self, name: str, schema: Mapping[str, Any]) -> None:
        self._name = name
        self._schema = schema
        self._texts = _free_texts(schema)
        self._required: frozenset[str] = frozenset(list_of(dig(schema, "required")))

    def checked(self, arguments: object) -> dict[str, Any]:
        """Return the arguments without those that are null, and with integers as integers.

        Raises:
            ArgumentsError: They do not fit.
        """
        given = {
            name: _integral(value, dig(self._schema, "properties", name))
            for name, value in object_of(arguments).items()
        }
        fault = self._fault(given)
        if fault is not None:
            raise ArgumentsError(f"{self._name}: {fault}")
        try:
            json.dumps(given, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            # Codex does not answer a request with half a character in it, and no file can hold one.
            raise ArgumentsError(
                f"{self._name}: a text has half a character (a lone surrogate); leave it out"
            ) from None
        return without_nulls(given)

    def _fault(self, given: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the arguments; None when nothing is."""
        if self._is_free_text(given) or self._validator.is_valid(given):
            return None
        from jsonschema import exceptions  # noqa: PLC0415 - 60 ms

        # Its types are incomplete.
        best_match: Callable[[Any], Any] = vars(exceptions)["best_match"]
        error = best_match(self._validator.iter_errors(given))
        where = ".".join(map(str, error.absolute_path))
        return f"{where + ': ' if where else ''}{_told(error.message)}"

    def _is_free_text(self, given: Mapping[str, Any]) -> bool:
        """Return whether there are only texts that may be any, as in most calls.

        To see that costs a tenth of what the validator takes.
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
    """Return the names of arguments that may be any text; None when more is said of them together.

    Args:
        schema: The JSON Schema of an object.
    """
    together = {"type", "properties", "required", "additionalProperties"}
    if schema.get("type") != "object" or schema.keys() - _SAYS_NOTHING - together:
        return None
    return frozenset(
        name
        for name, said in object_of(schema.get("properties")).items()
        if is_object(said) and said.get("type") == "string" and not said.keys() - _OF_TEXT
    )


def _integral(value: object, schema: object) -> object:
    """Return a number as an integer where the schema wants one.

    Source: for JSON Schema (draft 2020-12, section 6.1.1) 2.0 is an integer too; for tools it is
    not.
    """
    if not isinstance(value, float) or not value.is_integer():
        return value
    return int(value) if dig(schema, "type") == "integer" else value


def _told(message: str) -> str:
    return message if len(message) <= _LONGEST_FAULT else f"{message[:_LONGEST_FAULT]}…"
