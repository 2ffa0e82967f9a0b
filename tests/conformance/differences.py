"""Where ours deliberately differs from the removed server, and in which way exactly.

Owns the table `DIFFERENCES`; docs/reference/differences.md shows it (`page`). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.conformance.approval_differences import APPROVAL_DIFFERENCES
from tests.conformance.build_differences import BUILD_DIFFERENCES
from tests.conformance.diff import MISSING
from tests.conformance.event_differences import EVENT_DIFFERENCES
from tests.conformance.rules import DEFAULT, Difference, Rule

_EMPTY_LISTS = {
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
_UNANSWERED = (
    "resources/read",
    "prompts/get",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
)
_TOLERATED = (
    "request id beyond 64 bits",
    "line no jsonrpc",
    "line jsonrpc 1.0",
    "line a byte order mark",
    "line a duplicate key",
    "line params bool",
    "line NaN",
    "line a lone surrogate",
    "line deep nesting",
)


def _answer(**fields: Any) -> list[Mapping[str, Any]]:
    return [{"jsonrpc": "2.0", "id": 1, **fields}]


def _unknown(method: str) -> Mapping[str, Any]:
    message = f"method not found: {method}"
    return {"code": -32601, "message": message, "data": {"method": method}}


_SILENCE = (
    Difference(
        "empty-lists",
        "`resources/list`, `resources/templates/list` and `prompts/list` are never answered.",
        "They are answered with an empty list.",
        "Clients ask for them on connecting and wait.",
        tuple(
            Rule("said", [], _answer(result={key: []}), f"method {method}")
            for method, key in _EMPTY_LISTS.items()
        ),
        tuple(f"method {method}" for method in _EMPTY_LISTS),
    ),
    Difference(
        "unanswered-methods",
        "Further methods of MCP that the server does not offer are never answered: "
        + ", ".join(f"`{method}`" for method in _UNANSWERED)
        + ".",
        "They are answered with -32601, as every other unknown method is.",
        "A request without an answer hangs its client.",
        tuple(
            Rule("said", [], _answer(error=_unknown(method)), f"method {method}")
            for method in _UNANSWERED
        ),
        tuple(f"method {method}" for method in _UNANSWERED),
    ),
)

_ADDITIONS = (
    Difference(
        "result-meta",
        "A result carries nothing beside the answer.",
        "Results of turns carry `_meta` with `usage` (tokens) and `durationMs`.",
        "What a call has cost is else to be picked out of the events. Not with `--strict-compat`.",
        (Rule(r"(answers/\w+/)?result/_meta", MISSING),),
        ("result after commentary", "codex prompt non-ascii"),
        DEFAULT,
    ),
    Difference(
        "added-arguments",
        "`codex` and `codex-reply` know the arguments of `tools/list`, and no others.",
        "They know `output-schema`, `images`, `effort` and `timeout` as well, `codex` knows "
        "`profile`, and `codex-reply` `sandbox`; `outputSchema` names `output`. Refusals of "
        "unknown fields list them.",
        "Callers have asked for them. Not with `--strict-compat`.",
        (
            Rule(
                r"(answers/1/)?result/tools/\d/inputSchema/properties/"
                r"(output-schema|images|effort|timeout|profile|sandbox)",
                MISSING,
            ),
            Rule(r"(answers/1/)?result/tools/\d/outputSchema/properties/output", MISSING),
            Rule(
                "result/content/text/text",
                re.compile(r".*: unknown field `.*`, expected one of .*`compact-prompt`"),
                re.compile(r".*: unknown field `.*`, expected one of .*`timeout`, `profile`"),
            ),
            Rule(
                "result/content/text/text",
                re.compile(r".*: unknown field `profile`, .*"),
                "unknown profile `x` (<home>/x.config.toml); no profiles exist",
                "codex old profile",
            ),
        ),
        ("tools/list", "codex extra field", "codex old profile"),
        DEFAULT,
    ),
    Difference(
        "instructions",
        "`initialize` tells no `instructions`.",
        "It tells the model in two sentences how the tools work together.",
        "The descriptions of single tools cannot. Not with `--strict-compat`.",
        (Rule(r"(answers/\w+/)?result/instructions", MISSING),),
        ("initialize twice",),
        DEFAULT,
    ),
    Difference(
        "protocol-versions",
        "`initialize` echoes any protocol version.",
        "It answers an unknown version with 2025-11-25, the latest one that begins by "
        "`initialize`. Requests with the envelope of MCP 2026-07-28 are answered in that version.",
        "A client believed that its version was spoken. Not with `--strict-compat`.",
        (
            Rule(
                "answers/1/result/protocolVersion",
                re.compile("2026-07-28|1999-01-01|x|"),
                "2025-11-25",
                "initialize '.*'",
            ),
        ),
        ("initialize '1999-01-01'",),
        DEFAULT,
    ),
    Difference(
        "progress",
        "No progress is told, also when the caller asks for it by a `progressToken`.",
        "`notifications/progress` come at the start, with each step of the work, and every ten "
        "seconds at least.",
        "Clients give up on calls that are silent for long.",
        (Rule("rest", [], only="progress token .*"),),
        ("progress token int", "progress token string"),
    ),
    Difference(
        "resuming",
        "A thread from before a restart of the server is not found.",
        "It is resumed.",
        "Its rollout is there. With `--strict-compat` it is not found.",
        (
            Rule("answers/2/result/.*", only="reply after a restart"),
            Rule("requests", only="reply after a restart"),
        ),
        ("reply after a restart",),
        DEFAULT,
    ),
)

_OTHERS = (
    Difference(
        "user-agent",
        "`initialize` tells Codex's HTTP user agent, as `serverInfo.user_agent`.",
        "It is left out.",
        "`initialize` is answered before Codex runs; and the user agent towards the model names "
        "codexmcp.",
        (Rule(r"(answers/\w+/)?result/serverInfo/user_agent", ours=MISSING),),
        ("initialize twice",),
    ),
    Difference(
        "tolerated-lines",
        "Requests are ignored that have no `jsonrpc`, another one than 2.0, a byte order mark "
        "before them, an id beyond 64 bits or twice, parameters that are true or false, or `NaN`, "
        "a lone surrogate or 200 levels in them.",
        "They are answered.",
        "A request without an answer hangs its client.",
        (Rule("said", [], only="|".join(_TOLERATED)),),
        _TOLERATED,
    ),
    Difference(
        "list-parameters",
        "A request whose parameters are a list or a number is never answered.",
        "It is answered as if it had none.",
        "As above.",
        (
            Rule("said", [], only="line params (list|number)"),
            Rule("answers/1", MISSING, only="initialize with a list"),
        ),
        ("line params list", "line params number", "initialize with a list"),
    ),
    Difference(
        "big-integers",
        "A `config` with an integer beyond 64 bits is taken.",
        "It is refused.",
        "app-server cannot read it.",
        (Rule("result/.*", only="codex config big integer"),),
        ("codex config big integer",),
    ),
    Difference(
        "number-arguments",
        "`arguments` that are a fraction or beyond 64 bits are taken for an object with the field "
        "`$serde_json::private::Number`.",
        "They are refused as every other value is that is no object.",
        "It is an accident of the parser.",
        (
            Rule("result", ours=MISSING, only="codex(-reply)? arguments (float|huge)"),
            Rule("error", MISSING, only="codex(-reply)? arguments (float|huge)"),
        ),
        ("codex arguments float", "codex-reply arguments huge"),
    ),
    Difference(
        "answer-before-a-script",
        "When the model answers, then calls a tool and then says nothing, the result is empty.",
        "It is the answer, if the call was one without events: a script of code mode that runs "
        "nothing, or `list_agents`.",
        "app-server does not tell of such a call, and an answer is better than none.",
        (
            Rule(
                "answers/1/result/.*|events/1/task_complete/last_agent_message",
                ours="The answer.",
                only="result of a final answer before a script",
            ),
        ),
        ("result of a final answer before a script",),
    ),
    Difference(
        "late-answer",
        "The call after one that failed is answered at once with an empty text: the server takes "
        "the failed turn's `task_complete`, which comes late, for its end.",
        "It is answered with what the model says.",
        "The answer would be lost.",
        tuple(
            Rule(path, only="reply after an error|error between two turns")
            for path in (
                "answers/[23]/result/.*",
                "events/[23]/.*",
                "requests",
            )
        ),
        ("reply after an error", "error between two turns"),
    ),
)

CALL_DIFFERENCES: tuple[Difference, ...] = (*_SILENCE, *_ADDITIONS, *_OTHERS)

DIFFERENCES: tuple[Difference, ...] = (
    *CALL_DIFFERENCES,
    *APPROVAL_DIFFERENCES,
    *EVENT_DIFFERENCES,
    *BUILD_DIFFERENCES,
)
