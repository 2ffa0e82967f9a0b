"""The `codex_tool` approach: the agent runs `codex exec` through the SDK's experimental tool.

The SDK cannot pass settings to Codex, so Codex is started through `codexmcp-exec`. It adds settings
for model access without a key, for hidden secrets, and for an unchanged user config.toml.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agents import Agent, RunContextWrapper
from agents.extensions.experimental.codex import CodexToolStreamEvent, TurnOptions, codex_tool
from agents.extensions.experimental.codex import ThreadOptions as ExecOptions

from codexmcp.agents.exec_launch import VARIABLE, ExecLaunch
from codexmcp.agents.exec_log import ExecLog
from codexmcp.agents.instructions import tool_instructions
from codexmcp.agents.progress import ShowStep, exec_failure, from_exec_event
from codexmcp.agents.reconnecting import ReconnectingCodex
from codexmcp.agents.record import AgentRecord
from codexmcp.agents.workplace import Workplace
from codexmcp.appserver.launch import log_variables
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.codex.access import provider_overrides, retry_overrides
from codexmcp.codex.thread_options import guarded
from codexmcp.errors import ConfigurationError
from codexmcp.home.toml import inline
from codexmcp.installation import repair
from codexmcp.jsonvalues import object_of

if TYPE_CHECKING:
    from agents.extensions.experimental.codex.thread_options import SandboxMode

IDLE_TIMEOUT_S = 60.0
"""Bound on Codex's silence."""


@contextlib.asynccontextmanager
async def tool_agent(
    workplace: Workplace, record: AgentRecord, show: ShowStep
) -> AsyncGenerator[Agent[None], None]:
    """Provide an agent with `codex_tool`."""
    with tempfile.TemporaryDirectory(prefix="codexmcp-exec-") as folder:
        watcher = _Watcher(workplace, record, show, ExecLog(Path(folder) / "stderr"))
        yield Agent(
            name="Codex agent", instructions=tool_instructions(), tools=[_tool(workplace, watcher)]
        )


def _tool(workplace: Workplace, watcher: _Watcher) -> Any:  # noqa: ANN401 - SDK's type
    plan = workplace.plan
    return codex_tool(
        codex=ReconnectingCodex(
            codex_path_override=str(_launcher()),
            env={
                **plan.env,
                **log_variables(plan.env, as_json=False),
                VARIABLE: _launch(workplace, watcher.log.file).to_json(),
            },
        ),
        sandbox_mode=cast("SandboxMode", plan.sandbox),
        working_directory=str(plan.folder),
        skip_git_repo_check=True,
        thread_id=plan.arguments.resume,
        default_thread_options=ExecOptions(
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
    """Record and show the activity of the tool's Codex."""

    def __init__(
        self, workplace: Workplace, record: AgentRecord, show: ShowStep, log: ExecLog
    ) -> None:
        self.log = log
        self._workplace = workplace
        self._record = record
        self._show = show

    def on_stream(self, payload: CodexToolStreamEvent) -> None:
        event = payload.event.as_dict()
        if event.get("type") == "thread.started":
            self._record.begin_call()
        self.log.note(event)
        steps = from_exec_event(event)
        said = object_of(event.get("item")).get("type") == "agent_message"
        if said or event.get("type") in {"turn.completed", "turn.failed"}:
            steps = [*self.log.unreported(), *steps]
        for step in steps:
            self._show(step)

    def on_failure(self, _context: RunContextWrapper[Any], error: Exception) -> str:
        text = self._workplace.explain(exec_failure(f"{error}{self.log.last_words()}"))
        self._record.end_call(error=text, thread_id=None)
        # The SDK's own text would not contain the cause for the agent.
        return f"Codex failed: {text}"


def _launch(workplace: Workplace, log: Path) -> ExecLaunch:
    plan = workplace.plan
    asked = ThreadOptions(
        cwd=str(plan.folder),
        sandbox=plan.sandbox,
        approval_policy="never",
        allow_git=plan.arguments.allow_git,
        config={"sandbox_workspace_write.network_access": True},
    )
    options = guarded(asked, plan.withheld, plan.home.config)
    overrides = list(_overrides(options.config))
    if options.permissions is not None:
        overrides.append(f"default_permissions={json.dumps(options.permissions)}")
    if workplace.codex_endpoint is not None:
        overrides += retry_overrides(plan.settings.request_retries)
        overrides += provider_overrides(workplace.codex_endpoint)
    return ExecLaunch(
        str(plan.codex), overrides, replaces_sandbox=options.permissions is not None, log=str(log)
    )


def _overrides(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings of a thread in the syntax of `-c`."""
    for name, value in config.items():
        if name == "permissions":
            # The user's own profiles stay unchanged.
            yield from (f"{name}.{profile}={inline(each)}" for profile, each in value.items())
        else:
            yield f"{name}={inline(value)}"


def _launcher() -> Path:
    """Return the launcher's script, installed beside the interpreter."""
    path = Path(sys.executable).parent / "codexmcp-exec"
    if not path.exists():
        raise ConfigurationError(f"{path} is missing; {repair()}")
    return path
