"""The key proxy, ours and Codex's: where the key goes, where it must not, and that it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2 as httpx
import pytest

from codexmcp.appserver.child import Child
from codexmcp.appserver.client import AppServer
from codexmcp.codex import codex_proxy, key_proxy
from codexmcp.codex.access import KeyAccess, provider_overrides
from codexmcp.codex.key_proxy import RunningProxy, run_key_proxy
from codexmcp.codex.options import KeyProxyOptions
from codexmcp.errors import CodexBinaryError, ConfigurationError
from codexmcp.settings import CODEX_KEY_PROXY, OWN_KEY_PROXY
from codexmcp.testing import Outcome, Request, ScriptedModel, ShellCall, Text, unreachable_base_url
from tests.support.builds import pinned_codex
from tests.support.processes import is_alive, processes_of, until
from tests.support.real_app_server import UNCONFINED, Conversation, environment, launch_options

KEY = "sk-canary-0123456789abcdef"
BOUND_S = 20.0


KINDS = {OWN_KEY_PROXY: "codexmcp.codex.forwarder", CODEX_KEY_PROXY: "responses-api-proxy"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each proxy in turn."""
    return str(request.param)


def proxy_for(
    home: Path, base_url: str, kind: str = CODEX_KEY_PROXY, *, codex: Path | None = None
) -> KeyProxyOptions:
    access = KeyAccess(KEY, base_url)
    return KeyProxyOptions(codex or pinned_codex(), environment(home), access, kind)


@contextlib.asynccontextmanager
async def refused(home: Path, kind: str) -> AsyncGenerator[RunningProxy]:
    """Run a proxy that has told of a request which its upstream refused."""
    async with (
        run_key_proxy(proxy_for(home, unreachable_base_url(), kind)) as proxy,
        httpx.AsyncClient(timeout=BOUND_S) as http,
    ):
        # How it answers without an upstream is its own affair.
        with contextlib.suppress(httpx.TransportError):
            await http.post(f"{proxy.base_url}/responses", json={"model": "m", "input": "hi"})
        await until(lambda: proxy.failure_cause, "the proxy tells of the failed request")
        yield proxy


