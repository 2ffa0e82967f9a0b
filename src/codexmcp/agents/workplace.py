"""Preparation of an agent's work: folders, Codex, model, key.

Owns a run's key proxy or the rehearsal's model server. Obstacles are found here, before any token
is spent, with an error and its remedy.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from codexmcp.agents.alarm import Alarm
from codexmcp.agents.arguments import Arguments
from codexmcp.appserver.child import Child
from codexmcp.appserver.version import check_user_agent, parse_version
from codexmcp.codex.config import CodexHome
from codexmcp.codex.key_proxy import RunningProxy, explained, run_key_proxy
from codexmcp.codex.options import KeyProxyOptions, key_proxy_options
from codexmcp.codex.permissions import RestrictedPaths, narrower_mode
from codexmcp.codex.recorded import RecordedSettings, find_rollouts_by_thread, read_settings
from codexmcp.codex.resolution import CodexChoices, Resolution, resolve
from codexmcp.data_classes import dataclass, field, replace
from codexmcp.env_file import ENV_FILE_VARIABLE
from codexmcp.errors import CodexBinaryError, ConfigurationError, CredentialsError, WorkError
from codexmcp.settings import (
    DEFAULT_SANDBOX_MODE,
    Settings,
    child_environment,
    load_settings,
)
from codexmcp.supervisor.withheld import secret_files

REHEARSAL_KEY = "rehearsal"

VERSION_TIMEOUT_S = 10.0
"""Bound on `codex --version`; typical time 30 ms."""


@dataclass(frozen=True, slots=True)
class WorkplacePlan:
    """The requirements of a run, checked but not started.

    Attributes:
        arguments: The user's arguments.
        settings: The environment's settings.
        codex: The Codex binary.
        home: The Codex home.
        folder: Codex's working directory.
        sandbox: The sandbox mode.
        env: The environment for children, without secrets.
        agent_key: The key for the agent's model, never shown in `repr`.
        key_proxy: Options of the key proxy; None without one.
        deny_read: Files hidden from sandboxed commands.
    """

    arguments: Arguments
    settings: Settings
    codex: Path
    home: CodexHome
    folder: Path
    sandbox: str
    env: dict[str, str] = field(repr=False)
    agent_key: str = field(repr=False)
    key_proxy: KeyProxyOptions | None = field(repr=False)
    deny_read: tuple[str, ...] = ()

    @property
    def withheld(self) -> RestrictedPaths:
        """Paths that sandboxed commands have less access to."""
        return RestrictedPaths(self.deny_read, (str(self.home.path),))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts to hide in all output."""
        return () if self.arguments.rehearse else (self.agent_key,)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A plan with running endpoints.

    Attributes:
        plan: The plan.
        agent_base_url: The endpoint of the agent's model; None means OpenAI's.
        codex_endpoint: The endpoint for Codex without a key; None means Codex's own access.
        codex_model: Codex's model; None means the configured model.
        proxy: The key proxy behind `codex_endpoint`, if any.
    """

    plan: WorkplacePlan
    agent_base_url: str | None
    codex_endpoint: str | None
    codex_model: str | None
    proxy: RunningProxy | None = None

    @property
    def aliases(self) -> dict[str, str]:
        """Replacements for messages: the key proxy's URL by its upstream endpoint."""
        return {} if self.proxy is None else self.proxy.aliases

    def explain(self, error: str) -> str:
        """Return an error of Codex with its cause, known only to the key proxy."""
        if self.proxy is None:
            return error
        return explained(error, self.proxy.failure_cause)


def make_plan(arguments: Arguments, project: Path | None) -> WorkplacePlan:
    """Check all requirements of a run.

    Args:
        arguments: The user's arguments.
        project: The checkout with `.env`, `.codex/` and `output/`; None for the working directory
            with `output/`, and the user's own Codex home.

    Raises:
        ConfigurationError: A requirement is missing or broken.
    """
    settings = load_settings(project=project)
    if arguments.resume is None:
        arguments = replace(arguments, model=arguments.model or settings.model)
    found = resolve(settings, os.environ, CodexChoices(home=project and project / ".codex"))
    recorded = _recorded(arguments.resume, found.home)
    asked = settings.sandbox_mode or DEFAULT_SANDBOX_MODE
    sandbox = arguments.sandbox or narrower_mode(asked, recorded.sandbox)
    agent_key = REHEARSAL_KEY if arguments.rehearse else _agent_key(found)
    files = (found.home.auth_file, *secret_files(settings, os.environ))
    secrets = dict.fromkeys(path for path in files if path.is_file())
    cwd = arguments.cwd or Path(recorded.cwd or (project or Path()) / "output")
    folder = _prepare_folder(cwd, sandbox)
    denied = tuple(str(path.resolve()) for path in secrets)
    return WorkplacePlan(
        arguments=arguments,
        settings=settings,
        codex=found.codex,
        home=found.home,
        folder=folder,
        sandbox=sandbox,
        # The settings already include `.env`.
        env={**found.env, ENV_FILE_VARIABLE: os.devnull},
        agent_key=agent_key,
        key_proxy=None if arguments.rehearse else key_proxy_options(found),
        deny_read=denied,
    )


