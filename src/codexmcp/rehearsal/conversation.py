"""How a Responses API request reads: whose it is, which tools it offers, what its last turn says.

Owns the knowledge of what Codex and the Agents SDK put into `tools` and `input`. Promises that only
the latest user turn counts and that context which Codex injects is never taken for a prompt.
Pure: imports only `responses` and `jsonvalues`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from codexmcp.jsonvalues import is_object, list_of
from codexmcp.rehearsal.responses import JSONObject

AGENT_TOOLS = ("codex", "codex-reply")

# Source: texts of role user that Codex 0.153.4 to 0.169.0 add on their own account.
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
    """Whose model the request wants to speak to."""

    AGENT = "agent"
    CODEX = "codex"


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill whose text Codex added to the turn.

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
        prompt: What the user wrote; empty when the request holds no prompt.
        skills: The skills that Codex added for this prompt, in its order.
        steps: The tool calls and their outputs since the prompt, as raw input items.
    """

    prompt: str
    skills: tuple[Skill, ...]
    steps: tuple[JSONObject, ...]


def role_of(body: JSONObject) -> Role:
    """Tell an agent that has Codex as a tool from Codex itself.

    A request that offers a shell is Codex's own, even when Codex has our MCP tools too.
    """
    names = {tool.get("name") for tool in tools_of(body)}
    if names & {"exec_command", "exec", "shell", "shell_command"}:
        return Role.CODEX
    return Role.AGENT if names.intersection(AGENT_TOOLS) else Role.CODEX


def tools_of(body: JSONObject) -> list[JSONObject]:
    """Return the tools that can be called by their plain names.

    Source: for catalogue models Codex sends no `tools`, but an input item `additional_tools` whose
    namespace `functions` holds them.
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
    """Return the last prompt of the request and all that followed it.

    Context that Codex injects is skipped in Codex's own requests; an agent's prompt is taken as is.
    """
    own = role_of(body) is Role.CODEX
    items = body.get("input")
    if isinstance(items, str):
        return Turn(items, (), ())
    prompt, skills, steps = "", list[Skill](), list[JSONObject]()
    for item in _mappings(items):
        if item.get("role") != "user":
            if str(item.get("type", "")).endswith(("_call", "_call_output")):
                steps.append(item)
            continue
        texts = list(_texts(item.get("content")))
        written = [text for text in texts if not (own and _INJECTED.match(text))]
        if any(text.strip() for text in written):
            # A skill's text follows the prompt that names it, so a new prompt drops older ones.
            prompt, skills, steps = "\n".join(written), [], []
        skills.extend(_skills(texts))
    return Turn(prompt, tuple(skills), tuple(steps))


def text_of(content: object) -> str:
    """Return the text of a message's content or of a tool's output.

    Args:
        content: A string, a content part with a `text`, or a list of parts.
    """
    return "\n".join(_texts(content))


def _skills(texts: Sequence[str]) -> Iterator[Skill]:
    for match in filter(None, map(_SKILL.match, texts)):
        folder = PurePosixPath(match["path"].strip()).parent
        yield Skill(match["name"].strip(), folder, match["text"].strip())


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif is_object(content):
        text = content.get("text")
        if isinstance(text, str):
            yield text
    else:
        for part in list_of(content):
            yield from _texts(part)


def _mappings(value: object) -> Iterator[JSONObject]:
    yield from filter(is_object, list_of(value))