def entries_of(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def places_with_the_key(home: Path) -> list[str]:
    """Return where the key can be read: in the processes of a home or in its files."""
    process_files = [
        Path(f"/proc/{pid}/{name}") for pid in processes_of(home) for name in ("environ", "cmdline")
    ]
    files = [path for path in home.rglob("*") if path.is_file()]
    return [str(path) for path in (*process_files, *files) if KEY.encode() in path.read_bytes()]


async def test_only_the_upstream_sees_the_key(
    codex_home: Path, model: ScriptedModel, kind: str
) -> None:
    found: list[str] = []
    looked_at: list[str] = []

    def look(_request: Request) -> Outcome:
        looked_at.extend(processes_of(codex_home).values())
        found.extend(places_with_the_key(codex_home))
        return Text("done")

    model.add(ShellCall("env"), look)
    async with (
        run_key_proxy(proxy_for(codex_home, model.base_url, kind)) as proxy,
        AppServer.launch(launch_options(codex_home, proxy.base_url)) as server,
    ):
        thread = await server.start_thread(UNCONFINED)
        assert (await Conversation(server, thread.id).say("ask")).message == "done"
    assert [request.headers["authorization"] for request in model.requests] == [f"Bearer {KEY}"] * 2
    assert any(KINDS[kind] in line for line in looked_at)
    assert any("app-server" in line for line in looked_at)
    assert found == []
    assert places_with_the_key(codex_home) == []
    assert KEY not in str([request.body for request in model.requests])


async def test_the_proxy_and_its_traces_end_with_the_block(
    codex_home: Path,
    model: ScriptedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with run_key_proxy(proxy_for(codex_home, model.base_url, kind)) as proxy:
        pid = proxy._child.pid
        assert proxy.failure_cause == ""
        # Nothing lies about while it runs: a kill would leave it there.
        assert entries_of(tmp_path) == []
    assert not is_alive(pid)
    assert processes_of(codex_home) == {}
    assert entries_of(tmp_path) == []


async def test_nothing_but_the_responses_endpoint_is_forwarded(
    codex_home: Path, model: ScriptedModel, kind: str
) -> None:
    model.add(Text("hi"))
    async with (
        run_key_proxy(proxy_for(codex_home, model.base_url, kind)) as proxy,
        httpx.AsyncClient(timeout=BOUND_S) as http,
    ):
        body = {"model": "m", "input": "hi"}
        assert (await http.get(f"{proxy.base_url}/models")).status_code == 403
        assert (await http.post(f"{proxy.base_url}/files", json=body)).status_code == 403
        assert (await http.post(f"{proxy.base_url}/responses", json=body)).status_code == 200
    (request,) = model.requests
    assert (request.path, request.headers["authorization"]) == ("/v1/responses", f"Bearer {KEY}")


async def test_an_upstream_that_refuses_is_named_as_the_trouble(
    codex_home: Path, kind: str
) -> None:
    async with refused(codex_home, kind) as proxy:
        words = "cannot reach http://127.0.0.1" if kind == OWN_KEY_PROXY else "forwarding error"
        assert words in proxy.failure_cause
        assert KEY not in proxy.failure_cause


async def test_the_trouble_of_an_outage_that_has_passed_is_told_no_more(
    codex_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with refused(codex_home, OWN_KEY_PROXY) as proxy:
        monkeypatch.setattr(key_proxy, "CAUSE_LIFETIME_S", -1.0)
        assert proxy.failure_cause == ""


async def test_a_proxy_that_died_is_named_as_the_trouble(
    codex_home: Path, model: ScriptedModel, kind: str
) -> None:
    async with run_key_proxy(proxy_for(codex_home, model.base_url, kind)) as proxy:
        os.kill(proxy._child.pid, signal.SIGKILL)
        assert await proxy._child.exited(BOUND_S)
        assert proxy.failure_cause.endswith(" was ended by SIGKILL")
        assert await proxy.ended() == proxy.failure_cause


async def test_the_proxy_dies_when_its_parent_is_killed(
    codex_home: Path, model: ScriptedModel, kind: str
) -> None:
    if kind == CODEX_KEY_PROXY and sys.platform != "linux":
        pytest.skip("only Linux can bind a child to its parent")
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from codexmcp.codex.access import KeyAccess\n"
        "from codexmcp.codex.key_proxy import run_key_proxy\n"
        "from codexmcp.codex.options import KeyProxyOptions\n"
        "async def main():\n"
        "    access = KeyAccess('sk-canary', sys.argv[2])\n"
        "    options = KeyProxyOptions(Path(sys.argv[1]), {}, access, sys.argv[3])\n"
        "    async with run_key_proxy(options) as proxy:\n"
        "        print(proxy._child.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", program, str(pinned_codex()), model.base_url, kind]
    # The folder that a killed parent cannot remove shall lie in the home, which is removed.
    env = {**environment(codex_home), "TMPDIR": str(codex_home)}
    parent = await Child.start(argv, env=env)
    try:
        proxy = int(await asyncio.wait_for(parent.stdout.readline(), BOUND_S))
        assert is_alive(proxy)
        os.kill(parent.pid, signal.SIGKILL)
        await until(lambda: not is_alive(proxy), "the proxy is gone")
    finally:
        await parent.stop(eof_grace_s=0)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "codex exited with code 3; no error message"),
        ("echo 'unrecognized subcommand' >&2; exit 2", "unrecognized subcommand"),
        ("exec 0<&-; echo no key wanted >&2; sleep 0.1; exit 1", "no key wanted"),
    ],
)
async def test_a_proxy_that_cannot_start_is_reported_with_its_words(
    codex_home: Path, tmp_path: Path, script: str, words: str
) -> None:
    codex = tmp_path / "codex"
    codex.write_text(f"#!/bin/sh\n{script}\n")
    codex.chmod(0o755)
    with pytest.raises(ConfigurationError, match="did not start") as caught:
        async with run_key_proxy(proxy_for(codex_home, "http://127.0.0.1:9/v1", codex=codex)):
            pytest.fail("the block must not run")
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


async def test_a_proxy_that_never_comes_up_is_given_up(
    codex_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codex_proxy, "START_TIMEOUT_S", 0.2)
    codex = tmp_path / "codex"
    codex.write_text("#!/bin/sh\nexec sleep 1000\n")
    codex.chmod(0o755)
    with pytest.raises(ConfigurationError, match="is running; no error message"):
        async with run_key_proxy(proxy_for(codex_home, "http://127.0.0.1:9/v1", codex=codex)):
            pytest.fail("the block must not run")
    assert processes_of(codex_home) == {}


async def test_a_proxy_without_a_binary_is_refused(codex_home: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(CodexBinaryError, match=f"cannot start {missing}"):
        async with run_key_proxy(proxy_for(codex_home, "http://127.0.0.1:9/v1", codex=missing)):
            pytest.fail("the block must not run")


def test_the_settings_that_lead_to_a_proxy_hold_no_key() -> None:
    assert KEY not in str(provider_overrides("http://127.0.0.1:1/v1"))
    assert KEY not in repr(proxy_for(Path("/h"), "http://h/v1"))


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "cannot read certificates from SSL_CERT_FILE"),
        ({"ALL_PROXY": "ftp://proxy"}, "is not the URL of an HTTP or SOCKS5 proxy"),
    ],
)
async def test_a_forwarder_that_cannot_work_says_why(
    codex_home: Path, env: dict[str, str], words: str
) -> None:
    access = KeyAccess(KEY, "https://api.example/v1")
    proxy = KeyProxyOptions(pinned_codex(), {**environment(codex_home), **env}, access)
    async with run_key_proxy(proxy) as running, asyncio.timeout(BOUND_S):
        said = await running.ended()
    assert "exited with code 1" in said
    assert words in said
