"""Interpretation of a Responses API request: sender, offered tools, last turn.

Owns the knowledge of the `tools` and `input` of Codex and the Agents SDK. Only the latest user turn
counts, and context injected by Codex never counts as a prompt. Pure: imports only `responses` and
`jsonvalues`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import PurePosixPath

from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import is_object, list_of, object_of
from codexmcp.rehearsal.responses import JSONObject

AGENT_TOOLS = ("codex", "codex-reply")
_SHELL_TOOLS = frozenset({"exec_command", "shell", "shell_command"})

# Source: the head of a message with a task between agents of Codex 0.153.4 to 0.171.0; the task
# itself is a separate part.
_TASK = re.compile(r"Message Type: NEW_TASK\n(?:[^\n]*\n)*?Payload:\n")

# Source: texts of role user added by Codex 0.153.4 to 0.169.0.
_INJECTED = re.compile(
    r"\s*(?:# AGENTS\.md instructions|<(?:environment_context|user_instructions|INSTRUCTIONS|skill"
    r"|turn_aborted|user_shell_command|user_action|subagent_notification|codex_internal_context"
    r"|context_window|context_window_reminder|current_time_reminder|token_budget|rollout_budget"
    r"|image_resize_notice|recommended_plugins|model_switch|codex_delegation|hook_prompt"
    r"|user_verification_notice|agent_message_board_notification)\b)"
)
_SKILL = re.compile(
    r"\s*<skill>\s*<name>(?P<name>.*?)</name>\s*<path>(?P<path>.*?)</path>(?P<text>.*?)"
    r"\s*(?:</skill>\s*)?\Z",
    re.DOTALL,
)


class Role(StrEnum):
    """The requested model's user."""

    AGENT = "agent"
    CODEX = "codex"


class Surface(StrEnum):
    """The tools offered by Codex to its model.

    Source: models of Codex's catalogue with `tool_mode` `code_mode_only`, including the default of
    each build, get a single tool `exec` for JavaScript. Model names unknown to Codex get plain
    tools, such as `exec_command`.
    """

    CODE_MODE = "code mode"
    PLAIN = "plain tools"


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill with its text in the turn.

    Args:
        name: The skill's name.
        folder: The folder of its SKILL.md.
        text: The whole SKILL.md.
    """

    name: str
    folder: PurePosixPath
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The latest user turn of a request.

    Args:
        prompt: The user's text; empty if the request has no prompt.
        skills: The skills added by Codex for this prompt, in order.
        steps: The tool calls and their outputs since the prompt, as raw input items.
    """

    prompt: str
    skills: tuple[Skill, ...]
    steps: tuple[JSONObject, ...]


def role_of(body: JSONObject) -> Role:
    """Return the sender of a request: Codex, or an agent with Codex as a tool.

    A request with a shell tool is Codex's own, even if Codex has our MCP tools as well.
    """
    if surface_of(body) is not None:
        return Role.CODEX
    names = {tool.get("name") for tool in tools_of(body)}
    return Role.AGENT if names.intersection(AGENT_TOOLS) else Role.CODEX


def surface_of(body: JSONObject) -> Surface | None:
    """Return the kind of tools in the request; None without a tool for commands."""
    names = {tool.get("name") for tool in tools_of(body)}
    if "exec" in names:
        return Surface.CODE_MODE
    return Surface.PLAIN if names & _SHELL_TOOLS else None


def tools_of(body: JSONObject) -> list[JSONObject]:
    """Return the tools callable by their plain names.

    Source: for catalogue models Codex sends no `tools`, but an input item `additional_tools` with a
    namespace `functions`.
    """
    found: list[JSONObject] = list(_mappings(body.get("tools")))
    for item in _mappings(body.get("input")):
        if item.get("type") == "additional_tools":
            found.extend(_mappings(item.get("tools")))
    plain = [tool for tool in found if tool.get("type") != "namespace"]
    for tool in found:
        if tool.get("type") == "namespace" and tool.get("name") == "functions":
            plain.extend(_mappings(tool.get("tools")))
    return plain


def latest_turn(body: JSONObject) -> Turn:
    """Return the last prompt of the request with all following items.

    Context injected by Codex is skipped in Codex's own requests; an agent's prompt is unchanged.
    The prompt of a sub-agent is the task from another agent.
    """
    own = role_of(body) is Role.CODEX
    items = body.get("input")
    if isinstance(items, str):
        return Turn(items, (), ())
    prompt, skills, steps = "", list[Skill](), list[JSONObject]()
    for item in _mappings(items):
        if (task := _task(item)) is not None:
            prompt, skills, steps = task, [], []
        elif item.get("role") != "user":
            if str(item.get("type", "")).endswith(("_call", "_call_output")):
                steps.append(item)
        else:
            texts = list(_texts(item.get("content")))
            written = [text for text in texts if not (own and _INJECTED.match(text))]
            if any(text.strip() for text in written):
                # A skill's text follows its prompt, so a new prompt drops older skills.
                prompt, skills, steps = "\n".join(written), [], []
            skills.extend(_skills(texts))
    return Turn(prompt, tuple(skills), tuple(steps))


def text_of(content: object) -> str:
    """Return the text of a message's content or of a tool's output.

    Args:
        content: A string, a content part with a `text`, or a list of parts.
    """
    return "\n".join(_texts(content))


def object_in(text: object) -> JSONObject:
    """Return the JSON object in a text; empty for any other text."""
    try:
        return object_of(json.loads(str(text)))
    except ValueError:
        return {}


def _task(item: JSONObject) -> str | None:
    if item.get("type") != "agent_message":
        return None
    texts = list(_texts(item.get("content")))
    head = _TASK.match(texts[0]) if texts else None
    return "\n".join(filter(None, (texts[0][head.end() :], *texts[1:]))) if head else None


def _skills(texts: Sequence[str]) -> Iterator[Skill]:
    for match in filter(None, map(_SKILL.match, texts)):
        folder = PurePosixPath(match["path"].strip()).parent
        yield Skill(match["name"].strip(), folder, match["text"].strip())


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif is_object(content):
        # Source: the task of a sub-agent is a part `encrypted_content`; the scripted model's is
        # plain text.
        text = content.get("text", content.get("encrypted_content"))
        if isinstance(text, str):
            yield text
    else:
        for part in list_of(content):
            yield from _texts(part)


def _mappings(value: object) -> Iterator[JSONObject]:
    yield from filter(is_object, list_of(value))
