"""Claude Code on a terminal: past its first questions, with a scripted model."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from tests.clients.messages_api import KEY, QUIET, Choice, ToolUse, messages_api
from tests.clients.user import User
from tests.support.screen import Screen

QUESTION = "requests your input"
DECLINE = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT} Decline"
"""The refusal, once it is chosen."""
READY = "mode on"
"""In the last line, once keys are taken."""


def settle(user: User, servers: Mapping[str, Any]) -> None:
    """Write the settings of a user who has answered the questions of a first start.

    Source: measured with 2.1.333; without a setting its question comes.
    """
    settings = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        # A key in the environment is asked about; known ones are named by their last letters.
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {str(user.folder): {"hasTrustDialogAccepted": True}},
        "mcpServers": dict(servers),
    }
    (user.home / ".claude.json").write_text(json.dumps(settings))


@contextlib.asynccontextmanager
async def claude(
    user: User, choose: Choice, on_request: Callable[[str], None]
) -> AsyncIterator[Screen]:
    """Run it in the user's folder while the block runs.

    Args:
        user: The user, with settings.
        choose: The scripted model.
        on_request: Called with the body of each request to the model.
    """
    with messages_api(choose, on_request) as base_url:
        env = {
            **user.env,
            **QUIET,
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": base_url,
        }
        command = ["env", "claude", "--allowedTools", "mcp__codex"]
        async with Screen.run(command, env, user.folder, size=(120, 50)) as screen:
            await screen.shows(READY)
            yield screen


async def enter(screen: Screen, prompt: str) -> None:
    """Type a prompt and send it."""
    screen.type(prompt)
    await screen.shows(prompt)
    # Together with the text, the key would be part of a pasted text.
    screen.type("\r")


async def confirm(screen: Screen) -> None:
    """Press Enter in a question, until it is taken.

    Source: measured with 2.1.333; for a moment after it appears a question takes no Enter, so that
    a prompt being typed is no answer.
    """
    for _ in range(10):
        screen.type("\r")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await screen.until(lambda: QUESTION not in screen.text, "the question is gone")
                return
    raise AssertionError(f"the question stays\n{screen.text}")


def news(body: Mapping[str, Any]) -> str:
    """Return the part of a conversation that the model has not answered yet, as JSON."""
    messages = body["messages"]
    answered = [i for i, each in enumerate(messages) if each["role"] == "assistant"]
    return json.dumps(messages[answered[-1] + 1 if answered else 0 :])


def by_words(*rules: tuple[str, str | ToolUse], otherwise: str = "?") -> Choice:
    """Return a model that looks for words in the news, first rule first."""

    def choose(body: Mapping[str, Any]) -> str | ToolUse:
        told = news(body)
        return next((step for words, step in rules if words in told), otherwise)

    return choose
