"""The extension's tools with the real npm and a stand-in for VS Code's command."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.extension.tools import extension_tools
from codexmcp.workspace.tool import Scope
from tests.support.node import NODE, NPM
from tests.support.processes import processes_of, until
from tests.support.tool_answers import fitting


class Extension:
    """An extension's folder, and programs to work on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "ext ension"
        self.folder.mkdir()
        self.home = folder / "home"
        self.home.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "node").symlink_to(NODE)
        self.program("npm", f'exec "{NPM[0]}" "{NPM[1]}" "$@"')
        self.log = folder / "code.log"
        self.program("code", f'printf "%s\\n" "$@" > "{self.log}"; echo was installed')
        self.env = {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "OPENAI_API_KEY": "sk-secret",
        }

    def program(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def scripts(self, **scripts: str) -> None:
        manifest = {"name": "ext", "version": "1.0.0", "scripts": scripts}
        (self.folder / "package.json").write_text(json.dumps(manifest))

    async def call(self, name: str, **options: Any) -> Any:
        made = extension_tools(self.folder, **{"env": self.env, **options})
        (tool,) = [tool for tool in made if tool.name == f"agentOS_ext_{name}"]
        return fitting(tool.name, await tool.run({}))


@pytest.fixture
def extension(tmp_path: Path) -> Extension:
    return Extension(tmp_path)


async def test_it_is_compiled_without_our_secrets(extension: Extension) -> None:
    extension.scripts(compile="echo compiled; echo key=$OPENAI_API_KEY; echo odd >&2")

    answer = await extension.call("compile")

    assert answer["exitCode"] == 0
    assert "\ncompiled\nkey=\n" in answer["output"]
    assert answer["output"].endswith("odd")
    assert answer["outputIsCut"] is False


async def test_a_failure_tells_the_exit_code_and_the_last_output(extension: Extension) -> None:
    extension.scripts(compile="echo 'a.ts(1,1): error TS1: no'; exit 2")

    with pytest.raises(WorkspaceError, match=r"failed with exit code 2; (.|\n)*error TS1: no"):
        await extension.call("compile")


async def test_long_output_is_cut_at_its_beginning(extension: Extension) -> None:
    extension.scripts(compile='node -e \'console.log("x".repeat(1e6)); console.log("last")\'')

    answer = await extension.call("compile")

    assert answer["outputIsCut"] is True
    assert answer["output"].endswith("x\nlast")
    assert len(answer["output"]) <= 16 * 1024


async def test_it_is_packaged_and_the_newest_package_installed(extension: Extension) -> None:
    (extension.folder / "ext-0.9.0.vsix").write_text("old")
    extension.scripts(package="echo new > ext-1.0.0.vsix")

    packaged = await extension.call("package")
    installed = await extension.call("install")

    assert (packaged["vsix"], packaged["sizeBytes"]) == ("ext-1.0.0.vsix", 4)
    assert installed["installed"] == "ext-1.0.0.vsix"
    assert "was installed" in installed["output"]
    package = extension.folder / "ext-1.0.0.vsix"
    assert extension.log.read_text() == f"--install-extension\n{package}\n--force\n"


async def test_packaging_that_makes_nothing_is_a_failure(extension: Extension) -> None:
    (extension.folder / "ext-0.9.0.vsix").write_text("old")
    extension.scripts(package="echo done")

    with pytest.raises(WorkspaceError, match=r"made no \.vsix file"):
        await extension.call("package")


async def test_a_script_that_does_not_end_is_ended_with_its_children(extension: Extension) -> None:
    extension.scripts(compile="sleep 60 & sleep 60")

    with pytest.raises(WorkspaceError, match=r"took longer than 1 s and was ended"):
        await extension.call("compile", timeout_s=1.0)

    await until(lambda: not processes_of(extension.home, "HOME"), "npm and its script have ended")


async def test_calls_wait_for_each_other(extension: Extension) -> None:
    # mkdir fails for whoever comes while another is at work.
    extension.scripts(compile="mkdir at-work && sleep 0.2 && rmdir at-work")
    tools = extension_tools(extension.folder, extension.env)

    answers = await asyncio.gather(*(tools[0].run({}) for _ in range(3)))

    assert [answer["exitCode"] for answer in answers] == [0, 0, 0]


async def test_what_is_missing_is_told_with_its_remedy(extension: Extension) -> None:
    with pytest.raises(WorkspaceError, match=r"no package\.json"):
        await extension.call("compile")
    extension.scripts(compile="true")
    with pytest.raises(WorkspaceError, match="no script 'package' "):
        await extension.call("package")
    with pytest.raises(WorkspaceError, match="call agentOS_ext_package first"):
        await extension.call("install")
    (extension.folder / "a.vsix").touch()
    with pytest.raises(WorkspaceError, match=r"no-code is not on the server's PATH .* install VS"):
        await extension.call("install", code="no-code")
    bare = {**extension.env, "PATH": str(extension.home)}
    with pytest.raises(WorkspaceError, match=r"npm is not on the server's PATH .* install Node"):
        await extension.call("compile", env=bare)
    shutil.rmtree(extension.folder)
    for name in ("compile", "package", "install"):
        with pytest.raises(WorkspaceError, match="AGENTOS_EXTENSION_DIR"):
            await extension.call(name)


def test_the_tools_need_the_right_to_write_and_take_no_arguments(extension: Extension) -> None:
    tools = extension_tools(extension.folder, extension.env)

    assert [tool.name for tool in tools] == [
        "agentOS_ext_compile",
        "agentOS_ext_package",
        "agentOS_ext_install",
    ]
    assert {tool.scope for tool in tools} == {Scope.WRITE}
    assert all(tool.schema["properties"] == {} for tool in tools)


async def test_a_server_without_an_extension_says_so_and_runs_nothing() -> None:
    tools = extension_tools(None, {})
    assert len(tools) == 3
    for tool in tools:
        with pytest.raises(WorkspaceError, match="has no editor extension"):
            await tool.run({})
