"""Options of a run to start, resume or fork, from its caller. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """The place of a run in the queue.

    Attributes:
        key: Runs of one key are limited together. None: the folder.
        priority: Higher comes first.
        idempotency_key: A second order with the same key gets the first run. None: no key.
        delay_s: Shortest wait in the queue, in seconds.
    """

    key: str | None = None
    priority: int = 0
    idempotency_key: str | None = None
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StartOptions:
    """Options of a new run. None leaves a choice to the resumed run, the policy and the settings.

    Attributes:
        prompt: Input of the turn.
        cwd: Project folder; a relative path starts at the caller's folder.
        name: Title for people. None: the beginning of the prompt.
        sandbox: Sandbox mode; overrides `permissions`.
        permissions: Sandbox mode, permissions profile, or `yolo` for full access.
        approval_policy: `on-request` or another policy of Codex. None: `never`.
        model: Model.
        effort: Reasoning effort, such as `high`.
        profile: Profile of the Codex home.
        images: Paths of local images.
        output_schema: JSON Schema of the final message.
        timeout_s: Bound on the run from the beginning of work, in seconds. 0: unbounded.
        retries: Number of automatic continuations of a lost run.
        on_children: Treatment of sub-agents at work at the end: `wait` or `stop`.
        goal_tokens: Token budget of a goal. None: goals are off.
        order: The place in the queue.
    """

    prompt: str
    cwd: str | None = None
    name: str | None = None
    sandbox: str | None = None
    permissions: str | None = None
    approval_policy: str | None = None
    model: str | None = None
    effort: str | None = None
    profile: str | None = None
    images: tuple[str, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    timeout_s: float | None = None
    retries: int = 0
    on_children: str = "wait"
    goal_tokens: int | None = None
    order: Order = Order()
