"""What is fixed when the server starts, no argument can widen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from codexmcp.codex.threads import MAX_LOADED
from codexmcp.rehearsal.conversation import text_of as output_text
from codexmcp.testing import Rehearse, ScriptedModel, ShellCall, Step, Text
from tests.support.mcp_server import (
    call,
    configure,
    mcp_server,
    text_of,
    thread_of,
)
from tests.support.supervision import Station


def outputs(model: ScriptedModel) -> str:
    """Return what the model was told of its commands."""
    items = model.requests[-1].body["input"]
    return "\n".join(output_text(item["output"]) for item in items if "output" in item)


async def test_arguments_that_ask_for_more_are_refused(codex_home: Path, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to("/")
    asked: list[dict[str, Any]] = [
        {"sandbox": "danger-full-access"},
        {"approval_policy": "on-request"},
        {"cwd": str(tmp_path)},
        {"cwd": ".."},
        {"cwd": "link"},
        {"model": "other"},
        {"profile": "wide"},
        {"config": {"sandbox_mode": "danger-full-access"}},
        {"config": {"sandbox_workspace_write.network_access": True}},
        {"config": {"mcp_servers": {"x": {"command": "touch", "args": ["/tmp/x"]}}}},
        {"config": {"notify": ["touch", "/tmp/x"]}},
        {"images": ["../secret.png"]},
    ]
    flags = ["--sandbox", "workspace-write", "--approval-policy", "never", "--model", "the-one"]
    async with ScriptedModel() as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path, *flags, "--cwd", str(inside)) as client:
            for number, arguments in enumerate(asked):
                result = await call(client, number, prompt="x", **arguments)
                assert result["isError"], arguments
                assert "refused" in text_of(result), arguments
        assert model.request_count == 0


async def test_arguments_that_ask_for_less_are_taken(codex_home: Path, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    async with ScriptedModel([ShellCall("pwd; touch made"), Text("done")]) as model:
        configure(codex_home, model)
        flags = ["--sandbox", "workspace-write", "--cwd", str(tmp_path)]
        async with mcp_server(codex_home, tmp_path, *flags) as client:
            result = await call(client, 1, prompt="x", sandbox="read-only", cwd="below")
            assert "isError" not in result
            assert str(tmp_path / "below") in outputs(model)
            assert "Read-only file system" in outputs(model)


async def test_a_thread_from_elsewhere_is_not_continued(codex_home: Path, tmp_path: Path) -> None:
    async with ScriptedModel([Text("hello")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            made = await call(client, 1, prompt="x", sandbox="danger-full-access", cwd="/")
        async with mcp_server(codex_home, tmp_path, "--cwd", str(tmp_path)) as client:
            reply = await call(client, 1, "codex-reply", prompt="y", threadId=thread_of(made))
            assert reply["isError"]
            assert "outside of --cwd" in text_of(reply)
        assert model.request_count == 1


@pytest.mark.parametrize(
    ("made_with", "fixed"), [("danger-full-access", "read-only"), ("read-only", "workspace-write")]
)
async def test_a_thread_is_resumed_within_its_own_limits_and_the_fixed_ones(
    codex_home: Path, tmp_path: Path, made_with: str, fixed: str
) -> None:
    script: list[Step] = [Text("hello"), ShellCall("touch made; pwd"), Text("done")]
    async with ScriptedModel(script) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            made = await call(client, 1, prompt="x", sandbox=made_with, cwd=str(tmp_path))
        flags = ["--sandbox", fixed, "--approval-policy", "never", "--cwd", str(tmp_path)]
        async with mcp_server(codex_home, tmp_path, *flags) as client:
            await call(client, 1, "codex-reply", prompt="y", threadId=thread_of(made))
        assert "Read-only file system" in outputs(model)
        assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("flags", [(), ("--strict-compat",)])
@pytest.mark.parametrize("sandbox", ["read-only", "workspace-write"])
async def test_a_thread_keeps_its_settings_when_it_was_unloaded(
    codex_home: Path, tmp_path: Path, sandbox: str, flags: tuple[str, ...]
) -> None:
    (tmp_path / "below").mkdir()
    others: list[Step] = [Text("other")] * (MAX_LOADED + 2)
    script: list[Step] = [Text("one"), *others, ShellCall("touch made; pwd"), Text("done")]
    async with ScriptedModel(script) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path, *flags) as client:
            arguments = {"sandbox": sandbox, "cwd": "below", "developer_instructions": "Be brief."}
            first = await call(client, 0, prompt="x", **arguments)
            for number in range(1, MAX_LOADED + 3):
                await call(client, number, prompt="x")
            reply = await call(client, 99, "codex-reply", prompt="y", threadId=thread_of(first))
            assert text_of(reply) == "done"
        assert (tmp_path / "below" / "made").exists() is (sandbox == "workspace-write")
        assert str(tmp_path / "below") in outputs(model)
        assert str(model.requests[-1].body["input"]).count("Be brief.") == 1


@pytest.mark.parametrize("sandbox", ["read-only", "workspace-write"])
async def test_hidden_files_cannot_be_read_by_commands(
    codex_home: Path, tmp_path: Path, sandbox: str
) -> None:
    secret = codex_home / "secret.env"
    secret.write_text("KEY=mark\n")
    script: list[Step] = [ShellCall(f"cat {secret}"), Text("done")] * 2
    async with ScriptedModel(script) as model:
        configure(codex_home, model)
        flags = ["--sandbox", sandbox, "--deny-read", str(secret)]
        async with mcp_server(codex_home, tmp_path, *flags) as client:
            made = await call(client, 1, prompt="x")
        assert "Permission denied" in outputs(model)
        async with mcp_server(codex_home, tmp_path, *flags) as client:
            await call(client, 1, "codex-reply", prompt="y", threadId=thread_of(made))
        assert outputs(model).count("Permission denied") == 2
        assert "mark" not in outputs(model)


@pytest.mark.parametrize("sandbox", [None, "read-only", "workspace-write", "danger-full-access"])
@pytest.mark.parametrize("make", ["git init -q", "mkdir"])
async def test_the_config_of_the_user_stays_as_it_is(
    codex_home: Path, tmp_path: Path, sandbox: str | None, make: str
) -> None:
    project = tmp_path / "a project.v1"
    making = await asyncio.create_subprocess_exec(*make.split(), str(project))
    assert await making.wait() == 0
    async with ScriptedModel([Rehearse()]) as model:
        configure(codex_home, model)
        before = (codex_home / "config.toml").read_bytes()
        async with mcp_server(codex_home, tmp_path) as client:
            arguments = {"sandbox": sandbox} if sandbox else {}
            await call(client, 1, prompt="`pwd`", cwd=str(project), **arguments)
        assert (codex_home / "config.toml").read_bytes() == before


@pytest.mark.parametrize("tool", ["codex", "codex_run"])
@pytest.mark.parametrize("fixed", [("--cwd", "."), ()])
async def test_settings_that_a_command_has_written_start_no_program(
    here: Station, tmp_path: Path, tool: str, fixed: tuple[str, ...]
) -> None:
    started = tmp_path / "started"
    # The project begins here, and so do its settings.
    (here.project / ".git").mkdir()
    with (here.home / "config.toml").open("a") as config:
        config.write(f'[projects."{here.project}"]\ntrust_level = "trusted"\n')
    settings = f'[mcp_servers.x]\ncommand = "touch"\nargs = ["{started}"]\n'
    (here.project / "planted").write_text(settings)
    plant = "mkdir -p sub/.codex && cp planted sub/.codex/config.toml"
    here.model.on("plant", ShellCall(plant), Text("done"))
    flags = ("--sandbox", "workspace-write", "--approval-policy", "never", *fixed)
    asked = {"cwd": "sub", "sandbox": "read-only"}
    async with here.client("--tools", "codex,runs", *flags) as client:
        await client.tool("codex", prompt="plant")
        assert (here.project / "sub" / ".codex" / "config.toml").read_text() == settings
        wait = {} if tool == "codex" else {"wait_ms": 20_000}
        await client.tool(tool, prompt="again", **asked, **wait)
    assert not started.exists()
