"""Requests whose answers depend on nothing that came before, so that one server answers them all.

The model says "Fine." to everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNKNOWN = "01a10000-0000-7000-8000-0000000000ff"
"""A thread id that no server has given out."""

WRONG_TYPES: Mapping[str, Any] = {
    "null": None,
    "number": 5,
    "negative": -5,
    "float": 1.5,
    "huge": 2**70,
    "bool": True,
    "list": ["a"],
    "empty-list": [],
    "map": {"a": 1},
    "empty-map": {},
    "string": "zzz",
    "empty-string": "",
}

STRINGS = (
    "prompt",
    "model",
    "cwd",
    "base-instructions",
    "developer-instructions",
    "compact-prompt",
)
CHOICES = ("sandbox", "approval-policy")


@dataclass(frozen=True, slots=True)
class Question:
    """A request; its id is its name.

    Attributes:
        name: What it asks, in a few words.
        method: The JSON-RPC method.
        params: Its parameters; None leaves them out.
    """

    name: str
    method: str
    params: Any = None


def _tool(name: str, tool: str, arguments: object) -> Question:
    return Question(name, "tools/call", {"name": tool, "arguments": arguments})


def _wrong_types() -> Iterator[Question]:
    strings = {"string", "empty-string"}
    for field in (*STRINGS, *CHOICES, "config"):
        for kind, value in WRONG_TYPES.items():
            if field in STRINGS and kind in strings and field != "prompt":
                continue  # a string is what these take
            if field == "config" and kind in {"map", "empty-map"}:
                continue
            arguments = {"prompt": "Hi.", field: value}
            yield _tool(f"codex {field} {kind}", "codex", arguments)
    for field in ("prompt", "threadId", "conversationId"):
        for kind, value in WRONG_TYPES.items():
            arguments = {"threadId": UNKNOWN, "prompt": "Hi.", field: value}
            yield _tool(f"codex-reply {field} {kind}", "codex-reply", arguments)


def _enums() -> Iterator[Question]:
    values: dict[str, Any] = {
        "unknown": "full",
        "uppercase": "NEVER",
        "map-unit": {"never": None},
        "map-unit-sandbox": {"read-only": None},
        "map-value": {"never": 1},
        "map-value-sandbox": {"read-only": {"a": 1}},
        "map-unknown": {"full": None},
        "map-two": {"never": None, "on-request": None},
        "old-untrusted": "untrusted",
        "old-on-failure": "on-failure",
    }
    for field in CHOICES:
        for kind, value in values.items():
            yield _tool(f"codex {field} {kind}", "codex", {"prompt": "Hi.", field: value})


_DIGITS = UNKNOWN.replace("-", "")
SPELLINGS = {
    "unknown": UNKNOWN,
    "uppercase": UNKNOWN.upper(),
    "braces": f"{{{UNKNOWN}}}",
    "braces-uppercase": f"{{{UNKNOWN.upper()}}}",
    "urn": f"urn:uuid:{UNKNOWN}",
    "urn-uppercase": f"URN:UUID:{UNKNOWN}",
    "urn-simple": f"urn:uuid:{_DIGITS}",
    "urn-braces": f"urn:uuid:{{{UNKNOWN}}}",
    "simple": _DIGITS,
    "simple-uppercase": _DIGITS.upper(),
    "simple-braces": f"{{{_DIGITS}}}",
    "word": "not-a-uuid",
    "hex-word": "abc",
    "empty": "",
    "blank": " ",
    "blank-before": f" {UNKNOWN}",
    "newline-after": f"{UNKNOWN}\n",
    "short-first-group": UNKNOWN[1:],
    "long-first-group": f"0{UNKNOWN}",
    "short-second-group": "01a10000-000-7000-8000-0000000000ff",
    "short-last-group": UNKNOWN[:-1],
    "long-last-group": f"{UNKNOWN}0",
    "four-groups": "01a10000-0000-7000-80000000000000ff",
    "four-groups-36": "01a10000-0000-7000-80000-00000000ff0",
    "six-groups": "01a10000-0000-7000-8000-0000-000000ff",
    "one-dash": "01a100000000700080000000000000-ff",
    "only-dashes": "-" * 36,
    "two-dashes": "--",
    "31-digits": _DIGITS[1:],
    "33-digits": f"{_DIGITS}0",
    "35-digits": _DIGITS + "000",
    "36-digits": _DIGITS + "0000",
    "open-brace": f"{{{UNKNOWN}",
    "close-brace": f"{UNKNOWN}}}",
    "braces-inside": f"{{{UNKNOWN[:-2]}{{f}}",
    "non-ascii": "01a1ö000-0000-7000-8000-0000000000ff",
    "non-ascii-first": "ö",
    "emoji": "01a1\N{ROBOT FACE}00-0000-7000-8000-0000000000ff",
    "bad-digit-late": UNKNOWN[:-1] + "g",
    "bad-digit-and-length": "zz",
    "bad-digit-after-urn": "urn:uuid:xyz",
    "urn-long": f"urn:uuid:{UNKNOWN}0",
    "urn-short-first-group": f"urn:uuid:{UNKNOWN[1:]}",
    "urn-alone": "urn:uuid:",
    "braces-long": f"{{{UNKNOWN}0}}",
    "braces-short": f"{{{UNKNOWN[:-1]}}}",
    "braces-bad-digit": f"{{x{UNKNOWN[1:]}}}",
    "braces-alone": "{}",
    "brace-alone": "{",
    "urn-in-braces": f"{{urn:uuid:{UNKNOWN}}}",
    "urn-right-length": f"urn:uuid:{UNKNOWN[:-1]}x",
    "urn-right-length-groups": f"urn:uuid:{UNKNOWN[1:]}0",
    "braces-right-length-hex": f"{{{_DIGITS}0000}}",
    "braces-in-braces": f"{{{{{UNKNOWN}}}}}",
    "braces-in-length": "{{" + UNKNOWN[:-2] + "}}",
    "urn-right-length-of-braces": "{" + "0" * 43 + "}",
    "urn-of-38": "urn:uuid:" + "0" * 29,
    "nil": "00000000-0000-0000-0000-000000000000",
    "max": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "quote": 'a"b',
    "backslash": "a\\b",
    "control": "\x01",
    "long": "a" * 200,
}
"""Thread ids, right and wrong ones, by what is special about them."""


def _thread_ids() -> Iterator[Question]:
    for kind, text in SPELLINGS.items():
        arguments = {"threadId": text, "prompt": "Hi."}
        yield _tool(f"codex-reply threadId {kind}", "codex-reply", arguments)
    old = {"conversationId": UNKNOWN, "prompt": "Hi."}
    yield _tool("codex-reply conversationId", "codex-reply", old)
    yield _tool("codex-reply both", "codex-reply", {**old, "threadId": UNKNOWN[:-1] + "e"})
    yield _tool("codex-reply both, threadId broken", "codex-reply", {**old, "threadId": "nope"})
    yield _tool("codex-reply both, threadId null", "codex-reply", {**old, "threadId": None})
    yield _tool("codex-reply both, threadId empty", "codex-reply", {**old, "threadId": ""})
    yield _tool("codex-reply no id", "codex-reply", {"prompt": "Hi."})
    yield _tool("codex-reply id null", "codex-reply", {"prompt": "Hi.", "threadId": None})
    yield _tool("codex-reply no prompt", "codex-reply", {"threadId": UNKNOWN})
    yield _tool("codex-reply no id, no prompt", "codex-reply", {})
    yield _tool("codex-reply extra field", "codex-reply", {**old, "foo": 1})
    yield _tool("codex-reply snake case", "codex-reply", {"prompt": "Hi.", "thread_id": UNKNOWN})
    wrong_twice = {"prompt": 5, "threadId": "nope"}
    yield _tool("codex-reply broken prompt and id", "codex-reply", wrong_twice)
    yield _tool("codex-reply types, id first", "codex-reply", {"threadId": 5, "prompt": 6})


CODEX_ARGUMENTS: dict[str, dict[str, Any]] = {
    "no prompt": {},
    "prompt empty": {"prompt": ""},
    "extra field": {"prompt": "Hi.", "foo": 1},
    "extra field before a wrong type": {"foo": 1, "prompt": 5},
    "wrong type before an extra field": {"prompt": 5, "foo": 1},
    "two wrong types": {"cwd": 1, "prompt": 2},
    "no prompt and an extra field": {"foo": 1},
    "no prompt and a wrong type": {"cwd": 1},
    "camel case": {"prompt": "Hi.", "approvalPolicy": "never"},
    "snake case": {"prompt": "Hi.", "approval_policy": "never"},
    "field with a backtick": {"prompt": "Hi.", "a`b": 1},
    "field with a quote": {"prompt": "Hi.", 'a"b': 1},
    "field without a name": {"prompt": "Hi.", "": 1},
    "old profile": {"prompt": "Hi.", "profile": "x"},
    "old include-plan-tool": {"prompt": "Hi.", "include-plan-tool": True},
    "prompt non-ascii": {"prompt": "Grüße \N{ROBOT FACE}"},
    "prompt with a lone surrogate's escape": {"prompt": "a\x00b"},
    "prompt list non-ascii": {"prompt": ["ö"]},
    "sandbox non-ascii": {"prompt": "Hi.", "sandbox": "ö\n"},
    "config unknown key": {"prompt": "Hi.", "config": {"no_such_key": 1}},
    "config null value": {"prompt": "Hi.", "config": {"model": None}},
    "config empty": {"prompt": "Hi.", "config": {}},
    "config bad sandbox_mode": {"prompt": "Hi.", "config": {"sandbox_mode": "zzz"}},
    "config bad approval_policy": {"prompt": "Hi.", "config": {"approval_policy": "zzz"}},
    "config sandbox_mode number": {"prompt": "Hi.", "config": {"sandbox_mode": 5}},
    "config model number": {"prompt": "Hi.", "config": {"model": 5}},
    "config unknown provider": {"prompt": "Hi.", "config": {"model_provider": "nope"}},
    "config profile": {"prompt": "Hi.", "config": {"profile": "nope"}},
    "config bad effort": {"prompt": "Hi.", "config": {"model_reasoning_effort": 5}},
    "config empty key": {"prompt": "Hi.", "config": {"": 1}},
    "config dotted into a scalar": {"prompt": "Hi.", "config": {"model.a": 1}},
    "config bad nested type": {
        "prompt": "Hi.",
        "config": {"sandbox_workspace_write": {"network_access": "maybe"}},
    },
    "config default_permissions": {"prompt": "Hi.", "config": {"default_permissions": "x"}},
    "config nested null": {"prompt": "Hi.", "config": {"features": {"a": None}}},
    "config big integer": {"prompt": "Hi.", "config": {"no_such_key": 2**70}},
    "model empty": {"prompt": "Hi.", "model": ""},
    "cwd empty": {"prompt": "Hi.", "cwd": ""},
    "cwd missing folder": {"prompt": "Hi.", "cwd": "/no/such/folder"},
    "cwd with a null character": {"prompt": "Hi.", "cwd": "a\0b", "sandbox": "workspace-write"},
    "cwd tilde": {"prompt": "Hi.", "cwd": "~"},
    "all strings empty": {
        "prompt": "Hi.",
        "base-instructions": "",
        "developer-instructions": "",
        "compact-prompt": "",
    },
}
"""Arguments of `codex`, by what is special about them."""


def _codex() -> Iterator[Question]:
    for name, arguments in CODEX_ARGUMENTS.items():
        yield _tool(f"codex {name}", "codex", arguments)


def _calls() -> Iterator[Question]:
    for tool in ("codex", "codex-reply"):
        yield Question(f"{tool} without arguments", "tools/call", {"name": tool})
        for kind, value in WRONG_TYPES.items():
            yield _tool(f"{tool} arguments {kind}", tool, value)
    yield _tool("unknown tool", "codexx", {"prompt": "Hi."})
    yield Question("unknown tool without arguments", "tools/call", {"name": "codexx"})
    yield _tool("tool name uppercase", "Codex", {"prompt": "Hi."})
    yield _tool("tool name with a quote", "co'dex", {"prompt": "Hi."})
    yield _tool("tool name empty", "", {"prompt": "Hi."})
    yield Question("call without a name", "tools/call", {"arguments": {"prompt": "Hi."}})
    for kind, value in WRONG_TYPES.items():
        if kind not in {"string", "empty-string"}:
            params = {"name": value, "arguments": {"prompt": "Hi."}}
            yield Question(f"call name {kind}", "tools/call", params)
    # Params that are no object get no answer from the removed server: see `lines`.
    for kind in ("null", "float", "huge", "map", "empty-map"):
        yield Question(f"call params {kind}", "tools/call", WRONG_TYPES[kind])
    yield Question("call without params", "tools/call")
    extra = {"name": "codexx", "arguments": {}, "foo": 1}
    yield Question("call with an extra param", "tools/call", extra)
    token = {"name": "codexx", "arguments": {}, "_meta": {"progressToken": 1}}
    yield Question("call with a progress token", "tools/call", token)


def _methods() -> Iterator[Question]:
    yield Question("tools/list", "tools/list")
    yield Question("tools/list with empty params", "tools/list", {})
    yield Question("tools/list with a cursor", "tools/list", {"cursor": "x"})
    yield Question("tools/list with a cursor null", "tools/list", {"cursor": None})
    yield Question("tools/list with a cursor number", "tools/list", {"cursor": 5})
    yield Question("ping", "ping")
    yield Question("ping with params", "ping", {"a": 1})
    for method in (
        "foo/bar",
        "",
        "tools",
        "tools/call/",
        "Tools/List",
        "notifications/initialized",
        "notifications/cancelled",
        "initialized",
        "server/discover",
        "tasks/get",
        "elicitation/create",
        "sampling/createMessage",
        "roots/list",
    ):
        yield Question(f"method {method!r}", method)
        yield Question(f"method {method!r} with params", method, {})


QUESTIONS: tuple[Question, ...] = (
    *_methods(),
    *_calls(),
    *_codex(),
    *_enums(),
    *_wrong_types(),
    *_thread_ids(),
)
