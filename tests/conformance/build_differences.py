"""Differences that a later Codex makes by itself. Pure."""

from __future__ import annotations

import re

from tests.conformance.diff import MISSING
from tests.conformance.rules import LATER, LATEST, Difference, Rule

BUILD_DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "later-error-kinds",
        "`codex_error_info` of an HTTP error is `other`.",
        "With later builds it is `http_connection_failed`, with the status.",
        "Codex has changed it.",
        (
            Rule(
                r"events/\w+/error/codex_error_info",
                native="other",
                only="model answers 4..",
            ),
        ),
        ("model answers 401",),
        LATER,
    ),
    Difference(
        "later-usage-limit",
        "The text about a reached usage limit names one web page.",
        "With later builds it names another.",
        "Codex has changed it.",
        (
            Rule(
                r"(answers/1/result/.*|events/1/error/message)",
                re.compile(r"You've hit your usage limit\. Visit .*codex/settings/usage .*"),
                re.compile(r"You've hit your usage limit\. Visit .*chatgpt\.com/settings/usage .*"),
            ),
        ),
        ("model answers usage_limit_reached",),
        LATER,
    ),
    Difference(
        "later-failed-starts",
        "A command that cannot be started has no events.",
        "With later builds it begins and ends.",
        "Codex has changed it.",
        (
            Rule(
                r"events/1/(item_(started|completed) CommandExecution|exec_command_(begin|end))",
                MISSING,
                only="command in a missing cwd",
            ),
            Rule(
                r"events/1/(item_(started|completed) AgentMessage/item/|"
                "agent_message_content_delta/item_)id",
                only="command in a missing cwd",
            ),
        ),
        ("command in a missing cwd",),
        LATER,
    ),
    Difference(
        "later-early-output",
        "What a command prints in its first moments can be lost.",
        "With later builds it is in its end.",
        "Codex has mended it.",
        (
            Rule(
                r"events/1/(item_completed CommandExecution/item|exec_command_end)/"
                "(stdout|aggregated_output)",
                "",
                "a\n",
                "early output of a command",
            ),
        ),
        ("early output of a command",),
        LATER,
    ),
    Difference(
        "later-connection-errors",
        "An error of the connection names the URL.",
        "With later builds it does not.",
        "Codex has changed it.",
        (
            Rule(
                "events/1/stream_error/additional_details",
                re.compile(r"(.*error sending request) for url \(.*\)"),
                re.compile(r".*error sending request"),
            ),
        ),
        ("model answers nonsense",),
        LATER,
    ),
    Difference(
        "latest-compaction",
        "A `warning` says after a compaction that long threads make the model less accurate.",
        "With 0.171.0 there is none.",
        "Codex has changed it.",
        (Rule(r"events/\w+/warning", ours=MISSING, only="compaction.*"),),
        ("compaction with compact-prompt",),
        LATEST,
    ),
    Difference(
        "latest-models",
        "`model_context_window` is that of the build's default model.",
        "0.171.0 has another default model, with a larger one.",
        "Codex has changed it.",
        (Rule(r"events/\w+/token_count/info/model_context_window"),),
        ("code mode, command",),
        LATEST,
    ),
    Difference(
        "later-empty-models",
        "An empty `model`, or null in `config`, is taken.",
        "Later builds refuse it.",
        "Codex has changed it.",
        (Rule("result/.*", only="codex (config null value|model empty)"),),
        ("codex config null value", "codex model empty"),
        LATER,
    ),
    Difference(
        "later-compaction",
        "After a compaction `token_count` tells an estimate of the tokens.",
        "With later builds it is another one, because what they send is of another length.",
        "Codex has changed it.",
        (
            Rule(
                r"events/\w+/token_count/info/last_token_usage/total_tokens",
                only="compaction.*",
            ),
        ),
        ("compaction with compact-prompt",),
        LATER,
    ),
)
