"""Supervisors are known by their home, whatever becomes of their sockets and who asks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codexmcp.supervisor.address import registry_of
from codexmcp.supervisor.registry import AddressClaim
from tests.support.ended import Ended, run_to_end
from tests.support.processes import is_alive, until
from tests.support.supervision import BOUND_S, PYTHON, Station

pytestmark = pytest.mark.timeout(120)


def sockets(here: Station) -> list[Path]:
    return [here.sockets / name for name in here.listening()]


async def serve(here: Station, *words: str, **env: str) -> Ended:
    """Run `codexmcp serve` for a home in another environment than its supervisor's."""
    argv = [*PYTHON, "codexmcp", "serve", *words]
    return await run_to_end(argv, {**here.env, **env}, bound_s=60.0)


async def said(here: Station, *words: str, **env: str) -> dict[str, Any]:
    ended = await serve(here, "--json", *words, **env)
    told: dict[str, Any] = json.loads(ended.out)
    return told


async def test_a_deleted_socket_is_made_again_and_clients_go_on(here: Station) -> None:
    release = here.model.hold("first")
    async with here.supervisor() as supervisor, here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        for path in sockets(here):
            path.unlink()
        async with here.client() as other:
            assert (await other.status())["pid"] == supervisor.pid
        release.set()
        assert (await client.wait(run_id))["message"] == "done: first"
        assert here.supervisor_pids() == [supervisor.pid]


async def test_a_deleted_runtime_folder_is_made_again_with_the_socket_of_codex(
    here: Station,
) -> None:
    async with here.supervisor() as supervisor, here.client() as client:
        run_id = await client.run("first")
        await client.wait(run_id)
        shutil.rmtree(here.runtime)
        async with here.client() as other:
            assert (await other.status())["pid"] == supervisor.pid
            await other.wait(await other.run("second"))
            told = await other.ask("codexmcp/attach", runId=run_id, cwd=str(here.project))
            await until(lambda: takes_connections(Path(told["codexSocket"])), "Codex's socket")
        here.runtime.mkdir(exist_ok=True)


def takes_connections(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        return True
    return False


async def test_a_client_with_another_runtime_folder_comes_to_the_same_supervisor(
    here: Station, tmp_path: Path
) -> None:
    async with (
        here.supervisor() as supervisor,
        here.client(env={"XDG_RUNTIME_DIR": str(tmp_path)}) as client,
    ):
        assert (await client.status())["pid"] == supervisor.pid


async def test_a_deleted_registry_is_made_again(here: Station) -> None:
    registry = registry_of(here.home)
    async with here.supervisor() as supervisor:
        shutil.rmtree(registry)
        await until(lambda: list(registry.glob("*.lock")), "the entry")
        assert (await said(here, "--status"))["pid"] == supervisor.pid


async def test_a_second_supervisor_is_refused_although_every_sign_of_the_first_is_deleted(
    here: Station,
) -> None:
    async def answered() -> object:
        async with here.client() as client:
            return (await client.status())["pid"]

    async with here.supervisor() as first:
        # It can make nothing anew meanwhile.
        with here.frozen(first.pid):
            shutil.rmtree(registry_of(here.home))
            shutil.rmtree(here.sockets)
            second = await serve(here)
            assert second.code == 78
            assert f"process {first.pid}" in second.err
            # It starts one that is refused, too, and waits for the one that lives.
            client = asyncio.create_task(answered())
            await asyncio.sleep(3)
        assert await client == first.pid


async def test_status_and_stop_are_of_every_supervisor_of_the_home(
    here: Station, tmp_path: Path
) -> None:
    elsewhere = {"OPENAI_API_KEY": "sk-other", "XDG_RUNTIME_DIR": str(tmp_path)}
    async with (
        here.supervisor() as one,
        here.supervisor(env={"OPENAI_API_KEY": "sk-another"}) as two,
    ):
        status = await said(here, "--status", **elsewhere)
        assert status["running"] is True
        assert {each["pid"] for each in status["supervisors"]} == {one.pid, two.pid}
        mine = await said(here, "--status", "--only", "mine")
        assert [each["pid"] for each in mine["supervisors"]] == [one.pid]
        none = await serve(here, "--status", "--only", "mine", **elsewhere)
        assert none.code == 3
        unknown = await serve(here, "--stop", "--only", "1")
        assert (unknown.code, str(two.pid) in unknown.err) == (2, True)

        stopped = await serve(here, "--stop", "--only", str(two.pid), **elsewhere)
        assert stopped.out == f"the supervisor (process {two.pid}) has ended\n"
        assert await asyncio.wait_for(two.wait(), BOUND_S) == 0
        rest = await said(here, "--stop", **elsewhere)
        assert [each["pid"] for each in rest["ended"]] == [one.pid]
        assert await asyncio.wait_for(one.wait(), BOUND_S) == 0
    assert (await serve(here, "--status", **elsewhere)).code == 3


async def test_a_supervisor_that_hangs_is_reported_and_ended_within_the_bounds(
    here: Station,
) -> None:
    async with here.supervisor() as supervisor:
        with here.frozen(supervisor.pid):
            status = await serve(here, "--status")
            assert status.code == 124
            assert f"process {supervisor.pid} gives no status" in status.out
            stopped = await serve(here, "--stop", "--drain-timeout", "0")
            assert stopped.out == f"the supervisor (process {supervisor.pid}) has ended\n"
        assert not is_alive(supervisor.pid)


async def test_a_supervisor_whose_app_server_hangs_is_not_healthy(here: Station) -> None:
    async with here.supervisor(), here.client() as client:
        assert (await serve(here, "--status")).code == 0
        await client.wait(await client.run("begin"))
        app_server = (await client.status())["codexPid"]
        with here.frozen(app_server):
            status = await serve(here, "--status")
            assert status.code == 124
            assert f"trouble: its app-server (process {app_server}) does not answer" in status.out
        assert (await serve(here, "--status")).code == 0


@contextlib.contextmanager
def odd_supervisor(folder: Path, answer: bytes) -> Iterator[None]:
    """Hold an entry in a registry, and answer each line of a client with the same bytes."""
    path = folder / "odd.sock"
    claim = AddressClaim.take(registry_of(folder / "home") / "odd.lock")
    assert claim is not None
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        claim.tell(str(path))

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, connection.makefile("rb") as lines:
                        while lines.readline():
                            connection.sendall(answer)

        threading.Thread(target=take, daemon=True).start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            claim.release()


@pytest.mark.parametrize(
    "answer",
    [b"\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b'{"ok":true}\n', b'{"jsonrpc":"2.0"}\n', b"\0"],
)
async def test_a_supervisor_that_answers_oddly_is_reported(tmp_path: Path, answer: bytes) -> None:
    (tmp_path / "home").mkdir()
    env = {"CODEX_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "PATH": "/usr/bin"}
    began = time.monotonic()
    with odd_supervisor(tmp_path, answer):
        argv = [*PYTHON, "codexmcp", "serve", "--status"]
        ended = await run_to_end(argv, env, bound_s=BOUND_S)
    assert ended.code == 124
    assert "gives no status" in ended.out
    assert time.monotonic() - began < BOUND_S