def _recorded(thread_id: str | None, home: CodexHome) -> RecordedSettings:
    """Return the recorded settings of a thread to resume."""
    rollout = None if thread_id is None else find_rollouts_by_thread(home.path).get(thread_id)
    found = None if rollout is None else read_settings(rollout)
    return found or RecordedSettings()


@contextlib.asynccontextmanager
async def open_workplace(plan: WorkplacePlan, alarm: Alarm) -> AsyncGenerator[Workplace, None]:
    """Run the endpoints of a plan for the duration of the block.

    Args:
        plan: The plan.
        alarm: Triggered when the key proxy ends before the block.

    Raises:
        ConfigurationError: The Codex binary is not usable, or the key proxy did not start.
    """
    if plan.settings.codex_bin is not None:
        await check_codex(plan.codex)
    model_name = plan.arguments.model
    if plan.arguments.rehearse:
        from codexmcp.rehearsal.rule import decide  # noqa: PLC0415 - a rehearsal only
        from codexmcp.rehearsal.server import ModelServer  # noqa: PLC0415

        async with ModelServer(lambda request: decide(request.body)) as model:
            yield Workplace(plan, model.base_url, model.base_url, model_name)
        return
    base_url = plan.settings.base_url
    if plan.key_proxy is None:
        yield Workplace(plan, base_url, None, model_name)
        return
    async with run_key_proxy(plan.key_proxy) as running, _watched(running, alarm):
        yield Workplace(plan, base_url, running.base_url, model_name, running)


@contextlib.asynccontextmanager
async def _watched(proxy: RunningProxy, alarm: Alarm) -> AsyncGenerator[None, None]:
    """Trigger the alarm when the proxy ends: Codex would retry forever."""

    async def watch() -> None:
        how = await proxy.ended()
        alarm.ring(WorkError(f"the key proxy ended: {how}; continue with --resume"))

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})


def _agent_key(found: Resolution) -> str:
    """Return the key of the agent, after checking Codex's access to its model as well.

    Raises:
        CredentialsError: Codex or the agent could not authenticate.
    """
    found.check_access()
    key = found.settings.api_key or found.home.login_key
    if key is None:
        raise CredentialsError(
            "Codex can reach its model, but the agent has no key for its own: a ChatGPT login "
            "serves Codex alone; set OPENAI_API_KEY (in the environment or in .env), or point "
            "CODEX_HOME at a home where `codexmcp codex login --with-api-key` was run, or try "
            "--rehearse"
        )
    return key


def _prepare_folder(folder: Path, sandbox: str) -> Path:
    """Return the absolute path of Codex's folder, created if missing and checked for writes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if sandbox != "read-only":
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".codexmcp-"):
                pass
        os.scandir(folder).close()
    except OSError as error:
        raise ConfigurationError(
            f"Codex cannot work in {folder}: {error.strerror}; make it a folder that you may write "
            "to, or name another with --cwd"
        ) from None
    return folder.resolve()


async def check_codex(codex: Path) -> None:
    """Refuse binaries other than a recent Codex.

    Raises:
        CodexBinaryError: The binary does not start, does not answer, or is too old.
    """
    child = await Child.start([str(codex), "--version"], env=child_environment())
    try:
        async with asyncio.timeout(VERSION_TIMEOUT_S):
            said = (await child.stdout.read(4096)).decode(errors="replace")
    except TimeoutError:
        raise CodexBinaryError(
            f"{codex} --version did not answer within {VERSION_TIMEOUT_S:g} s; name a working "
            "Codex binary in CODEX_BIN, or unset it to use the one that comes with codexmcp"
        ) from None
    finally:
        await asyncio.shield(child.stop(eof_grace_s=0.2, term_grace_s=0.2))
    if parse_version(said) is None:
        raise CodexBinaryError(
            f"{codex} --version prints no version ({child.describe_exit()}); name a working "
            "Codex binary in CODEX_BIN, or unset it to use the one that comes with codexmcp"
        )
    check_user_agent(codex, said)
