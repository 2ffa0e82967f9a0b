"""The options of a task, and what the tools' argument checks make of them. Pure but for paths."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

from codexmcp.api.events import QuestionAsked
from codexmcp.appserver.answers import Answer, ApprovalDecision
from codexmcp.errors import UsageError
from codexmcp.jsonvalues import is_object
from codexmcp.policy.arguments import (
    CodexArguments,
    ReplyArguments,
    parse_codex_arguments,
    parse_reply_arguments,
)
from codexmcp.runs.approvals import DECISIONS

SandboxMode: TypeAlias = Literal["read-only", "workspace-write", "danger-full-access"]
ApprovalPolicy: TypeAlias = Literal["on-request", "never"]
Decision: TypeAlias = Literal["accept", "accept_for_session", "decline", "cancel"]

Reply: TypeAlias = Decision | Mapping[str, Any]
"""The answer to a question: a decision, or the fields of its form, which accepts."""

OnQuestion: TypeAlias = Callable[[QuestionAsked], Reply | Awaitable[Reply]]
"""Answers a question of Codex; may be a coroutine function."""


class Options(TypedDict, total=False):
    """The options of a new thread and its turns; Codex's configuration decides the rest.

    cwd: The folder to work in; a relative one is relative to the working directory.
    sandbox: Permissions of commands: `read-only`, `workspace-write` or `danger-full-access`.
    approval_policy: `on-request`, or `never` to have every question declined.
    model: The model.
    effort: The reasoning effort, such as `low`.
    profile: A profile of the Codex home.
    config: Settings over those of config.toml, nested or with dotted names.
    instructions: Instructions beside Codex's own.
    timeout_s: Bound on a turn, in seconds.
    on_question: Answers the questions of Codex. Without it `run` declines them, and those of a
        stream wait for `answer`.
    """

    cwd: str | Path
    sandbox: SandboxMode
    approval_policy: ApprovalPolicy
    model: str
    effort: str
    profile: str
    config: Mapping[str, Any]
    instructions: str
    timeout_s: float
    on_question: OnQuestion


class TaskOptions(Options, total=False):
    """The options of one task.

    output_schema: JSON Schema of an object for the final message.
    images: Images of the prompt.
    resume: The thread that is continued, in place of a new one. It keeps its settings; of the
        options above only `sandbox`, `effort`, `timeout_s` and `on_question` hold for it.
    fork: The thread whose history a new thread begins with; as for `resume`.
    """

    output_schema: Mapping[str, Any]
    images: Sequence[str | Path]
    resume: str
    fork: str


_THREAD_FIELDS = {
    "cwd": "cwd",
    "approval_policy": "approval-policy",
    "model": "model",
    "profile": "profile",
    "config": "config",
    "instructions": "developer-instructions",
}
"""Options that hold for a new thread alone, by the names of the tools' arguments."""

_TURN_FIELDS = {
    "sandbox": "sandbox",
    "effort": "effort",
    "timeout_s": "timeout",
    "output_schema": "output-schema",
    "images": "images",
}
_OTHERS = frozenset({"resume", "fork", "on_question"})
_DEFAULTS = frozenset(Options.__annotations__)


def check_defaults(given: Mapping[str, object]) -> None:
    """Refuse options that cannot hold for every task.

    Raises:
        TypeError: One is no option, or holds for one task alone.
    """
    _check_names(given, _DEFAULTS)


def new_thread(
    prompt: str, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> CodexArguments:
    """Return the task on a new thread.

    Args:
        prompt: The prompt.
        given: The options of the task.
        defaults: The options of every task.

    Raises:
        TypeError: There is no such option.
        ArgumentsError: A value cannot be used.
    """
    _check_names(given, {*_THREAD_FIELDS, *_TURN_FIELDS, *_OTHERS})
    names = {**_THREAD_FIELDS, **_TURN_FIELDS}
    return parse_codex_arguments(_wire(prompt, {**defaults, **given}, names), strict=False)


def further_turn(
    prompt: str, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> ReplyArguments:
    """Return the task on a thread that is resumed or forked; see `new_thread`.

    Raises:
        UsageError: An option holds for new threads alone.
    """
    _check_names(given, {*_THREAD_FIELDS, *_TURN_FIELDS, *_OTHERS})
    if "resume" in given and "fork" in given:
        raise UsageError("`resume` and `fork` exclude each other: name the thread in one of them")
    if misplaced := sorted(_THREAD_FIELDS.keys() & given.keys()):
        raise UsageError(
            f"{', '.join(misplaced)}: a thread that is resumed or forked keeps its settings; leave "
            "the option out, or start a new thread"
        )
    kept = {name: each for name, each in defaults.items() if name != "sandbox"}
    wire = _wire(prompt, {**kept, **given}, _TURN_FIELDS)
    thread_id = given.get("resume", given.get("fork"))
    return parse_reply_arguments({**wire, "threadId": thread_id}, strict=False)


def answer_of(reply: Reply) -> Answer:
    """Return a reply as the answer to Codex.

    Raises:
        UsageError: It is no decision.
    """
    if is_object(reply):
        return Answer(ApprovalDecision.ACCEPT, content=dict(reply))
    if not isinstance(reply, str) or reply not in DECISIONS:
        expected = ", ".join(DECISIONS)
        raise UsageError(f"invalid answer {reply!r}: give one of {expected}, or the form's fields")
    return Answer(DECISIONS[reply])


def _check_names(given: Mapping[str, object], known: frozenset[str] | set[str]) -> None:
    if unknown := sorted(given.keys() - known):
        names, expected = ", ".join(unknown), ", ".join(sorted(known))
        raise TypeError(f"unexpected option {names}; the options are {expected}")


def _wire(prompt: str, given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    values = {wire: given[name] for name, wire in names.items() if given.get(name) is not None}
    if "cwd" in values:
        values["cwd"] = os.fspath(values["cwd"])
    if "images" in values:
        values["images"] = [os.fspath(each) for each in values["images"]]
    return {"prompt": prompt, **values}
