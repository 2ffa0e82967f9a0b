"""Files that start programs as soon as their owner opens the folder, a shell or an editor.

Pure. Write access over HTTP must not grant execution of programs outside the sandbox.

Source: the documentation of the named programs.
"""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Sequence

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.locations import Location

_FOLDERS = frozenset(
    {
        # Agents and editors: MCP servers, hooks, tasks, skills.
        *(".agents", ".amazonq", ".claude", ".codex", ".continue", ".crush", ".cursor"),
        *(".devcontainer", ".emacs.d", ".factory", ".gemini", ".helix", ".idea", ".idx", ".junie"),
        *(".kilocode", ".kiro", ".opencode", ".qwen", ".roo", ".trae", ".vim", ".vscode"),
        *(".windsurf", ".zed"),
        # Git hooks in the work tree.
        *(".githooks", ".husky"),
        # Other version control systems: hooks in their settings.
        *(".hg", ".jj"),
        # Build tools started by editors.
        *(".cargo", ".mvn", ".yarn"),
        # Continuous integration.
        *(".azure-pipelines", ".buildkite", ".builds", ".circleci", ".semaphore", ".tekton"),
        ".woodpecker",
        # A user's own.
        *(".gnupg", ".ssh"),
    }
)
_PATHS = (
    (".github", "workflows"),
    (".github", "actions"),
    (".gitea", "workflows"),
    (".forgejo", "workflows"),
    (".config", "autostart"),
    (".config", "environment.d"),
    (".config", "fish"),
    (".config", "git"),
    (".config", "helix"),
    (".config", "hg"),
    (".config", "hypr"),
    (".config", "i3"),
    (".config", "jj"),
    (".config", "kitty"),
    (".config", "mise"),
    (".config", "nushell"),
    (".config", "nvim"),
    (".config", "powershell"),
    (".config", "sway"),
    (".config", "systemd"),
    (".config", "tmux"),
    (".config", "wezterm"),
    (".config", "zed"),
    (".docker", "cli-plugins"),
    (".docker", "config.json"),
    (".ipython", "profile_default"),
    (".julia", "config"),
    (".local", "bin"),
    (".local", "share", "applications"),
    (".local", "share", "systemd"),
    (".mise", "config.toml"),
    ("mise", "config.toml"),
    ("library", "launchagents"),
)
_FILES = frozenset(
    {
        # Agents and editors.
        *(".aider.conf.yml", ".claude.json", ".crush.json", ".devcontainer.json"),
        *(".dir-locals.el", ".dir-locals-2.el", ".emacs", ".exrc", ".gitpod.yml", ".gvimrc"),
        *(".lazy.lua", ".mcp.json", ".nvim.lua", ".nvimrc", ".replit", ".vimrc", "_exrc"),
        *("_vimrc", "crush.json", "opencode.json", "opencode.jsonc"),
        # Shells, sessions and hooks on a change of the folder.
        *(".bash_aliases", ".bash_login", ".bash_logout", ".bash_profile", ".bashrc", ".cshrc"),
        *(".envrc", ".kshrc", ".login", ".logout", ".mkshrc", ".pam_environment", ".profile"),
        *(".autoenv", ".autoenv.zsh", ".autoenv_leave.zsh", ".inputrc", ".lessfilter"),
        *(".screenrc", ".tcshrc", ".tmux.conf", ".wezterm.lua", ".xinitrc", ".xonshrc"),
        *(".xprofile", ".xserverrc", ".xsession", ".xsessionrc", ".zlogin", ".zlogout"),
        *(".zprofile", ".zshenv", ".zshrc", ".mise.local.toml", ".mise.toml", ".rtx.toml"),
        *("mise.local.toml", "mise.toml"),
        # Filters of incoming mail.
        *(".forward", ".procmailrc"),
        # Git, and hooks installed by tools.
        *(".gitconfig", ".hgrc", ".overcommit.yml", ".pre-commit-config.yaml"),
        ".simple-git-hooks.json",
        # Debuggers, interpreters and package managers, at every start.
        *(".gdbinit", ".ghci", ".iex.exs", ".irbrc", ".lldbinit", ".npmrc", ".ocamlinit"),
        *(".pdbrc", ".pdbrc.py", ".perldb", ".pnpmfile.cjs", ".pnpmfile.mjs", ".pryrc"),
        *(".psqlrc", ".pythonstartup", ".rprofile", ".sbclrc", ".sqliterc", ".yarnrc"),
        *(".yarnrc.yml", "bunfig.toml", "sitecustomize.py", "usercustomize.py"),
        # Continuous integration.
        *(".appveyor.yml", "appveyor.yml", ".build.yml", ".cirrus.star", ".cirrus.yml"),
        *(".drone.jsonnet", ".drone.star", ".drone.yaml", ".drone.yml", ".gitlab-ci.yml"),
        *(".travis.yml", ".woodpecker.yaml", ".woodpecker.yml", "azure-pipelines.yaml"),
        *("azure-pipelines.yml", "bitbucket-pipelines.yml", "buildspec.yml", "circle.yml"),
        *("cloudbuild.yaml", "cloudbuild.yml", "codemagic.yaml", "jenkinsfile"),
        # Windows.
        *("autorun.inf", "microsoft.powershell_profile.ps1", "profile.ps1"),
    }
)
_PATTERNS = (
    # Of VS Code, with tasks; of a desktop; of a virtual environment, at every start of Python.
    *("*.code-workspace", "*.desktop", "*.pth"),
    # Names of one tool in many spellings.
    *("lefthook*.*", ".lefthook*.*", ".mise.*.toml", "mise.*.toml"),
)
_RECORDS = (".codex", "codex-mcp")
"""A project's folder for the audit files of its runs."""


def refuse_startup_file(place: Location, *, allowed: bool) -> None:
    """Refuse to write a file that starts programs, or a record of runs.

    Args:
        place: The file.
        allowed: Permit files that start programs.

    Raises:
        WorkspaceError: The file is refused.
    """
    root = [_folded(name) for name in place.root.path.split("/") if name]
    names = [*root, *map(_folded, place.names)]
    if _has_path(names, len(root), _RECORDS):
        raise WorkspaceError(
            f"{place} belongs to the records of runs, and nothing is written there; choose another "
            "place"
        )
    if not allowed and starts_programs(names, len(root)):
        raise WorkspaceError(
            f"{place} is refused: programs such as shells, editors, agents and CI run what is in "
            "it, outside of every sandbox. Write it by hand, or have the server started with "
            "--allow-startup-files"
        )


def starts_programs(names: Sequence[str], given: int = 0) -> bool:
    """Return True for a file that starts programs.

    Args:
        names: The names of the path, folded.
        given: The number of leading names from the server's owner; alone they do not count.
    """
    return (
        not _FOLDERS.isdisjoint(names[given:])
        or names[-1] in _FILES
        or any(fnmatch.fnmatchcase(names[-1], pattern) for pattern in _PATTERNS)
        or any(_has_path(names, given, path) for path in _PATHS)
    )


def _has_path(names: Sequence[str], given: int, path: Sequence[str]) -> bool:
    last_start = len(names) - len(path)
    return any(
        tuple(names[start : start + len(path)]) == tuple(path)
        for start in range(max(0, given - len(path) + 1), last_start + 1)
    )


def _folded(name: str) -> str:
    """Return a name as seen by Windows or a case-insensitive file system."""
    visible = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    folded = unicodedata.normalize("NFKC", visible).casefold()
    return folded.partition(":")[0].rstrip(". ") or folded
