"""The options of `codexmcp sync` and `codexmcp init`."""

from __future__ import annotations

from pathlib import Path

from codexmcp.cli.options.parts import OutputFlags
from codexmcp.command_line import Command, argument, flag, option, part, repeated, toggle
from codexmcp.data_classes import dataclass

TARGETS = ("codex", "claude", "cursor")


@dataclass(frozen=True, kw_only=True)
class InitOptions(OutputFlags):
    """The options of `codexmcp init`."""

    folder: Path = argument("the folder of the new repository", "DIR", parse=Path)


@dataclass(frozen=True, kw_only=True)
class SyncOptions(OutputFlags):
    """The repository, and the clients."""

    repo: Path = option("the repository", "DIR", parse=Path, default=Path())
    target: tuple[str, ...] = repeated(
        "a client; may be given again; default: codex", choices=(*TARGETS, "all")
    )
    home: Path | None = option("the client's folder, for one target", "DIR", parse=Path)


@dataclass(frozen=True, kw_only=True)
class DeployedFlags:
    """The parts of the repository that are deployed."""

    native_memories: bool | None = toggle(
        "put memories into Codex's own memories/ instead of agentos-memories/"
    )
    command_log: bool | None = toggle(
        "have skills report their use to the shared server; on at first"
    )


@dataclass(frozen=True, kw_only=True)
class CheckSyncOptions(SyncOptions):
    """The options of `codexmcp sync check-sync`."""

    deployed: DeployedFlags = part(
        DeployedFlags, "deployed parts; without these options as at the last push"
    )


@dataclass(frozen=True, kw_only=True)
class SyncPushOptions(CheckSyncOptions):
    """The options of `codexmcp sync push-runtime`."""

    dry_run: bool = flag("print the changes as a diff, and write nothing")
    force: bool = flag(
        "replace deployed files that were edited, and files that were there before; a copy is kept "
        "beside each"
    )
    no_check: bool = flag("do not ask the real Codex whether it accepts the configuration")


@dataclass(frozen=True, kw_only=True)
class SyncCleanOptions(SyncPushOptions):
    """The options of `codexmcp sync clean-runtime`."""

    no_redeploy: bool = flag("only remove")


@dataclass(frozen=True, kw_only=True)
class SyncPullOptions(SyncOptions):
    """The options of `codexmcp sync pull-runtime`."""

    dry_run: bool = flag("print the changes as a diff, and write nothing")
    yes: bool = flag("keep the files without asking")
    keep_flagged: bool = flag("keep also files with a possible secret")


COMMANDS = (
    Command(
        name="sync",
        summary="deploy config, memories and skills from a repository to Codex, Claude Code, "
        "Cursor",
        description="Keep the config, memories and skills of Codex, Claude Code and Cursor in one "
        "repository.",
        epilog="""\
examples:
  codexmcp init ~/agentos
  codexmcp sync push-runtime --repo ~/agentos --dry-run
  codexmcp sync push-runtime --repo ~/agentos --target all
  codexmcp sync check-sync --repo ~/agentos --json
  codexmcp sync clean-runtime --no-redeploy

The folders are those that CODEX_HOME and CLAUDE_CONFIG_DIR name, or ~/.codex,
~/.claude and ~/.cursor.
Exit codes: 0 done or in sync, 1 check-sync has found drift, 2 usage, 78 a
conflict: nothing was written, and the message says what to do.
""",
        commands=(
            Command("push-runtime", "deploy the repository", "sync:push_runtime", SyncPushOptions),
            Command(
                "pull-runtime",
                "copy the files of a client to clients/CLIENT/ for a look",
                "sync_pull:pull_runtime",
                SyncPullOptions,
            ),
            Command(
                "clean-runtime",
                "remove deployed files, and deploy them again",
                "sync:clean_runtime",
                SyncCleanOptions,
            ),
            Command(
                "check-sync",
                "report files that a push would change; exit code 1 if there are any",
                "sync:check_sync",
                CheckSyncOptions,
            ),
        ),
    ),
    Command(
        "init",
        "make a repository for `codexmcp sync`",
        "init:make_repository",
        InitOptions,
        description="Make a repository for `codexmcp sync`, with a config fragment, four profiles, "
        "memories and a first skill.",
    ),
)
