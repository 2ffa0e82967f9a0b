"""Clients of a supervisor: many at once, killed ones, and those that do not behave."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import codexmcp
from codexmcp.supervisor.address import registry_of
from codexmcp.supervisor.hello import Hello, welcome
from tests.support.processes import until
from tests.support.supervision import BOUND_S, RunClient, Station, kill

Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PROMPTS = [f"task {number}" for number in range(10)]


async def start_all(client: RunClient, prompts: list[str]) -> list[str]:
    """Start runs in order and return their ids."""
    return [await client.run(prompt) for prompt in prompts]


async def messages_of(client: RunClient, run_ids: list[str]) -> list[str]:
    """Wait for runs and return their final messages."""
    told = await client.tool("codex_wait", run_ids=run_ids, soft_timeout_ms=25_000)
    assert told["status"] == "done", told
    return [each["message"] for each in told["runs"]]


@pytest.mark.parametrize("whole_tree", [False, True], ids=["relay", "process tree"])
async def test_ten_runs_survive_a_killed_client_and_the_next_one_gets_their_results(
    here: Station, *, whole_tree: bool
) -> None:
    releases = [here.model.hold(prompt) for prompt in PROMPTS]
    async with here.client() as client:
        run_ids = await start_all(client, PROMPTS)
        for prompt in PROMPTS:
            await here.model.wait_until_asked(prompt)
        supervisor = (await client.status())["pid"]
        if whole_tree:
            os.killpg(client.pid, signal.SIGKILL)
        else:
            kill(client.pid)
        await until(lambda: client.pid not in here.processes(), "the end of the relay")
    for release in releases:
        release.set()

    async with here.client() as client:
        assert (await client.status())["pid"] == supervisor
        assert await messages_of(client, run_ids) == [f"done: {each}" for each in PROMPTS]
    assert sorted(here.model.prompts) == sorted(PROMPTS)


async def test_ten_clients_that_start_at_once_share_one_supervisor(here: Station) -> None:
    async def work(number: int) -> tuple[int, list[str]]:
        prompts = [f"task {number}.{part}" for part in range(3)]
        async with here.client() as client:
            run_ids = await start_all(client, prompts)
            messages = await messages_of(client, run_ids)
            assert messages == [f"done: {prompt}" for prompt in prompts]
            return (await client.status())["pid"], run_ids

    worked = await asyncio.gather(*map(work, range(10)))

    assert {pid for pid, _ in worked} == set(here.supervisor_pids())
    assert len(here.supervisor_pids()) == 1
    assert len({run_id for _, run_ids in worked for run_id in run_ids}) == 30
    assert len(here.model.prompts) == 30


async def test_ten_clients_come_together_after_a_kill_and_all_are_served(here: Station) -> None:
    """The socket and the locks of the dead supervisor lie about and are in nobody's way."""
    async with here.client() as client:
        await here.killed((await client.status())["pid"])
    await here.emptied()
    assert here.listening()

    async def look() -> int:
        async with here.client() as client:
            return int((await client.status())["pid"])

    assert len(set(await asyncio.gather(*(look() for _ in range(10))))) == 1


async def test_a_second_supervisor_is_refused(here: Station) -> None:
    async with here.supervisor() as first:
        second = await here.command("serve")
        status = await here.command("serve", "--status", "--json")

    assert second.code == 78
    assert f"process {first.pid}" in second.err
    assert "codexmcp serve --stop" in second.err
    assert json.loads(status.out)["pid"] == first.pid


async def test_clients_that_come_while_a_supervisor_ends_are_served_by_the_next(
    here: Station,
) -> None:
    """Codex does not heed its end for two seconds; by then the socket is gone, and not the lock."""
    async with here.supervisor() as supervisor, here.client() as client:
        await client.wait(await client.run("first"))
        with here.frozen((await client.status())["codexPid"]):
            kill(supervisor.pid, signal.SIGTERM)
            await until(lambda: not here.listening(), "the end of the socket")
            assert supervisor.returncode is None

            async def look() -> int:
                async with here.client() as client:
                    return int((await client.status())["pid"])

            pids = await asyncio.gather(*(look() for _ in range(3)))
        assert await asyncio.wait_for(supervisor.wait(), BOUND_S) == 0

    assert len(set(pids)) == 1
    assert supervisor.pid not in pids


