"""Files that start programs: which they are, and that no tool writes one unless it is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.paths.locations import Location, Root
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.paths.startup_files import refuse_startup_file
from codexmcp.workspace.tool import Scope
from tests.support.workspace_tools import Tools, fill

STARTS = [
    ".envrc",
    "sub/.envrc",
    ".mcp.json",
    ".vscode/tasks.json",
    ".codex/config.toml",
    ".cursor/mcp.json",
    ".claude/settings.json",
    ".bashrc",
    ".zshenv",
    ".profile",
    ".ssh/authorized_keys",
    ".github/workflows/ci.yml",
    "sub/.github/actions/a/action.yml",
    ".gitlab-ci.yml",
    "Jenkinsfile",
    ".circleci/config.yml",
    ".husky/pre-commit",
    ".pre-commit-config.yaml",
    ".devcontainer/devcontainer.json",
    ".config/systemd/user/a.service",
    ".config/fish/config.fish",
    "Library/LaunchAgents/a.plist",
    ".npmrc",
    "sitecustomize.py",
    ".devcontainer.json",
    "my.code-workspace",
    ".helix/languages.toml",
    ".cargo/config.toml",
    ".hg/hgrc",
    ".autoenv",
    ".mise.local.toml",
    "mise.work.toml",
    ".lefthook-local.json",
    ".Rprofile",
    ".tmux.conf",
    ".forward",
    ".gitpod.yml",
    ".venv/lib/python3.13/site-packages/a.pth",
    ".drone.yaml",
    ".docker/config.json",
    ".local/share/applications/a.desktop",
    # However a file system may take them.
    ".VSCode/tasks.json",
    ".vscode./tasks.json",
    ".vs\u200bcode/tasks.json",
    ".ENVRC",
]
HARMLESS = [
    "package.json",
    "Makefile",
    "src/vscode/tasks.json",
    ".github/CODEOWNERS",
    ".github/ISSUE_TEMPLATE/bug.yml",
    "workflows/ci.yml",
    "docs/.envrc.md",
    ".gitignore",
    ".config/app.toml",
    "bashrc",
    "config/mise.md",
    "docs/lefthook.md/index.html",
    "src/cargo/config.toml",
    "workspace.code",
]
ROOT = Root("/home/me/project", "/home/me/project", is_first=True)


def _place(path: str, root: Root = ROOT) -> Location:
    return Location(root, tuple(path.split("/")))


@pytest.mark.parametrize("path", STARTS)
def test_a_file_that_starts_programs_is_refused_unless_that_is_allowed(path: str) -> None:
    with pytest.raises(WorkspaceError, match="--allow-startup-files"):
        refuse_startup_file(_place(path), allowed=False)
    refuse_startup_file(_place(path), allowed=True)


@pytest.mark.parametrize("path", HARMLESS)
def test_other_files_may_be_written(path: str) -> None:
    refuse_startup_file(_place(path), allowed=False)


def test_folders_that_the_owner_has_named_count_only_as_a_part_of_a_path() -> None:
    opened = Root("/home/me/.github", "/home/me/.github", is_first=True)
    refuse_startup_file(_place("CODEOWNERS", opened), allowed=False)
    with pytest.raises(WorkspaceError, match=r"workflows/ci\.yml is refused"):
        refuse_startup_file(_place("workflows/ci.yml", opened), allowed=False)
    settings = Root("/home/me/.claude", "/home/me/.claude", is_first=True)
    refuse_startup_file(_place("settings.json", settings), allowed=False)


@pytest.mark.parametrize("allowed", [False, True])
def test_records_of_runs_are_never_written(*, allowed: bool) -> None:
    with pytest.raises(WorkspaceError, match="records of runs"):
        refuse_startup_file(_place("sub/.codex/codex-mcp/runs/index.jsonl"), allowed=allowed)


WRITING: dict[str, dict[str, Any]] = {
    "agentOS_fs_write": {"content": "new", "create_parents": True},
    "agentOS_fs_replace": {"old_text": "old", "new_text": "new"},
}
"""All tools that write files of a caller's choice, with what they need beside the path."""


def test_every_tool_that_writes_files_is_in_the_table(tmp_path: Path) -> None:
    tools = file_tools(Roots.parse(str(tmp_path), tmp_path))
    assert {tool.name for tool in tools if tool.scope is Scope.WRITE} == WRITING.keys()


@pytest.mark.parametrize("tool", WRITING)
@pytest.mark.parametrize("path", [".envrc", ".vscode/tasks.json", ".codex/codex-mcp/runs/a.md"])
async def test_no_tool_writes_one(tool: str, path: str, tmp_path: Path) -> None:
    fill(tmp_path, {path: "old"})
    tools = Tools(tmp_path)
    with pytest.raises(WorkspaceError, match=r"--allow-startup-files|records of runs"):
        await tools(tool.removeprefix("agentOS_fs_"), path=path, **WRITING[tool])
    assert (tmp_path / path).read_text() == "old"


async def test_the_owner_of_the_server_may_allow_them(tmp_path: Path) -> None:
    roots = Roots.parse(str(tmp_path), tmp_path, allow_startup_files=True)
    (write,) = (tool for tool in file_tools(roots) if tool.name == "agentOS_fs_write")
    await write.run({"path": ".envrc", "content": "use nix\n"})
    assert (tmp_path / ".envrc").read_text() == "use nix\n"


@pytest.mark.parametrize("path", [".env", "audit/index.jsonl", ".ENV"])
async def test_what_is_withheld_cannot_be_made_either(path: str, tmp_path: Path) -> None:
    tools = Tools(tmp_path, withheld=(tmp_path / ".env", tmp_path / "audit"))
    with pytest.raises(WorkspaceError, match="belongs to the server itself"):
        await tools("write", path=path, content="A=1", create_parents=True)
    assert not (tmp_path / path).exists()
