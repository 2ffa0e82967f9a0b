"""What `--in-container` runs Codex in, from the arguments and this machine."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from codexmcp.appserver import container
from codexmcp.appserver.container import ContainerOptions, hidden_by
from codexmcp.cli.container_place import conversations_name, engine_of, workspace_of
from codexmcp.errors import UsageError
from codexmcp.home.config import default_home
from codexmcp.home.container_home import FOLDER_NAME
from codexmcp.server.codex import CodexOptions
from codexmcp.settings import Settings
from codexmcp.supervisor.directory import pointer_dir

_APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
_FULL_ACCESS = "danger-full-access"


def container_options(
    arguments: argparse.Namespace, settings: Settings, codex: CodexOptions, *, keeps: bool
) -> ContainerOptions:
    """Return what to run Codex in.

    Args:
        arguments: Those of a command that runs Codex.
        settings: The settings.
        codex: How Codex would be run here.
        keeps: Whether its threads shall outlive the container, as runs do.

    Raises:
        ConfigurationError: There is no engine.
        UsageError: The arguments ask for what a container does not have.
    """
    _check(arguments, codex)
    engine = engine_of(arguments)
    workspace = _workspace(arguments, settings)
    return ContainerOptions(
        engine=engine,
        image=arguments.in_container,
        workspace=workspace,
        user=f"{os.geteuid()}:{os.getegid()}",
        seccomp=Path(container.__file__).with_name("seccomp.json"),
        home=home_of(workspace, settings) if keeps else None,
        masked=_masked(workspace, settings),
        endpoint=arguments.model_endpoint,
        probes_sandbox=not _is_sandbox(arguments),
        frees_mounts=_APPARMOR.exists() and _APPARMOR.read_text(encoding="ascii")[:1] == "Y",
        keeps_user=engine.name == "podman" and os.geteuid() != 0,
    )


def home_of(workspace: Path, settings: Settings) -> Path:
    """Return the Codex home of the containers of a workspace, without symbolic links."""
    homes = Path(os.path.realpath(pointer_dir(settings, os.environ))) / FOLDER_NAME
    return homes / conversations_name(workspace)


def fix_cwd(arguments: argparse.Namespace) -> None:
    """Have every call work in the workspace or below.

    Raises:
        UsageError: Another folder is fixed.
    """
    workspace = workspace_of(arguments)
    cwd = Path(os.path.realpath(arguments.cwd or workspace))
    if not cwd.is_relative_to(workspace):
        raise UsageError(f"--cwd {arguments.cwd} is not in --workspace {workspace}; name one there")
    arguments.cwd = cwd


def _check(arguments: argparse.Namespace, codex: CodexOptions) -> None:
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


def _workspace(arguments: argparse.Namespace, settings: Settings) -> Path:
    asked, workspace = arguments.workspace, workspace_of(arguments)
    if not workspace.is_dir():
        raise UsageError(
            f"--workspace {asked or workspace} is not a folder; create it or name another"
        )
    if (hidden := hidden_by(workspace)) is not None:
        raise UsageError(
            f"--workspace {workspace} cannot be mounted: it would hide {hidden} of the image; name "
            "a folder with your project only"
        )
    if workspace == _own_home(settings):
        raise UsageError(
            f"--workspace {workspace} is the Codex home, whose login would be seen; name a folder "
            "with your project only"
        )
    return workspace


def _masked(workspace: Path, settings: Settings) -> tuple[Path, ...]:
    """Return what of the workspace is not to be seen: the Codex home with its login."""
    home = _own_home(settings)
    return (home,) if home.is_relative_to(workspace) else ()


def _own_home(settings: Settings) -> Path:
    return Path(os.path.realpath(settings.codex_home or default_home()))


def _is_sandbox(arguments: argparse.Namespace) -> bool:
    """Return whether the container alone is to be the sandbox."""
    # `codexmcp serve` fixes no sandbox; its clients do.
    if getattr(arguments, "sandbox", None) == _FULL_ACCESS:
        return True
    settings = [setting.partition("=") for setting in arguments.config]
    modes = [value for name, _, value in settings if name.strip() == "sandbox_mode"]
    return bool(modes) and modes[-1].strip().strip("\"'") == _FULL_ACCESS
