"""The tools to compile, package and install the server owner's VS Code extension.

The folder comes from the server's configuration, never from arguments. The tools run scripts from
the folder's package.json, so write access to the folder means execution of programs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from codexmcp.errors import WorkspaceError
from codexmcp.mcp_tools import FLAG, INTEGER, TEXT, Schema, changes, record
from codexmcp.workspace.commands import (
    ChildCommand,
    CommandResult,
    find_program,
    passed_environment,
    run,
    safe_path,
)
from codexmcp.workspace.extension.files import (
    Package,
    code_program,
    expect_script,
    install_arguments,
    new_package,
    packages,
)
from codexmcp.workspace.threads import EXTENSION
from codexmcp.workspace.tool import Scope, WorkspaceTool

MAX_OUTPUT_BYTES = 16 * 1024
_MAX_MANIFEST_BYTES = 4 * 1024 * 1024
_NEEDED = frozenset(
    [
        "ASDF_DIR",
        "DISPLAY",
        "FNM_DIR",
        "MISE_DATA_DIR",
        "NODE_PATH",
        "NVM_DIR",
        "VOLTA_HOME",
        "VSCODE_IPC_HOOK_CLI",
        "WAYLAND_DISPLAY",
        "WSL_DISTRO_NAME",
        "WSL_INTEROP",
    ]
)
_WORK: dict[str, Schema] = {"exitCode": INTEGER, "output": TEXT, "outputIsCut": FLAG}
_QUIET = {"NO_COLOR": "1", "npm_config_update_notifier": "false", "npm_config_fund": "false"}


def extension_tools(
    folder: Path | None,
    env: Mapping[str, str],
    *,
    code: str | None = None,
    timeout_s: float = 300.0,
) -> tuple[WorkspaceTool, ...]:
    """Return the tools.

    Args:
        folder: The extension's folder, absolute. With None the tools report the missing setting: a
            default could be a folder with write access for a client, and the tools would run its
            contents.
        env: The server's environment; programs get a small part of it.
        code: VS Code's command; None means the usual command on PATH.
        timeout_s: Bound on a call, in seconds. Clients may give up earlier: Codex after
            `tool_timeout_sec`, 60 by default.
    """
    if folder is None:
        extension: _Extension | _NoExtension = _NoExtension()
    else:
        extension = _Extension(folder, env, code or code_program(os.name), timeout_s)
    return (
        _tool(
            "compile",
            "Compile the VS Code extension (npm run compile). May take minutes.",
            extension.compile,
            "Compile the extension",
            _WORK,
            is_idempotent=True,
        ),
        _tool(
            "package",
            "Package the VS Code extension (npm run package) and name the .vsix file made.",
            extension.package,
            "Package the extension",
            _WORK | {"vsix": TEXT, "sizeBytes": INTEGER},
            is_idempotent=False,
        ),
        _tool(
            "install",
            "Install the newest .vsix file of the extension into VS Code.",
            extension.install,
            "Install the extension",
            _WORK | {"installed": TEXT},
            is_idempotent=True,
        ),
    )


def _tool(
    name: str,
    description: str,
    work: Callable[[], Awaitable[dict[str, Any]]],
    title: str,
    answer: Mapping[str, Schema],
    *,
    is_idempotent: bool,
) -> WorkspaceTool:
    async def call(_arguments: Mapping[str, Any]) -> dict[str, Any]:
        return await work()

    return WorkspaceTool(
        name=f"agentOS_ext_{name}",
        description=description,
        schema={"type": "object", "properties": {}, "additionalProperties": False},
        scope=Scope.WRITE,
        run=call,
        title=title,
        answer=record(answer),
        # The scripts of the extension, and those of npm and VS Code, are programs of any kind.
        hints=changes(destructive=True, idempotent=is_idempotent, open_world=True),
    )


class _NoExtension:
    async def missing(self) -> dict[str, Any]:
        raise WorkspaceError(
            "this server has no editor extension; have its owner name the folder of one by "
            "--extension or in AGENTOS_EXTENSION_DIR"
        )

    compile = package = install = missing


class _Extension:
    """The extension, with a single call at a time."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], code: str, timeout_s: float
    ) -> None:
        self._folder = folder
        self._code = code
        self._timeout_s = timeout_s
        env = passed_environment(environ, _NEEDED)
        self._env = {**env, **_QUIET, "PATH": safe_path(env["PATH"], [])}
        self._turn = asyncio.Lock()

    async def compile(self) -> dict[str, Any]:
        async with self._turn:
            return _told(await self._npm("compile"))

    async def package(self) -> dict[str, Any]:
        async with self._turn:
            before = await self._packages()
            ended = await self._npm("package")
            made = new_package(before, await self._packages())
        if made is None:
            raise WorkspaceError(
                f"`npm run package` ended well but made no .vsix file in {self._folder}; let the "
                f"script write it there, as vsce does. Its last output:\n{_output(ended)}"
            )
        return {"vsix": made.name, "sizeBytes": made.size_bytes, **_told(ended)}

    async def install(self) -> dict[str, Any]:
        async with self._turn:
            found = await self._packages()
            if not found:
                raise WorkspaceError(
                    f"there is no .vsix file in {self._folder}; call agentOS_ext_package first"
                )
            words = install_arguments(self._folder / found[0].name, os.name)
            remedy = "install VS Code's command (`Shell Command: Install 'code' command in PATH`)"
            ended = await self._run(self._code, words, remedy)
        return {"installed": found[0].name, **_told(ended)}

    async def _npm(self, script: str) -> CommandResult:
        manifest = await EXTENSION.run(_manifest, self._folder)
        expect_script(manifest, script, self._folder)
        return await self._run("npm", ["run", script], "install Node.js with npm")

    async def _run(self, name: str, words: list[str], remedy: str) -> CommandResult:
        program = find_program(name, self._env["PATH"])
        if program is None:
            raise WorkspaceError(
                f"{name} is not on the server's PATH ({self._env['PATH']}); {remedy}, or start "
                "the server with a PATH that has it"
            )
        command = ChildCommand(
            [program, *words],
            str(self._folder),
            self._env,
            max_bytes=MAX_OUTPUT_BYTES,
            keeps_tail=True,
        )
        told = " ".join([name, *words])
        try:
            async with asyncio.timeout(self._timeout_s):
                ended = await run(command)
        except TimeoutError:
            raise WorkspaceError(
                f"`{told}` in {self._folder} took longer than {self._timeout_s:g} s and was "
                "ended; see whether it watches for changes or waits for an answer"
            ) from None
        if ended.code != 0:
            raise WorkspaceError(
                f"`{told}` in {self._folder} failed with exit code {ended.code}; its last "
                f"output:\n{_output(ended)}"
            )
        return ended

    async def _packages(self) -> list[Package]:
        try:
            return await EXTENSION.run(packages, self._folder)
        except OSError as error:
            raise _no_folder(self._folder, error) from None


def _manifest(folder: Path) -> bytes:
    try:
        with (folder / "package.json").open("rb") as file:
            return file.read(_MAX_MANIFEST_BYTES)
    except FileNotFoundError as error:
        if folder.is_dir():
            raise WorkspaceError(
                f"{folder} has no package.json, so it is not an extension; have the server's owner "
                "name the right folder in AGENTOS_EXTENSION_DIR"
            ) from None
        raise _no_folder(folder, error) from None
    except OSError as error:
        raise _no_folder(folder, error) from None


def _no_folder(folder: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"the extension's folder {folder} cannot be used: {error.strerror}; have the server's "
        "owner name the right one in AGENTOS_EXTENSION_DIR"
    )


def _told(ended: CommandResult) -> dict[str, Any]:
    return {"exitCode": ended.code, "output": _output(ended), "outputIsCut": ended.is_cut}


def _output(ended: CommandResult) -> str:
    """Return the end of a program's output, errors last."""
    parts = [ended.out.decode(errors="replace").strip(), ended.err.strip()]
    return "\n".join(part for part in parts if part)
