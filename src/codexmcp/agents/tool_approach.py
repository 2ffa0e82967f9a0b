"""The `codex_tool` approach: the agent runs `codex exec` through the SDK's experimental tool.

The SDK cannot pass settings to Codex, so Codex is started through `codexmcp-exec`, which adds those
that reach the model without a key, hide secrets, and keep the user's config.toml as it is.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agents import Agent, RunContextWrapper
from agents.extensions.experimental.codex import (
    CodexToolStreamEvent,
    ThreadOptions,
    TurnOptions,
    codex_tool,
)

from codexmcp.agents.exec_launcher import VARIABLE, ExecLaunch
from codexmcp.agents.instructions import tool_instructions
from codexmcp.agents.patience import PatientCodex
from codexmcp.agents.progress import ShowStep, exec_failure, from_exec_event
from codexmcp.agents.record import Record
from codexmcp.agents.workplace import Workplace
from codexmcp.errors import ConfigurationError
from codexmcp.home.access import provider_overrides, retry_overrides
from codexmcp.home.permissions import PROFILE, deny_profile
from codexmcp.home.toml import inline
from codexmcp.home.trust import untrusted_projects
from codexmcp.jsonvalues import object_of

if TYPE_CHECKING:
    from agents.extensions.experimental.codex.thread_options import SandboxMode

IDLE_TIMEOUT_S = 60.0
"""Codex is ended when it says nothing for so long."""


@contextlib.asynccontextmanager
async def tool_agent(
    workplace: Workplace, record: Record, show: ShowStep
) -> AsyncGenerator[Agent[None], None]:
    """Give an agent that has `codex_tool`."""
    yield Agent(
        name="Codex agent",
        instructions=tool_instructions(),
        tools=[_tool(workplace, record, show)],
    )


def _tool(workplace: Workplace, record: Record, show: ShowStep) -> Any:  # noqa: ANN401 - SDK's type
    plan = workplace.plan
    watcher = _Watcher(workplace, record, show)
    return codex_tool(
        codex=PatientCodex(
            codex_path_override=str(_launcher()),
            env={**plan.env, VARIABLE: _launch(workplace).to_json()},
        ),
        sandbox_mode=cast("SandboxMode", plan.sandbox),
        working_directory=str(plan.folder),
        skip_git_repo_check=True,
        thread_id=plan.arguments.resume,
        default_thread_options=ThreadOptions(
            model=workplace.codex_model,
            model_reasoning_effort="low",
            network_access_enabled=True,
            web_search_enabled=False,
            approval_policy="never",
        ),
        default_turn_options=TurnOptions(idle_timeout_seconds=IDLE_TIMEOUT_S),
        on_stream=watcher.on_stream,
        failure_error_function=watcher.on_failure,
    )


class _Watcher:
    """Notes and shows what the tool's Codex does."""

    def __init__(self, workplace: Workplace, record: Record, show: ShowStep) -> None:
        self._workplace = workplace
        self._record = record
        self._show = show

    def on_stream(self, payload: CodexToolStreamEvent) -> None:
        event = payload.event.as_dict()
        if event.get("type") == "thread.started":
            self._record.begin_call()
        for step in from_exec_event(event):
            self._show(step)

    def on_failure(self, _context: RunContextWrapper[Any], error: Exception) -> str:
        text = self._workplace.explain(exec_failure(str(error)))
        self._record.end_call(error=text, thread_id=None)
        # The SDK's own text would not tell the agent what went wrong.
        return f"Codex failed: {text}"


def _launch(workplace: Workplace) -> ExecLaunch:
    plan = workplace.plan
    settings = {
        **object_of(plan.home.config.get("sandbox_workspace_write")),
        "network_access": True,
    }
    profile = deny_profile(plan.sandbox, plan.deny_read, settings)
    projects = untrusted_projects(plan.folder, object_of(plan.home.config.get("projects")))
    overrides = [f"projects={inline(projects)}"] if projects else []
    if profile is not None:
        overrides.append(f"permissions.{PROFILE}={inline(profile)}")
        overrides.append(f"default_permissions={json.dumps(PROFILE)}")
    if workplace.codex_endpoint is not None:
        overrides += retry_overrides(plan.settings.request_retries)
        overrides += provider_overrides(workplace.codex_endpoint)
    return ExecLaunch(str(plan.codex), overrides, replaces_sandbox=profile is not None)


def _launcher() -> Path:
    """Return the launcher's script, which is installed beside the interpreter."""
    path = Path(sys.executable).parent / "codexmcp-exec"
    if not path.exists():
        raise ConfigurationError(f"{path} is missing; install codexmcp anew (`uv sync`)")
    return path
