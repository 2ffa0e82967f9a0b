"""Arguments of `codex` and `codex-reply`, validated with the removed server's texts.

Pure. Fields are checked in the caller's order, because only the first fault is reported.

Source: `codex mcp-server` 0.153.4, with texts from Rust's serde.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from codexmcp.data_classes import dataclass, field, replace
from codexmcp.errors import UsageError
from codexmcp.jsonvalues import is_list, is_object, object_of
from codexmcp.settings import SANDBOX_MODES

APPROVAL_POLICIES = ("on-request", "never")
LONGEST_TIMEOUT_S = 10**9
LONGEST_NAME = 4096
"""Characters of a name or a path. Source: Linux refuses longer paths; `realpath` takes seconds
on a path of 200,000 characters."""

MAX_IMAGES = 100


class ArgumentsErrorKind(StrEnum):
    """Kinds of faults in arguments.

    INVALID: The arguments are wrong everywhere.
    REFUSED: The policy of this server or caller forbids the arguments; elsewhere they may pass.
    """

    INVALID = "invalid"
    REFUSED = "refused"


class ArgumentsError(UsageError):
    """Invalid arguments of a tool; the message is the tool's answer.

    Args:
        message: The tool's answer.
        kind: The kind of fault.
        argument: The refused argument; empty for invalid arguments.
    """

    def __init__(
        self,
        message: str,
        kind: ArgumentsErrorKind = ArgumentsErrorKind.INVALID,
        argument: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.argument = argument


def refusal(argument: str, value: object, reason: str) -> ArgumentsError:
    """Return the error for an argument beyond a policy, with the remedy in the reason."""
    message = f"{argument} {value} is refused: {reason}"
    return ArgumentsError(message, ArgumentsErrorKind.REFUSED, argument)


@dataclass(frozen=True, slots=True)
class Extras:
    """Arguments unknown to the removed server. None: omitted.

    Attributes:
        output_schema: JSON Schema of the final message.
        images: Paths of local images for the prompt.
        effort: Reasoning effort, for example `low`.
        timeout_s: Bound on the turn, in seconds.
        profile: Profile of the Codex home; `codex` only.
    """

    output_schema: Mapping[str, Any] | None = None
    images: tuple[str, ...] = ()
    effort: str | None = None
    timeout_s: float | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class CodexArguments:
    """Arguments of the tool `codex`. None: omitted."""

    prompt: str
    model: str | None = None
    cwd: str | None = None
    approval_policy: str | None = None
    sandbox: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    base_instructions: str | None = None
    developer_instructions: str | None = None
    compact_prompt: str | None = None
    extras: Extras = Extras()


@dataclass(frozen=True, slots=True)
class ReplyArguments:
    """Arguments of the tool `codex-reply`.

    Attributes:
        prompt: The input of the turn.
        thread_id: The thread.
        sandbox: The sandbox mode from now on. None: the thread's mode.
        extras: Further arguments.
    """

    prompt: str
    thread_id: str
    sandbox: str | None = None
    extras: Extras = Extras()


Check = Callable[[object], str | None]
"""Returns the fault of a value; None if valid."""


def parse_codex_arguments(arguments: object, *, strict: bool = True) -> CodexArguments:
    """Return the validated arguments of `codex`.

    Args:
        arguments: The decoded `arguments` of the call. None: absent.
        strict: Accept only the removed server's arguments.

    Raises:
        ArgumentsError: The arguments are invalid.
    """
    if arguments is None:
        raise ArgumentsError(
            "Missing arguments for codex tool-call; the `prompt` field is required."
        )
    fields = object_of(arguments)
    extra_checks = {} if strict else {**_EXTRA_CHECKS, "profile": _optional(_name)}
    _check_fields(fields, _CODEX_CHECKS | extra_checks, closed=True)
    old = {name.replace("-", "_"): fields[name] for name in _CODEX_CHECKS if name in fields}
    variants = {name: _variant(old.get(name)) for name in ("sandbox", "approval_policy")}
    given = {name: value for name, value in (old | variants).items() if value is not None}
    return CodexArguments(**given, extras=_extras(fields, strict=strict))


def parse_reply_arguments(arguments: object, *, strict: bool = True) -> ReplyArguments:
    """Return the validated arguments of `codex-reply`. Unknown arguments are ignored.

    Args:
        arguments: The decoded `arguments` of the call. None: absent.
        strict: Accept only the removed server's arguments.

    Raises:
        ArgumentsError: The arguments are invalid.
    """
    if arguments is None:
        raise ArgumentsError(
            "Missing arguments for codex-reply tool-call; the `thread_id` and `prompt` fields are "
            "required."
        )
    fields = object_of(arguments)
    extra_checks = {} if strict else {**_EXTRA_CHECKS, "sandbox": _CODEX_CHECKS["sandbox"]}
    _check_fields(fields, _REPLY_CHECKS | extra_checks, closed=False)
    thread_id = fields.get("threadId")
    if thread_id is None:
        thread_id = fields.get("conversationId")
    if thread_id is None:
        raise ArgumentsError(
            "Failed to parse thread_id: either threadId or conversationId must be provided"
        )
    extras = replace(_extras(fields, strict=strict), profile=None)
    sandbox = None if strict else _variant(fields.get("sandbox"))
    return ReplyArguments(fields["prompt"], parse_thread_id(thread_id), sandbox, extras)


def _extras(fields: Mapping[str, Any], *, strict: bool) -> Extras:
    if strict:
        return Extras()
    return Extras(
        output_schema=fields.get("output-schema"),
        images=tuple(fields.get("images") or ()),
        effort=fields.get("effort"),
        timeout_s=fields.get("timeout"),
        profile=fields.get("profile"),
    )


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
    """Return a thread id in canonical spelling.

    Raises:
        ArgumentsError: Not a UUID. The text comes from Rust's `uuid` crate.
    """
    match = _UUID.fullmatch(text)
    if match is None:
        raise ArgumentsError(f"Failed to parse thread_id: {_uuid_fault(text)}")
    digits = text.removeprefix(_URN).strip("{}").replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _uuid_fault(text: str) -> str:
    """Return the fault of an invalid UUID."""
    size = len(text.encode())
    # In a wrapping of the right length, only the inside is checked.
    if _in_braces(text) and size == _UUID_SIZE + len("{}"):
        text = text[1:-1]
    elif text.startswith(_URN) and size == _UUID_SIZE + len(_URN):
        text = text.removeprefix(_URN)
    bare = text[1:-1] if _in_braces(text) else text.removeprefix(_URN)
    offset = 1 if _in_braces(text) else len(text) - len(bare)
    strange = _STRANGE.search(bare)
    if strange is not None:
        return (
            "invalid character: expected an optional prefix of `urn:uuid:` followed by "
            f"[0-9a-fA-F-], found `{strange[0]}` at {offset + strange.start() + 1}"
        )
    groups = bare.split("-")
    if len(groups) == 1 and bare == text:
        return f"invalid length: expected length 32 for simple format, found {len(text)}"
    if len(groups) != len(_UUID_GROUPS):
        return f"invalid group count: expected 5, found {len(groups)}"
    index, wrong = next(
        ((i, len(group)) for i, group in enumerate(groups[:-1]) if len(group) != _UUID_GROUPS[i]),
        # The crate counts a prefix as a part of the last group.
        (len(groups) - 1, len(text) - _UUID_LAST_GROUP_AT),
    )
    return f"invalid group length in group {index}: expected {_UUID_GROUPS[index]}, found {wrong}"


def _in_braces(text: str) -> bool:
    return len(text) > 1 and text.startswith("{") and text.endswith("}")


_URN = "urn:uuid:"
_UUID_SIZE = 36
_STRANGE = re.compile("[^0-9a-fA-F-]", re.DOTALL)
_UUID_GROUPS = (8, 4, 4, 4, 12)
_UUID_LAST_GROUP_AT = 24
_HYPHENATED = "-".join(f"[0-9a-fA-F]{{{length}}}" for length in _UUID_GROUPS)
_UUID = re.compile(rf"[0-9a-fA-F]{{32}}|(?:{_URN})?{_HYPHENATED}|\{{{_HYPHENATED}\}}")


def _string(value: object) -> str | None:
    return None if isinstance(value, str) else f"invalid type: {_kind(value)}, expected a string"


def _name(value: object) -> str | None:
    if isinstance(value, str) and len(value) > LONGEST_NAME:
        return f"invalid value: {len(value)} characters, expected at most {LONGEST_NAME}"
    return _string(value)


def _map(value: object) -> str | None:
    return None if isinstance(value, dict) else f"invalid type: {_kind(value)}, expected a map"


def _images(value: object) -> str | None:
    if not is_list(value):
        return f"invalid type: {_kind(value)}, expected a sequence"
    if len(value) > MAX_IMAGES:
        return f"invalid length: {len(value)}, expected at most {MAX_IMAGES} images"
    return next((fault for fault in map(_name, value) if fault is not None), None)


def _seconds(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"invalid type: {_kind(value)}, expected a number of seconds"
    if value > LONGEST_TIMEOUT_S:
        return f"`timeout` must be at most {LONGEST_TIMEOUT_S} seconds"
    return None if value > 0 else "`timeout` must be more than 0 seconds"


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
    "model": _optional(_name),
    "cwd": _optional(_name),
    "approval-policy": _optional(_one_of(*APPROVAL_POLICIES)),
    "sandbox": _optional(_one_of(*SANDBOX_MODES)),
    "config": _optional(_map),
    "base-instructions": _optional(_string),
    "developer-instructions": _optional(_string),
    "compact-prompt": _optional(_string),
}

_REPLY_CHECKS: dict[str, Check] = {
    "prompt": _string,
    "threadId": _optional(_name),
    "conversationId": _optional(_name),
}

_EXTRA_CHECKS: dict[str, Check] = {
    "output-schema": _optional(_map),
    "images": _optional(_images),
    "effort": _optional(_name),
    "timeout": _optional(_seconds),
}
