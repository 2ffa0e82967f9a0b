"""The arguments of the two tools: checked, and refused in the words of the removed server.

Pure. Fields are checked in the order in which the caller wrote them, because the first fault is the
one that is reported.

Source: `codex mcp-server` 0.153.4, whose texts are those of Rust's serde.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codexmcp.errors import UsageError
from codexmcp.jsonvalues import is_object, object_of

SANDBOX_MODES = ("read-only", "workspace-write", "danger-full-access")
APPROVAL_POLICIES = ("on-request", "never")


class ArgumentsError(UsageError):
    """A tool's arguments cannot be used; the message is the tool's answer."""


@dataclass(frozen=True, slots=True)
class CodexArguments:
    """What the tool `codex` was called with; None means left out."""

    prompt: str
    model: str | None = None
    cwd: str | None = None
    approval_policy: str | None = None
    sandbox: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    base_instructions: str | None = None
    developer_instructions: str | None = None
    compact_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyArguments:
    """What the tool `codex-reply` was called with."""

    prompt: str
    thread_id: str


Check = Callable[[object], str | None]
"""Returns what is wrong with a value; None when nothing is."""


def parse_codex_arguments(arguments: object) -> CodexArguments:
    """Return the checked arguments of `codex`.

    Raises:
        ArgumentsError: They cannot be used.
    """
    if arguments is None:
        raise ArgumentsError(
            "Missing arguments for codex tool-call; the `prompt` field is required."
        )
    fields = object_of(arguments)
    _check_fields(fields, _CODEX_CHECKS, closed=True)
    given = {name.replace("-", "_"): value for name, value in fields.items() if value is not None}
    variants = {
        "sandbox": _variant(fields.get("sandbox")),
        "approval_policy": _variant(fields.get("approval-policy")),
    }
    return CodexArguments(**{**given, **variants})


def parse_reply_arguments(arguments: object) -> ReplyArguments:
    """Return the checked arguments of `codex-reply`. Unknown ones are ignored.

    Raises:
        ArgumentsError: They cannot be used.
    """
    if arguments is None:
        raise ArgumentsError(
            "Missing arguments for codex-reply tool-call; the `thread_id` and `prompt` fields are "
            "required."
        )
    fields = object_of(arguments)
    _check_fields(fields, _REPLY_CHECKS, closed=False)
    thread_id = fields.get("threadId")
    if thread_id is None:
        thread_id = fields.get("conversationId")
    if thread_id is None:
        raise ArgumentsError(
            "Failed to parse thread_id: either threadId or conversationId must be provided"
        )
    return ReplyArguments(prompt=fields["prompt"], thread_id=parse_thread_id(thread_id))


def _check_fields(fields: Mapping[str, Any], checks: Mapping[str, Check], *, closed: bool) -> None:
    fault = _first_fault(fields, checks, closed=closed)
    if fault is not None:
        raise ArgumentsError(f"Failed to parse configuration for Codex tool: {fault}")


def _first_fault(
    fields: Mapping[str, Any], checks: Mapping[str, Check], *, closed: bool
) -> str | None:
    for name, value in fields.items():
        if name in checks:
            fault = checks[name](value)
            if fault is not None:
                return fault
        elif closed:
            expected = ", ".join(f"`{known}`" for known in checks)
            return f"unknown field `{name}`, expected one of {expected}"
    return None if "prompt" in fields else "missing field `prompt`"


def parse_thread_id(text: str) -> str:
    """Return a thread id in its canonical spelling.

    Raises:
        ArgumentsError: It is no UUID. The words are those of Rust's `uuid` crate.
    """
    bare = text.removeprefix("urn:uuid:")
    if len(bare) == len("{}") + 36 and bare.startswith("{") and bare.endswith("}"):
        bare = bare[1:-1]
    for index, character in enumerate(bare):
        if character not in _UUID_CHARACTERS:
            raise ArgumentsError(
                "Failed to parse thread_id: invalid character: expected an optional prefix of "
                f"`urn:uuid:` followed by [0-9a-fA-F-], found `{character}` at {index + 1}"
            )
    digits = bare.replace("-", "").lower()
    if "-" not in bare and len(digits) != _UUID_DIGITS:
        raise ArgumentsError(
            "Failed to parse thread_id: invalid length: expected length 32 for simple format, "
            f"found {len(bare)}"
        )
    groups = bare.split("-")
    if "-" in bare and len(groups) != len(_UUID_GROUPS):
        raise ArgumentsError(
            f"Failed to parse thread_id: invalid group count: expected 5, found {len(groups)}"
        )
    if "-" in bare:
        _check_groups(groups)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_UUID_CHARACTERS = frozenset("0123456789abcdefABCDEF-")
_UUID_DIGITS = 32
_UUID_GROUPS = (8, 4, 4, 4, 12)


def _check_groups(groups: list[str]) -> None:
    for index, (group, length) in enumerate(zip(groups, _UUID_GROUPS, strict=True)):
        if len(group) != length:
            raise ArgumentsError(
                f"Failed to parse thread_id: invalid group length in group {index}: expected "
                f"{length}, found {len(group)}"
            )


def _string(value: object) -> str | None:
    return None if isinstance(value, str) else f"invalid type: {_kind(value)}, expected a string"


def _map(value: object) -> str | None:
    return None if isinstance(value, dict) else f"invalid type: {_kind(value)}, expected a map"


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _one_of(*variants: str) -> Check:
    def check(value: object) -> str | None:
        if is_object(value) and len(value) != 1:
            return "invalid value: map, expected map with a single key"
        name = _variant(value)
        if not isinstance(name, str):
            return f"invalid type: {_kind(value)}, expected string or map"
        if name not in variants:
            return f"unknown variant `{name}`, expected {_choice(variants)}"
        inner = object_of(value).get(name)
        if inner is not None:
            return f"invalid type: {_kind(inner)}, expected unit"
        return None

    return check


def _variant(value: object) -> Any:  # noqa: ANN401 - a JSON value
    # serde also takes an enum's name as the only key of a map with null: {"never": null}.
    return next(iter(value), None) if is_object(value) else value


def _choice(variants: tuple[str, ...]) -> str:
    quoted = [f"`{variant}`" for variant in variants]
    both = 2
    return " or ".join(quoted) if len(quoted) == both else "one of " + ", ".join(quoted)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int() | float():
            return "number"
        case str():
            return f'string "{value}"'
        case dict():
            return "map"
        case _:
            return "sequence"


_CODEX_CHECKS: dict[str, Check] = {
    "prompt": _string,
    "model": _optional(_string),
    "cwd": _optional(_string),
    "approval-policy": _optional(_one_of(*APPROVAL_POLICIES)),
    "sandbox": _optional(_one_of(*SANDBOX_MODES)),
    "config": _optional(_map),
    "base-instructions": _optional(_string),
    "developer-instructions": _optional(_string),
    "compact-prompt": _optional(_string),
}

_REPLY_CHECKS: dict[str, Check] = {
    "prompt": _string,
    "threadId": _optional(_string),
    "conversationId": _optional(_string),
}
