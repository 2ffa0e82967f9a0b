"""The container of `--in-container`, from the options and this machine."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from codexmcp.cli.container_location import conversations_name, engine_of
from codexmcp.cli.options.mcp_server import ClientPolicyFlags
from codexmcp.cli.options.parts import CodexFlags, PolicyFlags
from codexmcp.codex.config import default_home
from codexmcp.codex.container import options as container
from codexmcp.codex.container.home import FOLDER_NAME
from codexmcp.codex.container.options import ContainerOptions, hidden_by
from codexmcp.codex.options import CodexOptions
from codexmcp.data_classes import replace
from codexmcp.errors import CredentialsError, UsageError
from codexmcp.settings import Settings, agentos_folder
from codexmcp.supervisor.directory import pointer_dir

CREDENTIALS = (
    *(".ssh", ".gnupg", ".password-store", ".aws", ".azure", ".config/gcloud", ".kube"),
    *(".docker/config.json", ".config/gh", ".config/op", ".netrc", ".git-credentials", ".pypirc"),
    *(".vault-token", ".terraform.d", ".agentos", ".codex/auth.json", ".claude/.credentials.json"),
)
"""Paths of credentials, as a rule below a user's home."""

_APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
_FULL_ACCESS = "danger-full-access"


def container_options(
    flags: CodexFlags,
    settings: Settings,
    codex: CodexOptions,
    policy: PolicyFlags,
    *,
    keeps: bool,
) -> ContainerOptions:
    """Return the container for Codex.

    Args:
        flags: The options of Codex, located and with an image.
        settings: The settings.
        codex: The launch of Codex on this machine.
        policy: The policy of the client, or of clients over HTTP.
        keeps: Threads outlive the container, as with runs.

    Raises:
        ConfigurationError: There is no engine, or no key for the model.
        UsageError: A container cannot have one of the options.
    """
    assert flags.in_container is not None
    assert flags.workspace is not None
    _check(flags, codex)
    engine = engine_of(flags)
    workspace = flags.workspace
    _check_workspace(workspace, settings, allow_credentials=flags.allow_credentials)
    return ContainerOptions(
        engine=engine,
        image=flags.in_container,
        workspace=workspace,
        user=f"{os.geteuid()}:{os.getegid()}",
        seccomp=Path(container.__file__).with_name("seccomp.json"),
        home=home_of(workspace, settings) if keeps else None,
        masked=_masked(workspace, settings),
        endpoint=flags.model_endpoint,
        probes_sandbox=not _is_sandbox(flags, policy),
        frees_mounts=_APPARMOR.exists() and _APPARMOR.read_text(encoding="ascii")[:1] == "Y",
        keeps_user=engine.name == "podman" and os.geteuid() != 0,
    )


def home_of(workspace: Path, settings: Settings) -> Path:
    """Return the Codex home of the containers of a workspace, without symbolic links."""
    homes = Path(os.path.realpath(pointer_dir(settings, os.environ))) / FOLDER_NAME
    return homes / conversations_name(workspace)


def contained_policy(flags: ClientPolicyFlags, workspace: Path) -> ClientPolicyFlags:
    """Return the policy with every call in the workspace or below.

    Raises:
        UsageError: The policy names another folder, or a profile.
    """
    if flags.profile is not None:
        raise UsageError(
            "--profile names a file of the Codex home, which the container does not see; give its "
            "settings by -c"
        )
    cwd = Path(os.path.realpath(flags.cwd or workspace))
    if not cwd.is_relative_to(workspace):
        raise UsageError(f"--cwd {flags.cwd} is not in --workspace {workspace}; name one there")
    return replace(flags, cwd=cwd)


def _check(flags: CodexFlags, codex: CodexOptions) -> None:
    if flags.model_endpoint is None and codex.proxy is None:
        raise CredentialsError(
            "--in-container needs a key for the model (OPENAI_API_KEY, OPENAI_API_KEY_FILE) or "
            "--model-endpoint: a login and a provider of the Codex home stay outside of the "
            "container"
        )
    if flags.model_endpoint is not None and not flags.model_endpoint.startswith("http://"):
        raise UsageError(
            f"--model-endpoint {flags.model_endpoint} cannot be led into a container, because "
            "its certificate names another host; give one that begins with http://, or a key and "
            "OPENAI_BASE_URL"
        )


def _check_workspace(workspace: Path, settings: Settings, *, allow_credentials: bool) -> None:
    if not workspace.is_dir():
        raise UsageError(f"--workspace {workspace} is not a folder; create it or name another")
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
    held = _credentials_in(workspace)
    if held is not None and not allow_credentials:
        raise UsageError(
            f"--workspace {workspace} holds credentials ({held}), which commands in the container "
            "could read and change; name a folder with your project only, or add "
            "--allow-credentials"
        )


def _credentials_in(workspace: Path) -> Path | None:
    """Return a path with credentials in a workspace; None without one.

    A home counts as a whole, because its credentials differ from machine to machine.
    """
    homes = {Path.home(), Path(pwd.getpwuid(os.geteuid()).pw_dir)}
    own = (*(Path(os.path.realpath(home)) for home in homes), agentos_folder(os.environ))
    # A service's user may have `/` or a folder that is not there.
    for path in filter(Path.is_dir, own):
        if path.is_relative_to(workspace) and path != Path("/"):
            return path
    return next((path for name in CREDENTIALS if (path := workspace / name).exists()), None)


def _masked(workspace: Path, settings: Settings) -> tuple[Path, ...]:
    """Return the hidden folders of the workspace: the Codex home with its login."""
    home = _own_home(settings)
    return (home,) if home.is_relative_to(workspace) else ()


def _own_home(settings: Settings) -> Path:
    return Path(os.path.realpath(settings.codex_home or default_home()))


def _is_sandbox(flags: CodexFlags, policy: PolicyFlags) -> bool:
    """Return whether the container alone is the sandbox."""
    if policy.sandbox == _FULL_ACCESS:
        return True
    settings = [setting.partition("=") for setting in flags.config]
    modes = [value for name, _, value in settings if name.strip() == "sandbox_mode"]
    return bool(modes) and modes[-1].strip().strip("\"'") == _FULL_ACCESS
