"""Options of a run to start, resume or fork, from its caller. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.runs.run import ExecutionOptions


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
class StartOptions(ExecutionOptions):
    """Options of a new run. None leaves a choice to the resumed run, the policy and the settings.

    Attributes:
        prompt: Input of the turn.
        cwd: Project folder; a relative path starts at the caller's folder.
        sandbox: Sandbox mode; overrides `permissions`.
        permissions: Sandbox mode, permissions profile, or `yolo` for full access.
        approval_policy: `on-request` or another policy of Codex. None: `never`.
        model: Model.
        effort: Reasoning effort, such as `high`.
        profile: Profile of the Codex home.
        images: Paths of local images.
        output_schema: JSON Schema of the final message.
        timeout_s: Bound on the run from the beginning of work, in seconds. 0: unbounded.
        order: The place in the queue.
    """

    prompt: str
    cwd: str | None = None
    sandbox: str | None = None
    permissions: str | None = None
    approval_policy: str | None = None
    model: str | None = None
    effort: str | None = None
    profile: str | None = None
    images: tuple[str, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    timeout_s: float | None = None
    order: Order = Order()
