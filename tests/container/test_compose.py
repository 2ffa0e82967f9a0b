"""compose.yaml, run for real: a rehearsal, a run against a model, and the supervisor."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from codexmcp.testing import ScriptedModel, ShellCall, Text
from tests.support.builds import CHECKOUT
from tests.support.containers import IMAGE, KEY, Engine, answered, asked
from tests.support.ended import Ended

FILE = CHECKOUT / "compose.yaml"
KEY_FILE = "/run/secrets/openai_api_key"
TOKEN_FILE = "/run/secrets/agentos_token"
TOKEN = "token-of-the-tests-0123456789"
ASK = """
import json, sys, urllib.error, urllib.request
url, token = sys.argv[1:]
ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
headers |= {"mcp-protocol-version": "2025-06-18", "authorization": f"Bearer {token}"}
request = urllib.request.Request(url, json.dumps(ask).encode(), headers)
try:
    answer = json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request))
    print(*(tool["name"] for tool in answer["result"]["tools"]))
except urllib.error.HTTPError as error:
    print(error.code)
"""
CLIENT = ("exec", "--no-TTY", "serve", "/app/scripts/entrypoint.sh")


@dataclass(frozen=True)
class Project:
    """A compose project of its own.

    Attributes:
        engine: Whose compose it is.
        name: Its name.
        key_file: The key's file.
        token_file: That of the HTTP server's token.
        changes: A further compose file, laid over ours.
    """

    engine: Engine
    name: str
    key_file: Path
    token_file: Path
    changes: Path

    async def call(self, *args: str, stdin: bytes = b"", **env: str) -> Ended:
        """Run a command of compose to its end."""
        files = [f"--file={file}" for file in (FILE, self.changes)]
        files_of = {"CODEXMCP_KEY_FILE": self.key_file, "CODEXMCP_TOKEN_FILE": self.token_file}
        given = {"CODEXMCP_IMAGE": IMAGE, **{name: str(file) for name, file in files_of.items()}}
        given |= env
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
    token_file = folder / "token"
    token_file.write_text(f"{TOKEN}\n")
    token_file.chmod(0o644)
    changes = folder / "changes.yaml"
    # The model listens on this machine's loopback.
    reach = {"network_mode": "host"}
    changes.write_text(yaml.safe_dump({"services": {"run": reach, "serve": reach}}))
    made = Project(engine, f"codexmcp-test-{uuid.uuid4().hex[:12]}", key_file, token_file, changes)
    yield made
    down = await made.call("--profile=run", "--profile=http", "down", "--volumes", "--timeout=1")
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


async def test_another_container_uses_the_http_server_whose_token_outlives_restarts(
    project: Project,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    here = str(port)
    up = await project.call(
        "up", "--detach", "--wait", "--wait-timeout=90", "http", CODEXMCP_PORT=here
    )
    assert up.code == 0, up.err

    async def answer(token: str) -> str:
        network = f"--network={project.name}_default"
        url = "http://http:3000/mcp"
        ran = await project.engine.run("python", "-c", ASK, url, token, flags=[network])
        assert ran.code == 0, ran.err
        return ran.out

    assert {"codex_run", "agentOS_fs_read"} <= set((await answer(TOKEN)).split())
    assert await answer("another-token-0123456789") == "401\n"
    restarted = await project.call("restart", "http", CODEXMCP_PORT=here)
    assert restarted.code == 0, restarted.err
    up = await project.call(
        "up", "--detach", "--wait", "--wait-timeout=90", "http", CODEXMCP_PORT=here
    )
    assert up.code == 0, up.err
    assert "codex_run" in await answer(TOKEN)
    # From this machine, and from no other.
    ids = await project.call("ps", "--quiet", "http", CODEXMCP_PORT=here)
    ports = await project.engine.call("port", ids.out.strip())
    assert ports.out == f"3000/tcp -> 127.0.0.1:{port}\n"
    argv = (sys.executable, "-c", ASK, f"http://127.0.0.1:{port}/mcp", TOKEN)
    ran = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(ran.communicate(), 60.0)
    assert b"codex_run" in out
    kept = await project.call(
        "exec",
        "--no-TTY",
        "http",
        "stat",
        "-c",
        "%a",
        "/home/codex/.agentos/token",
        CODEXMCP_PORT=here,
    )
    assert kept.out == "600\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("short", "holds no token; it must hold one line of at least 16"),
        (None, "cannot read the token"),
    ],
)
async def test_a_token_that_cannot_be_used_is_told(
    engine: Engine, folder: Path, text: str | None, message: str
) -> None:
    token = folder / "token"
    if text is not None:
        token.write_text(text)
        token.chmod(0o644)
    env = {"OPENAI_API_KEY": KEY, "CODEXMCP_AUTH": "proxy", "AGENTOS_TOKEN_FILE": "/run/t/token"}
    ran = await engine.run("serve", "--http", flags=[f"--volume={folder}:/run/t:ro"], env=env)
    assert (
        ran.code,
        f"AGENTOS_TOKEN_FILE /run/t/token {message}" in ran.err or message in ran.err,
    ) == (78, True)