async def test_a_stop_ends_a_supervisor_that_waits_for_another_to_end(here: Station) -> None:
    async with here.supervisor() as supervisor:
        kill(supervisor.pid, signal.SIGTERM)
        await asyncio.wait_for(supervisor.wait(), BOUND_S)
    (lock,) = registry_of(here.home).glob("*.lock")

    def waiting() -> list[int]:
        """Return the supervisors that heed signals, which they do before they try the lock."""
        return [pid for pid in here.supervisor_pids() if catches(pid, signal.SIGTERM)]

    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        serving = asyncio.create_task(here.command("serve"))
        await until(waiting, "a supervisor that heeds signals")
        kill(waiting()[0], signal.SIGTERM)
        ended = await serving
    assert (ended.code, ended.err) == (0, "")


def catches(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler for a signal."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "SigCgt":
                return bool(int(value, 16) >> (number - 1) & 1)
    return False


async def test_a_client_of_a_supervisor_that_hangs_is_told_so(here: Station) -> None:
    async with here.supervisor() as supervisor:
        with here.frozen(supervisor.pid):
            ended = await here.command("mcp-server", "--shared")

    assert ended.code == 124
    assert "does not answer within 10 s; it may be stuck" in ended.err
    assert "Traceback" not in ended.err


async def test_sigterm_lets_runs_end_and_leaves_nothing(here: Station) -> None:
    release = here.model.hold("first")
    async with here.supervisor() as supervisor, here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        kill(supervisor.pid, signal.SIGTERM)
        await until_draining(client)
        told = await client.send(
            "tools/call", name="codex_wait", arguments={"run_id": run_id, "soft_timeout_ms": 0}
        )
        release.set()
        ended = (await client.answer(told))["structuredContent"]
        assert await asyncio.wait_for(supervisor.wait(), BOUND_S) == 0

    assert ended["status"] == "completed"
    await here.emptied()
    assert not here.listening()


async def test_a_second_sigterm_interrupts_what_still_runs(here: Station) -> None:
    here.model.hold("first")
    async with here.supervisor("--drain-timeout", "600") as supervisor, here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        kill(supervisor.pid, signal.SIGTERM)
        await until_draining(client)
        kill(supervisor.pid, signal.SIGTERM)
        assert await asyncio.wait_for(supervisor.wait(), BOUND_S) == 0

    async with here.client() as client:
        told = await client.wait(run_id)
        resumed = await client.tool("codex_resume", run_id=run_id, prompt="more", wait_ms=20_000)
    assert told["status"] == "interrupted"
    assert "the supervisor was stopped; the run can be resumed" in told["reason"]
    assert resumed["message"] == "done: more"


async def test_serve_stop_ends_it_and_says_so_and_status_tells_the_difference(
    here: Station,
) -> None:
    async with here.client() as client:
        pid = (await client.status())["pid"]
        running = await here.command("serve", "--status")
        stopped = await here.command("serve", "--stop")
    gone = await here.command("serve", "--status")
    again = await here.command("serve", "--stop")

    assert (running.code, stopped.code, gone.code, again.code) == (0, 0, 3, 3)
    assert f"process {pid}" in running.out
    assert stopped.out == f"the supervisor (process {pid}) has ended\n"
    await here.emptied()


async def test_a_supervisor_without_clients_and_runs_ends_after_its_time(here: Station) -> None:
    release = here.model.hold("first")
    async with here.supervisor("--idle-exit", "0.5") as supervisor:
        # A client may take longer to start than the supervisor waits; the connection keeps it.
        async with connected(here), here.client() as client:
            run_id = await client.run("first")
            await here.model.wait_until_asked("first")
        # Without the client the run alone keeps it; half a second passes twice before its release.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(supervisor.wait(), 1.5)
        release.set()
        assert await asyncio.wait_for(supervisor.wait(), BOUND_S) == 0
    await here.emptied()

    async with here.client() as client:
        assert (await client.wait(run_id))["message"] == "done: first"


@pytest.mark.parametrize(
    "greeting",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff\xfe\n", b'{"jsonrpc":"2.0"}\n', b"[" * 100_000 + b"\n"],
    ids=["http", "bytes", "no greeting", "nested"],
)
async def test_a_client_that_greets_with_nonsense_is_turned_away_alone(
    here: Station, greeting: bytes
) -> None:
    async with here.supervisor(), here.client() as good, connected(here) as (reader, writer):
        writer.write(greeting)
        told = json.loads(await asyncio.wait_for(reader.readline(), 15.0))
        assert await asyncio.wait_for(reader.read(), 15.0) == b""
        assert (await good.tool("codex_run", prompt="first", wait_ms=20_000))["message"]

    assert told["exit"] == 2
    assert "is not a greeting; connect with `codexmcp mcp-server --shared`" in told["error"]


async def test_clients_that_say_nothing_or_only_half_are_let_go(here: Station) -> None:
    async with (
        here.supervisor("--idle-exit", "0.5") as supervisor,
        connected(here),
        connected(here) as (_, half),
    ):
        half.write(b'{"codexmcp":')
        # Both connections stay open on this side, and neither keeps it from ending.
        assert await asyncio.wait_for(supervisor.wait(), 25.0) == 0


async def test_a_client_that_never_reads_is_cut_off_and_harms_nobody(here: Station) -> None:
    request = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}\n'
    async with here.supervisor() as supervisor, here.client() as good:
        before_bytes = memory_bytes(supervisor.pid)
        async with connected(here) as (reader, writer):
            writer.write(Hello(["--shared"], str(here.project), {}, codexmcp.__version__).to_line())
            assert await reader.readline() == welcome(is_kept=True)
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            slowest_s = await asyncio.wait_for(flood(writer, request, good), 60.0)
        await until_alone(good)
        assert (await good.tool("codex_run", prompt="first", wait_ms=20_000))["message"]
        grown_bytes = memory_bytes(supervisor.pid) - before_bytes

    assert "a client does not read its answers and is cut off" in here.log
    assert slowest_s < 15.0
    assert grown_bytes < 256 * 1024 * 1024


@pytest.mark.timeout(240)
async def test_five_thousand_queued_runs_cost_little_and_wait_for_the_next_supervisor(
    here: Station,
) -> None:
    count = 5000
    release = here.model.hold("first")
    # Each of these keeps the only place until it is released, so the order can be seen.
    holds = [here.model.hold(f"task {number}") for number in range(5)]
    async with here.supervisor("--max-runs", "1") as supervisor, here.client() as client:
        await client.run("first")
        await here.model.wait_until_asked("first")
        before_bytes = memory_bytes(supervisor.pid)
        started = time.monotonic()
        await submit(client, [f"task {number}" for number in range(count)])
        submitted_s = time.monotonic() - started
        grown_bytes = memory_bytes(supervisor.pid) - before_bytes
        one = time.monotonic()
        urgent = await client.run("urgent", priority=1)
        one_s = time.monotonic() - one
        release.set()
        for number, hold in enumerate(holds[:3]):
            await here.model.wait_until_asked(f"task {number}")
            hold.set()
        assert (await client.wait(urgent))["status"] == "completed"
        await here.model.wait_until_asked("task 3")
        kill(supervisor.pid, signal.SIGTERM)
        await until_draining(client)
        kill(supervisor.pid, signal.SIGTERM)
        assert await asyncio.wait_for(supervisor.wait(), 30.0) == 0

    async with here.supervisor("--max-runs", "1"), here.client() as client:
        await here.model.wait_until_asked("task 4")
        runs = (await client.status())["runs"]

    assert here.model.prompts == ["first", "urgent", *(f"task {number}" for number in range(5))]
    assert runs == {"queued": count - 5, "running": 1, "completed": 5, "interrupted": 1}
    assert submitted_s < 100.0
    assert one_s < 5.0
    assert grown_bytes < 100 * 1024 * 1024


async def submit(client: RunClient, prompts: list[str]) -> None:
    """Start many runs, up to a hundred calls at a time, handed in in order."""
    for start in range(0, len(prompts), 100):
        calls = [
            await client.send("tools/call", name="codex_run", arguments={"prompt": prompt})
            for prompt in prompts[start : start + 100]
        ]
        for call in calls:
            assert (await client.answer(call))["structuredContent"]["status"] == "queued"
        client.raw.received.clear()


async def until_draining(client: RunClient) -> None:
    """Wait until the supervisor has taken note that it is to end."""
    async with asyncio.timeout(15.0):
        while not (await client.status())["draining"]:
            pass


async def until_alone(client: RunClient) -> None:
    """Wait until the supervisor has no other client."""
    async with asyncio.timeout(15.0):
        while (await client.status())["clients"]:
            pass


async def flood(writer: asyncio.StreamWriter, request: bytes, good: RunClient) -> float:
    """Send requests until the supervisor cuts us off; return a good client's slowest answer."""
    slowest_s = 0.0
    with contextlib.suppress(ConnectionError):
        while not writer.transport.is_closing():
            writer.write(request * 500)
            await writer.drain()
            started = time.monotonic()
            await good.status()
            slowest_s = max(slowest_s, time.monotonic() - started)
    return slowest_s


@contextlib.asynccontextmanager
async def connected(here: Station) -> AsyncIterator[Pipe]:
    """Connect to the supervisor's socket without a word."""
    (path,) = [each for each in here.sockets.glob("*.sock") if ".codex" not in each.name]
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def memory_bytes(pid: int) -> int:
    """Return what a process holds in memory."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
