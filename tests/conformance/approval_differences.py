"""Differences in questions, and in how calls and the server end. Pure."""

from __future__ import annotations

import re

from tests.conformance.diff import MISSING
from tests.conformance.rules import DEFAULT, Difference, Rule

_ASKS = "(command|patch) question, "
_COMMANDS = "command question.*|question.*|the same question.*"
_BOTH = ("command question, ", "patch question, ")
_EVENTS = r"events/\w+"


def _course(only: str) -> tuple[Rule, ...]:
    """Return rules for scenarios that take another course once a question is answered."""
    paths = ("answers/1(/.*)?", "events/1(/.*)?", "requests(/.*)?")
    return tuple(Rule(path, only=only) for path in paths)


_QUESTIONS = (
    Difference(
        "answers-of-the-specification",
        'A client that answers as MCP says, with `{"action": "accept"}`, has denied the question: '
        "there is no `decision` in it.",
        "It has approved it; `decline` denies, and `cancel` ends the turn.",
        "No MCP client that follows the specification could approve anything (openai/codex#18268).",
        (
            Rule("files/new.txt", MISSING, re.compile("(hello\n)?"), f"{_ASKS}action accept"),
            *_course(f"{_ASKS}action (accept|cancel)"),
        ),
        tuple(f"{kind}action {action}" for kind in _BOTH for action in ("accept", "cancel")),
    ),
    Difference(
        "calls-without-an-end",
        "A call whose question was answered by `abort` or an error, or not at all, is never "
        "answered.",
        "`abort` answers it with the error `the turn was interrupted`. An error, and no answer "
        "within `--approval-timeout`, count as `--approval-default`, a decline; the question is "
        "then withdrawn by `notifications/cancelled`.",
        "A call without an answer hangs its caller.",
        (
            *_course(f"{_ASKS}(abort|an error|no answer)"),
            Rule("rest", [], only=f"{_ASKS}no answer"),
        ),
        tuple(f"{kind}{how}" for kind in _BOTH for how in ("abort", "an error", "no answer")),
    ),
    Difference(
        "clients-without-elicitation",
        "Questions are put to every client, also to one that has not announced `elicitation`.",
        "They are put to clients that have announced it; for others `--approval-default` holds.",
        "Such a client does not answer, and its call hangs. With `--strict-compat` all are asked.",
        (
            Rule("asked", only="question to a client that takes none"),
            Rule("files/new.txt", "", MISSING, "question to a client that takes none"),
            *_course("question to a client that takes none"),
        ),
        ("question to a client that takes none",),
        DEFAULT,
    ),
    Difference(
        "reasons-of-denials",
        "The model is told the client's own reason for a denial, or that the time is over, or that "
        "the answer could not be read.",
        "It is told that the user has rejected it.",
        "app-server takes no words with a decline.",
        (
            Rule(
                r"requests/1/input/.*",
                re.compile(
                    r".*(Not now\.|approval request failed|before its deadline).*", re.DOTALL
                ),
                re.compile(r".*rejected by user.*", re.DOTALL),
                f"{_ASKS}.*",
            ),
        ),
        tuple(f"{kind}denied with a reason" for kind in _BOTH),
    ),
    Difference(
        "begin-of-questioned-commands",
        "A command that is asked about begins when it was approved (`item_started`, "
        "`exec_command_begin`), and one that was denied never does.",
        "It begins before `exec_approval_request`, without `process_id`, and its end says "
        "`declined`.",
        "app-server tells it so.",
        (
            Rule(
                f"{_EVENTS}/(item_started CommandExecution|exec_command_begin|"
                "exec_approval_request)(/.*)?",
                only=f"{_COMMANDS}|automatic review.*",
            ),
            Rule(
                f"{_EVENTS}/(item_completed CommandExecution|exec_command_end)",
                MISSING,
                only=f"{_COMMANDS}|automatic review.*",
            ),
        ),
        ("command question, approved", "command question, denied with a reason"),
    ),
    Difference(
        "approval-of-patches",
        "The beginning of a patch tells whether it is approved without a question, as "
        "`auto_approved`.",
        "It says so always.",
        "app-server tells of the beginning first and asks then.",
        (
            Rule(
                f"{_EVENTS}/(item_started FileChange/item|patch_apply_begin)/auto_approved",
                native=False,
                ours=True,
            ),
        ),
        ("patch question, approved",),
    ),
    Difference(
        "policy-amendments",
        "A client can have a rule written to `rules/default.rules` that runs matching commands "
        "outside the sandbox, in every later session.",
        "The command is approved, and no rule is written without `--allow-policy-amendments`.",
        "One careless answer would open the sandbox for good.",
        (
            Rule("rules", re.compile("prefix_rule.*\n"), None, "command question, amendment"),
            Rule("requests/1/input(/.*)?", only="command question, amendment"),
        ),
        ("command question, amendment",),
    ),
)

_ENDS = (
    Difference(
        "two-replies",
        "A reply to a thread that is at work becomes a part of its turn, and one of the two calls "
        "is never answered.",
        "It waits for the turn's end, and both are answered.",
        "A call without an answer hangs its caller.",
        (Rule("answers/[23](/.*)?", only="two replies on one thread"),),
        ("two replies on one thread",),
    ),
    Difference(
        "commands-behind",
        "A cancellation leaves sub-agents at work, and the commands that the model has stopped "
        "waiting for.",
        "It ends them.",
        "Nobody could stop them any more.",
        (Rule("gone/pid", native=False, ours=True),),
        ("cancelled while a command goes on",),
    ),
    Difference(
        "end-after-a-cancellation",
        "After a cancellation the server goes on running when its stdin ends.",
        "It ends.",
        "It would stay for ever.",
        (Rule("exit", "still running", 0),),
        ("stdin ends after a cancellation",),
    ),
    Difference(
        "signals",
        "SIGTERM and SIGINT kill the server.",
        "It ends by itself, with 143 and 130.",
        "It ends its children first. A shell sees the same code in both cases.",
        (
            Rule("exit", native=-15, ours=143, only="SIGTERM .*"),
            Rule("exit", native=-2, ours=130, only="SIGINT .*"),
        ),
        ("SIGTERM at rest", "SIGINT at rest"),
    ),
)

APPROVAL_DIFFERENCES: tuple[Difference, ...] = (*_QUESTIONS, *_ENDS)
