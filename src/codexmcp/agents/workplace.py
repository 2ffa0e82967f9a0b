"""Everything that has to stand before an agent can work: folders, Codex, the model, the key.

Owns the key proxy or the rehearsal's model server of a run. Promises that whatever cannot work is
found here, before a token is spent, with an error that names the remedy.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from codexmcp.agents.alarm import Alarm
from codexmcp.agents.arguments import Arguments
from codexmcp.agents.codex_check import check_codex
from codexmcp.errors import ConfigurationError, CredentialsError, WorkError
from codexmcp.home import access
from codexmcp.home.binary import find_codex
from codexmcp.home.config import CodexHome, read_home
from codexmcp.home.key_proxy import KeyProxy, RunningProxy, explained
from codexmcp.home.permissions import can_be_moved
from codexmcp.settings import KEY_VARIABLES, Settings, child_environment, load_settings

REHEARSAL_MODEL = "rehearsal"
"""A model name that Codex does not know, which makes it offer its plain shell tool."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run needs, checked but not started.

    Attributes:
        arguments: What the user asked for.
        settings: What the environment says.
        codex: The Codex binary.
        home: The Codex home.
        folder: Where Codex works.
        sandbox: The sandbox mode.
        env: The environment for children, without secrets.
        agent_key: The key for the agent's model, never shown in `repr`.
        codex_access: How Codex reaches the model.
        deny_read: Files that sandboxed commands must not read.
    """

    arguments: Arguments
    settings: Settings
    codex: Path
    home: CodexHome
    folder: Path
    sandbox: str
    env: dict[str, str] = field(repr=False)
    agent_key: str = field(repr=False)
    codex_access: access.Access = field(repr=False)
    deny_read: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be seen in any output."""
        return () if self.arguments.rehearse else (self.agent_key,)


@dataclass(frozen=True, slots=True)
class Workplace:
    """A plan whose endpoints are up.

    Attributes:
        plan: The plan.
        agent_base_url: The endpoint of the agent's model; None means OpenAI's.
        codex_endpoint: The endpoint for Codex that needs no key; None means Codex's own access.
        codex_model: Codex's model; None means that of its configuration.
        proxy: The key proxy behind `codex_endpoint`, if there is one.
    """

    plan: Plan
    agent_base_url: str | None
    codex_endpoint: str | None
    codex_model: str | None
    proxy: RunningProxy | None = None

    @property
    def aliases(self) -> dict[str, str]:
        """What the user knows by another name: the key proxy by that of the endpoint behind it."""
        access_ = self.plan.codex_access
        if self.proxy is None or not isinstance(access_, access.KeyAccess):
            return {}
        return {self.proxy.base_url: access_.base_url}

    def explain(self, error: str) -> str:
        """Return an error of Codex with the cause that only the key proxy knows."""
        if self.proxy is None:
            return error
        return explained(error, self.proxy.trouble, self.aliases[self.proxy.base_url])


def make_plan(arguments: Arguments, project: Path) -> Plan:
    """Check everything that a run needs.

    Args:
        arguments: What the user asked for.
        project: The folder with `.env`, `.codex/` and `output/`.

    Raises:
        ConfigurationError: Something is missing or broken.
    """
    dotenv = project / ".env"
    settings = load_settings(dotenv=dotenv)
    home = read_home(settings.codex_home or project / ".codex")
    codex = find_codex(settings.codex_bin)
    sandbox = arguments.sandbox or settings.sandbox_mode
    env = child_environment(CODEX_HOME=str(home.path))
    agent_key, codex_access = _credentials(arguments, settings, home)
    if isinstance(codex_access, access.OwnAccess) and codex_access.key_variable in KEY_VARIABLES:
        env[codex_access.key_variable] = agent_key
    # A key that came through a pipe lies nowhere.
    files = (dotenv, home.auth_file, settings.key_file)
    secrets = dict.fromkeys(path for path in files if path is not None and path.is_file())
    folder = _prepare_folder(arguments.cwd or project / "output", sandbox)
    denied = tuple(str(path.resolve()) for path in secrets)
    for file in denied if sandbox == "workspace-write" else ():
        if can_be_moved(file, str(folder)):
            raise ConfigurationError(
                f"Codex would work in {folder}, and its commands could rename the folder of {file} "
                "to read it; choose another --cwd"
            )
    return Plan(
        arguments=arguments,
        settings=settings,
        codex=codex,
        home=home,
        folder=folder,
        sandbox=sandbox,
        env=env,
        agent_key=agent_key,
        codex_access=codex_access,
        deny_read=denied,
    )


@contextlib.asynccontextmanager
async def open_workplace(plan: Plan, alarm: Alarm) -> AsyncGenerator[Workplace, None]:
    """Bring the endpoints of a plan up for as long as the block runs.

    Args:
        plan: The plan.
        alarm: Is rung when the key proxy ends before the block does.

    Raises:
        ConfigurationError: The Codex binary cannot be used, or the key proxy did not come up.
    """
    if plan.settings.codex_bin is not None:
        await check_codex(plan.codex)
    if plan.arguments.rehearse:
        from codexmcp.rehearsal.rule import decide  # noqa: PLC0415 - a rehearsal only
        from codexmcp.rehearsal.server import ModelServer  # noqa: PLC0415

        async with ModelServer(lambda request: decide(request.body)) as model:
            yield Workplace(plan, model.base_url, model.base_url, REHEARSAL_MODEL)
        return
    base_url = plan.settings.base_url
    model_name = plan.arguments.model
    if isinstance(plan.codex_access, access.KeyAccess):
        proxy = KeyProxy(plan.codex, child_environment(), plan.codex_access)
        async with proxy.start() as running, _watched(running, alarm):
            yield Workplace(plan, base_url, running.base_url, model_name, running)
    else:
        yield Workplace(plan, base_url, None, model_name)


@contextlib.asynccontextmanager
async def _watched(proxy: RunningProxy, alarm: Alarm) -> AsyncGenerator[None, None]:
    """Ring when the proxy ends: Codex would try for ever to reach it again."""

    async def watch() -> None:
        how = await proxy.ended()
        alarm.ring(WorkError(f"the key proxy ended: {how}; continue with --resume"))

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})


def _credentials(
    arguments: Arguments, settings: Settings, home: CodexHome
) -> tuple[str, access.Access]:
    """Return the agent's key and how Codex reaches the model."""
    if arguments.rehearse:
        return "rehearsal", access.OwnAccess()
    way = access.choose_access(
        # Codex's own login is good for OpenAI only; its key may be meant for another endpoint.
        key=settings.api_key or home.login_key,
        base_url=settings.base_url,
        config=home.config,
        has_login=home.has_login,
    )
    key = settings.api_key or home.login_key
    if key is None:
        raise CredentialsError(
            "Codex can reach its model, but the agent has no key for its own: a ChatGPT login "
            "serves Codex alone; set OPENAI_API_KEY (in the environment or in .env), or point "
            "CODEX_HOME at a home where `codexmcp codex login --with-api-key` was run, or try "
            "--rehearse"
        )
    return key, way


def _prepare_folder(folder: Path, sandbox: str) -> Path:
    """Return the absolute path of Codex's folder, made if need be and proven writable."""
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
