"""Options of several commands."""

from __future__ import annotations

from pathlib import Path

from codexmcp.command_line import flag, option, repeated
from codexmcp.data_classes import dataclass

SANDBOX_MODES = ("read-only", "workspace-write", "danger-full-access")
_CONTAINER = "Codex in a container (Linux)"


@dataclass(frozen=True, kw_only=True)
class PassedOnOptions:
    """The arguments of another program, unread."""

    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OutputFlags:
    """Output for a program, and the log."""

    json: bool = flag("print JSON for a program")
    debug: bool = flag("log in detail, show tracebacks")


@dataclass(frozen=True, kw_only=True)
class WritingFlags(OutputFlags):
    """Changes of files."""

    dry_run: bool = flag("print the changes as a diff, and write nothing")


@dataclass(frozen=True, kw_only=True)
class LaunchFlags:
    """Configuration of Codex itself, and its model."""

    config: tuple[str, ...] = repeated(
        "override a setting of config.toml", "KEY=VALUE", short="-c", group="Codex"
    )
    enable: tuple[str, ...] = repeated("enable a feature", "FEATURE", group="Codex")
    disable: tuple[str, ...] = repeated("disable a feature", "FEATURE", group="Codex")
    strict_config: bool = flag("refuse unknown settings", group="Codex")
    model_endpoint: str | None = option(
        "reach the model at URL, a Responses API that needs no key", "URL", group="Codex"
    )


@dataclass(frozen=True, kw_only=True)
class CodexFlags(LaunchFlags):
    """The options of Codex with its container.

    The order of the fields is the order of the words for a supervisor, a part of its address.
    """

    in_container: str | None = option(
        "run Codex in a container of this image of codexmcp", "IMAGE", group=_CONTAINER
    )
    workspace: Path | None = option(
        "the only folder of this machine in the container, and the working directory; default: "
        "--cwd, or here",
        "DIR",
        parse=Path,
        group=_CONTAINER,
    )
    container_engine: str | None = option(
        "default: the first of them on PATH", choices=("docker", "podman"), group=_CONTAINER
    )
    allow_credentials: bool = flag(
        "accept a workspace that is a home or holds credentials, such as .ssh or .aws",
        group=_CONTAINER,
    )


@dataclass(frozen=True, kw_only=True)
class PolicyFlags:
    """The policy for all calls or runs of a client."""

    sandbox: str | None = option("the only sandbox mode", choices=SANDBOX_MODES)
    approval_policy: str | None = option(
        "with on-request a client that approves a command lets it out of the sandbox",
        choices=("on-request", "never"),
    )
    cwd: Path | None = option("work in DIR or below", "DIR", parse=Path)
    model: str | None = option("the only model", "NAME")
    deny_read: tuple[Path, ...] = repeated(
        "hide FILE from commands in the sandboxed modes; may be given several times",
        "FILE",
        parse=Path,
    )
    allow_git: bool = flag(
        "let commands in workspace-write commit: they may write to .git, but for hooks and "
        "settings; see SECURITY.md"
    )
