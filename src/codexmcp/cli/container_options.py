"""What `codexmcp mcp-server --in-container` runs Codex in, from its arguments and this machine."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from codexmcp.appserver import container
from codexmcp.appserver.container import ContainerOptions, hidden_by
from codexmcp.cli import client_options
from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.server.codex import CodexOptions

_ENGINES = ("docker", "podman")
_APPARMOR = Path("/sys/module/apparmor/parameters/enabled")


def container_options(arguments: argparse.Namespace, codex: CodexOptions) -> ContainerOptions:
    """Return what to run Codex in.

    Args:
        arguments: Those of the command. Their `cwd` is fixed to what the container sees.
        codex: How Codex would be run here.

    Raises:
        ConfigurationError: There is no engine.
        UsageError: The arguments ask for what a container does not have.
    """
    _check(arguments, codex)
    engine = _engine(arguments.container_engine)
    workspace = _workspace(arguments)
    return ContainerOptions(
        engine=engine,
        image=arguments.in_container,
        workspace=workspace,
        user=f"{os.geteuid()}:{os.getegid()}",
        seccomp=Path(container.__file__).with_name("seccomp.json"),
        endpoint=arguments.model_endpoint,
        probes_sandbox=arguments.sandbox != "danger-full-access",
        frees_mounts=_APPARMOR.exists() and _APPARMOR.read_text(encoding="ascii")[:1] == "Y",
        keeps_user=engine.name == "podman" and os.geteuid() != 0,
    )


def _check(arguments: argparse.Namespace, codex: CodexOptions) -> None:
    if client_options.RUN_TOOLS in client_options.tool_groups(arguments):
        raise UsageError(
            "--in-container has the tools codex and codex-reply only: threads end with their "
            "container, and runs outlive it; leave --tools out"
        )
    if arguments.profile is not None:
        raise UsageError(
            "--profile names a file of the Codex home, which the container does not see; give its "
            "settings by -c"
        )
    if arguments.model_endpoint is None and codex.proxy is None:
        raise UsageError(
            "--in-container needs a key for the model (OPENAI_API_KEY, OPENAI_API_KEY_FILE) or "
            "--model-endpoint: a login and a provider of the Codex home stay outside of the "
            "container"
        )
    if arguments.model_endpoint is not None and not arguments.model_endpoint.startswith("http://"):
        raise UsageError(
            f"--model-endpoint {arguments.model_endpoint} cannot be led into a container, because "
            "its certificate names another host; give one that begins with http://, or a key and "
            "OPENAI_BASE_URL"
        )


def _engine(named: str | None) -> Path:
    for name in (named,) if named else _ENGINES:
        found = shutil.which(name)
        if found is not None:
            return Path(found).absolute()
    raise ConfigurationError(
        f"--in-container needs {named or 'docker or podman'}, which is not on PATH; install it, or "
        "name another by --container-engine"
    )


def _workspace(arguments: argparse.Namespace) -> Path:
    """Return the folder that the container sees, and have every call work in it or below."""
    asked = arguments.workspace or arguments.cwd or Path.cwd()
    # The same path holds outside and inside, so it must not lead through links.
    workspace = Path(os.path.realpath(asked))
    if not workspace.is_dir():
        raise UsageError(f"--workspace {asked} is not a folder; create it or name another")
    if (hidden := hidden_by(workspace)) is not None:
        raise UsageError(
            f"--workspace {workspace} cannot be mounted: it would hide {hidden} of the image; name "
            "a folder with your project only"
        )
    cwd = Path(os.path.realpath(arguments.cwd or workspace))
    if not cwd.is_relative_to(workspace):
        raise UsageError(f"--cwd {arguments.cwd} is not in --workspace {workspace}; name one there")
    arguments.cwd = cwd
    return workspace
