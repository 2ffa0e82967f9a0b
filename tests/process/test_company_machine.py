"""A company's machine: a proxy, certificates of its own, a home that is read-only or not named."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from codexmcp.network import LOOPBACK
from codexmcp.testing import ScriptedModel
from tests.conformance.client import running
from tests.support.certificates import Authority, tls_front
from tests.support.ended import Ended, run_to_end
from tests.support.forward_proxy import ForwardProxy, forward_proxy
from tests.support.mcp_server import call, text_of
from tests.support.processes import processes_of, until
from tests.support.programs import Project

KEY = "sk-canary-0123456789"
HOST = "model.example"
ENDPOINT = f"https://{HOST}/v1"
"""A host that only the proxy knows, with a certificate of the company."""

HOMES = [None, "/proc"]
"""No home, and one where nobody, not even root, can make a file."""

BOUND_S = 90.0
PYTHON = [sys.executable, "-P", "-m", "codexmcp"]


@dataclass(frozen=True)
class Machine:
    """The machine: its proxy, its model and its environment."""

    proxy: ForwardProxy
    model: ScriptedModel
    env: dict[str, str]
    folder: Path

    async def run(self, *argv: str) -> Ended:
        """Run a program with the umask of the machine."""
        return await run_to_end(umasked(*argv), self.env, cwd=self.folder, bound_s=BOUND_S)


def umasked(*argv: str) -> list[str]:
    return ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh", *argv]


@asynccontextmanager
async def machine(
    codex_home: Path, folder: Path, home: str | None, authority: Authority
) -> AsyncIterator[Machine]:
    # Both scripts follow the rule of a rehearsal.
    async with (
        ScriptedModel(None, None) as model,
        tls_front(urlsplit(model.base_url).port or 0, authority.server_context(HOST)) as tls_port,
        forward_proxy(0, tls_port) as proxy,
    ):
        env = {
            "PATH": os.environ["PATH"],
            "CODEX_HOME": str(codex_home),
            "XDG_RUNTIME_DIR": str(codex_home),
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": ENDPOINT,
            "CODEX_CA_CERTIFICATE": str(authority.file),
            **({} if home is None else {"HOME": home}),
            **proxy.environment(),
        }
        yield Machine(proxy, model, env, folder)
        await until(lambda: not processes_of(codex_home), "every process is gone")
    # Codex asks for hosts of its own besides.
    assert not proxy.hosts & {*LOOPBACK, None}


@pytest.fixture
async def here(
    request: pytest.FixtureRequest, codex_home: Path, project: Project, tmp_path: Path
) -> AsyncIterator[Machine]:
    async with machine(codex_home, project.root, request.param, Authority(tmp_path)) as made:
        yield made


@pytest.mark.parametrize("here", HOMES, indirect=True)
async def test_the_first_command_of_the_readme_works(here: Machine, program: str) -> None:
    ended = await here.run(sys.executable, program, "--rehearse", "run `echo hello there`")
    assert (ended.code, "hello there" in ended.out) == (0, True), ended
    # A rehearsal's model is in our own process.
    assert here.model.requests == []


@pytest.mark.parametrize("here", HOMES[:1], indirect=True)
async def test_all_hosts_may_be_exceptions_of_the_proxy(here: Machine, program: str) -> None:
    here.env["NO_PROXY"] = here.env["no_proxy"] = "*"
    ended = await here.run(sys.executable, program, "--rehearse", "run `echo hello there`")
    assert (ended.code, "hello there" in ended.out) == (0, True), ended


@pytest.mark.parametrize("here", HOMES[:1], indirect=True)
async def test_a_program_reaches_the_endpoint_through_the_proxy(
    here: Machine, program: str
) -> None:
    ended = await here.run(sys.executable, program, "run `echo hello there`")
    assert (ended.code, "hello there" in ended.out) == (0, True), ended
    assert f"CONNECT {HOST}" in here.proxy.asked
    assert {each.headers["authorization"] for each in here.model.requests} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("here", HOMES[1:], indirect=True)
async def test_the_tool_codex_reaches_the_endpoint_through_the_proxy(here: Machine) -> None:
    argv = umasked(*PYTHON, "mcp-server")
    async with running(argv, here.env, here.folder) as client:
        await client.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})
        answer = await call(client, 1, prompt="run `echo hello there`", cwd=str(here.folder))
        assert "hello there" in text_of(answer)
        client.close_stdin()
        await client.wait_exit()
    assert f"CONNECT {HOST}" in here.proxy.asked


@pytest.mark.parametrize("here", HOMES[:1], indirect=True)
async def test_a_run_of_a_supervisor_reaches_the_endpoint_through_the_proxy(
    here: Machine,
) -> None:
    words = ("runs", "start", "--wait", "run `echo hello there`")
    ended = await here.run(*PYTHON, *words)
    assert (ended.code, "hello there" in ended.out) == (0, True), ended
    assert (await here.run(*PYTHON, "serve", "--stop")).code == 0
    assert f"CONNECT {HOST}" in here.proxy.asked


@pytest.mark.parametrize("here", HOMES[1:], indirect=True)
async def test_doctor_finds_nothing_wrong(here: Machine) -> None:
    ended = await here.run(*PYTHON, "doctor", "--no-call", "--json")
    assert json.loads(ended.out)["ok"], ended.out
