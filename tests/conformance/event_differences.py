"""Differences in what is told while the model works. Pure."""

from __future__ import annotations

from tests.conformance.diff import MISSING
from tests.conformance.rules import DEFAULT, Difference, Rule

_EVENTS = r"events/\w+/"
_UNREPORTED = (
    "patch wrong context",
    "patch missing file",
    "patch broken",
    "patch without questions",
    "command without questions",
    "code mode, script throws",
    "command in a missing cwd",
    "command with broken arguments",
)
_BETWEEN = "agent that ends between two calls"

EVENT_DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "raw-responses",
        "`raw_response_item` and `raw_response_completed` tell the model's answer as it came.",
        "They are not sent.",
        "The same is in the items' events, and every byte of an answer would be sent three times.",
        (
            Rule("unsent/raw_response_item", native=True, ours=MISSING),
            Rule("unsent/raw_response_completed", native=True, ours=MISSING),
        ),
        ("result after commentary",),
    ),
    Difference(
        "untold-fields",
        "`session_configured` has `permission_profile`, `task_started` has "
        "`model_context_window`, `task_complete` has `time_to_first_token_ms`, `token_count` has "
        "`rate_limits`.",
        "They are left out; `rate_limits` is null.",
        "app-server does not tell them, or not at that point: the context window is in the next "
        "`token_count`.",
        (
            Rule(f"{_EVENTS}session_configured/permission_profile", ours=MISSING),
            Rule(f"{_EVENTS}task_started/model_context_window", ours=MISSING),
            Rule(f"{_EVENTS}task_complete/time_to_first_token_ms", ours=MISSING),
            Rule(f"{_EVENTS}token_count/rate_limits", ours=None),
        ),
        ("result after commentary",),
    ),
    Difference(
        "empty-token-counts",
        "Before an error, and after an answer that reports no tokens, `token_count` tells the last "
        "count once more, or null.",
        "Only new counts are told.",
        "app-server does not tell the others.",
        (
            Rule(f"{_EVENTS}token_count", ours=MISSING),
            Rule(
                f"{_EVENTS}token_count/info",
                native=None,
                only="response.failed context_length_exceeded",
            ),
        ),
        ("stream is cut", "response.failed context_length_exceeded"),
    ),
    Difference(
        "mcp-startup",
        "`mcp_startup_update` and `mcp_startup_complete` tell how Codex's own MCP servers start.",
        "The former is not sent, and the lists of the latter are empty.",
        "app-server tells it before it tells the thread that it is about.",
        (
            Rule(f"{_EVENTS}mcp_startup_update", ours=MISSING),
            Rule(f"{_EVENTS}mcp_startup_complete(/(failed|ready))?"),
        ),
        ("broken config.toml of an MCP server",),
    ),
    Difference(
        "raw-reasoning",
        "With `show_raw_agent_reasoning`, `agent_reasoning_raw_content` tells a raw thought.",
        "It is not sent.",
        "The same text is in the item's `raw_content`.",
        (Rule(f"{_EVENTS}agent_reasoning_raw_content", ours=MISSING),),
        ("reasoning, raw shown",),
    ),
    Difference(
        "patch-output",
        "The end of a patch has what was printed, as `stdout` and `stderr`.",
        "Both are empty.",
        "app-server does not tell it; `changes` has the same facts.",
        (Rule(f"{_EVENTS}(item_completed FileChange/item|patch_apply_end)/std(out|err)", ours=""),),
        ("patch add",),
    ),
    Difference(
        "agent-nicknames",
        "Messages about sub-agents of the plain tools tell the nickname that Codex gives each, as "
        "`agent_nickname`, `new_agent_nickname` and `receiver_agent_nickname`.",
        "They are left out.",
        "app-server does not tell them with the items.",
        (Rule(f"{_EVENTS}.*/(new_|receiver_)?agent_nickname", ours=MISSING),),
        ("agent by plain tools",),
    ),
    Difference(
        "agents-between-calls",
        "A sub-agent that ends after the answer is told with the next `codex-reply`.",
        "It is not told.",
        "The next call may never come, and its caller asked about something else.",
        (
            Rule(
                "events/2/(item_(started|completed) SubAgentActivity|sub_agent_activity)",
                ours=MISSING,
                only=_BETWEEN,
            ),
            Rule("events/2/(.*/item/id|.*/item_id)", only=_BETWEEN),
        ),
        (_BETWEEN,),
    ),
    Difference(
        "deprecations",
        "`deprecation_notice` names settings of `config.toml` that are deprecated.",
        "It is not sent.",
        "app-server tells it before there is a thread.",
        (Rule(f"{_EVENTS}deprecation_notice", ours=MISSING),),
        ("deprecated setting",),
    ),
    Difference(
        "cut-output",
        "`formatted_output` is a command's output as it was cut for the model.",
        "It is the whole output.",
        "app-server does not tell the former.",
        (
            Rule(
                f"{_EVENTS}(item_completed CommandExecution/item|exec_command_end)/formatted_output"
            ),
        ),
        ("command writes much",),
    ),
    Difference(
        "unreported-calls",
        "A command that the sandbox denies at once has no events now and then; one that cannot be "
        "started or read, a patch that does not apply, and a script that throws never have any.",
        "They have those of a failed command or patch, told before the model goes on. Their output "
        "is cut at 2 KiB, a script is the command `exec SCRIPT`, and it is told only if no call in "
        "it has failed. Which of its calls made it throw is not known.",
        "Callers took work for done of which nothing was. Codex's log has these results (commands "
        "do not see its settings, `RUST_LOG` and `LOG_FORMAT`). Not with `--strict-compat`.",
        (
            Rule(
                f"{_EVENTS}(item_(started|completed) CommandExecution|exec_command_(begin|end))",
                native=MISSING,
                only="|".join(_UNREPORTED),
            ),
            # Later items are counted on.
            Rule(f"{_EVENTS}.*/(item/|item_)id", only="|".join(_UNREPORTED)),
            Rule(r"requests/.*/call_id", only="|".join(_UNREPORTED)),
        ),
        _UNREPORTED,
        builds=DEFAULT,
    ),
)
