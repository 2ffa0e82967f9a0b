"""compose.yaml, run for real: a rehearsal, a run against a model, and the supervisor."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from codexmcp.testing import ScriptedModel, ShellCall, Text
from tests.support.builds import CHECKOUT
from tests.support.containers import IMAGE, KEY, Engine
from tests.support.ended import Ended

FILE = CHECKOUT / "compose.yaml"
KEY_FILE = "/run/secrets/openai_api_key"
CLIENT = ("exec", "--no-TTY", "serve", "/app/scripts/entrypoint.sh")


@dataclass(frozen=True)
class Project:
    """A compose project of its own.

    Attributes:
        engine: Whose compose it is.
        name: Its name.
        key_file: The key's file.
        changes: A further compose file, laid over ours.
    """

    engine: Engine
    name: str
    key_file: Path
    changes: Path

    async def call(self, *args: str, stdin: bytes = b"", **env: str) -> Ended:
        """Run a command of compose to its end."""
        files = [f"--file={file}" for file in (FILE, self.changes)]
        given = {"CODEXMCP_IMAGE": IMAGE, "CODEXMCP_KEY_FILE": str(self.key_file), **env}
        variables = self.changes.with_suffix(".env")
        variables.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        named = ["compose", f"--project-name={self.name}", f"--env-file={variables}", *files]
        return await self.engine.call(*named, *args, stdin=stdin)


@pytest.fixture
async def project(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Project]:
    for name in ("OPENAI_BASE_URL", "CODEX_SANDBOX_MODE", "CODEXMCP_MEMORY", "CODEXMCP_CPUS"):
        monkeypatch.delenv(name, raising=False)
    if (await engine.call("compose", "version")).code != 0:
        pytest.skip("this engine has no compose")
    key_file = folder / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o644)
    changes = folder / "changes.yaml"
    # The model listens on this machine's loopback.
    reach = {"network_mode": "host"}
    changes.write_text(yaml.safe_dump({"services": {"run": reach, "serve": reach}}))
    made = Project(engine, f"codexmcp-test-{uuid.uuid4().hex[:12]}", key_file, changes)
    yield made
    down = await made.call("--profile=run", "down", "--volumes", "--timeout=1")
    assert down.code == 0, down.err


async def test_a_rehearsal_needs_neither_key_nor_network(project: Project) -> None:
    project.key_file.unlink()
    ran = await project.call("run", "--rm", "--no-TTY", "rehearse")
    assert ran.code == 0, ran.err
    assert "skill=mcp-skill-smoke" in ran.out


async def test_one_prompt_is_one_run_whose_commands_do_not_see_the_key(project: Project) -> None:
    look = f"cat {KEY_FILE} /proc/[0-9]*/environ; touch seen; true"
    async with ScriptedModel([ShellCall(look), Text("done")], None) as model:
        ran = await project.call(
            "run", "--rm", "--no-TTY", "run", "go on", OPENAI_BASE_URL=model.base_url
        )
        assert ran.code == 0, ran.err
        assert {each.headers.get("authorization") for each in model.requests} == {f"Bearer {KEY}"}
        assert "CODEX_HOME=/app/.codex" in json.dumps(model.requests[-2].body)
        assert KEY not in json.dumps([request.body for request in model.requests])
    listing = ("--entrypoint=ls", "run", "/app/output")
    kept = await project.call("run", "--rm", "--no-TTY", *listing)
    assert kept.out.split() == ["seen"]


def asked(*requests: tuple[str, dict[str, Any]]) -> bytes:
    """Return what a client sends: its introduction, and then requests with ids from 2 on."""
    client = {"name": "test", "version": "1"}
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        for number, (method, params) in enumerate([("initialize", about), *requests], start=1)
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def answered(ran: Ended, number: int) -> dict[str, Any]:
    """Return the result that a client got."""
    for message in map(json.loads, ran.out.splitlines()):
        if message.get("id") == number and "method" not in message:
            result: dict[str, Any] = message["result"]
            return result
    raise AssertionError(ran)


async def test_the_supervisor_gets_healthy_and_clients_come_to_it(project: Project) -> None:
    up = await project.call("up", "--detach", "--wait", "--wait-timeout", "60", "serve")
    assert up.code == 0, up.err
    client = await project.call(*CLIENT, "mcp-server", "--shared", stdin=asked(("tools/list", {})))
    assert "codex_run" in {tool["name"] for tool in answered(client, 2)["tools"]}
    # It was this supervisor: the client started none of its own.
    listed = await project.call(*CLIENT[:3], "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert listed.out.count("codexmcp serve") == 2, listed.out  # tini's and its child's
    status = await project.call(*CLIENT, "serve", "--status", "--json")
    assert (status.code, json.loads(status.out)["activeRuns"]) == (0, 0)


async def test_the_terminal_and_a_client_with_a_policy_come_to_it_as_well(
    project: Project,
) -> None:
    async with ScriptedModel([Text("done")]) as model:
        up = await project.call("up", "--detach", "--wait", "serve", OPENAI_BASE_URL=model.base_url)
        assert up.code == 0, up.err
        started = await project.call(*CLIENT, "runs", "start", "--wait", "go on")
        assert (started.code, started.out.strip()) == (0, "done"), started.err
    policy = ("--shared", "--sandbox", "read-only")
    await project.call(*CLIENT, "mcp-server", *policy, stdin=asked(("tools/list", {})))
    listed = await project.call(*CLIENT[:3], "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert listed.out.count("codexmcp serve") == 2, listed.out


async def test_a_client_can_hide_the_key_from_its_commands(project: Project) -> None:
    async with ScriptedModel([ShellCall(f"cat {KEY_FILE}; echo looked"), Text("done")]) as model:
        up = await project.call("up", "--detach", "--wait", "serve", OPENAI_BASE_URL=model.base_url)
        assert up.code == 0, up.err
        call = ("tools/call", {"name": "codex", "arguments": {"prompt": "look"}})
        options = ("mcp-server", "--shared", "--deny-read", KEY_FILE)
        client = await project.call(*CLIENT, *options, stdin=asked(call))
        assert answered(client, 2)["content"][0]["text"] == "done", client
        assert {each.headers.get("authorization") for each in model.requests} == {f"Bearer {KEY}"}
        seen = json.dumps(model.requests[-1].body)
    assert "looked" in seen
    assert KEY not in seen


async def test_the_containers_are_hardened_and_bounded(project: Project) -> None:
    created = await project.call("create", "serve")
    assert created.code == 0, created.err
    ids = await project.call("ps", "--all", "--quiet", "serve")
    ran = await project.engine.call("inspect", "--format={{json .HostConfig}}", ids.out.strip())
    host = json.loads(ran.out)
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert any(option.startswith("seccomp={") for option in host["SecurityOpt"])
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (2**31, 2**31, 512)
    assert host["NanoCpus"] == 2_000_000_000
