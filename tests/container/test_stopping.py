"""`docker stop`: everything ends at once and cleanly, and nothing is left meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from codexmcp.testing import ScriptedModel, ShellCall, Stall
from tests.support.containers import KEY, Engine, RunningContainer

BOUND_S = 60.0
STOPPED_S = 1.0
TRIES = 3
"""How often a stop may be held up by something else on the machine."""

ORPHANS = "for i in 1 2 3; do (sleep 0.1 & ) ; done; sleep 0.3; touch ready; sleep 300; true"


async def until(reached: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for what only a command in the container can tell."""
    try:
        async with asyncio.timeout(BOUND_S):
            while not await reached():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not within {BOUND_S:g} s: {what}") from None


async def stop(engine: Engine, container: RunningContainer) -> tuple[int, float]:
    """Stop a container as people do; return its exit code and the engine's time for it."""
    started = time.monotonic()
    await engine.call("stop", "--time", "10", container.name)
    took = time.monotonic() - started
    return int((await container.state())["ExitCode"]), took


async def quickest(stop_one: Callable[[], Awaitable[float]]) -> float:
    """Return the time of the first stop that was quick enough, else of the quickest."""
    took: list[float] = []
    while len(took) < TRIES and not any(each < STOPPED_S for each in took):
        took.append(await stop_one())
    return min(took)


async def stats(container: RunningContainer) -> str:
    """Return the first fields of every process."""
    return (await container.execute("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null")).out


async def stop_a_run(engine: Engine) -> float:
    """Stop a run whose command has orphaned its children; return the time that it took."""
    async with ScriptedModel([ShellCall(ORPHANS), Stall()], None) as model:
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.base_url}
        async with engine.start("go on", flags=["--network=host"], env=env) as container:

            async def ready() -> bool:
                return (await container.execute("test", "-e", "/app/output/ready")).code == 0

            await until(ready, "the command has orphaned its children")

            zombies: list[str] = []

            async def reaped() -> bool:
                every = (await stats(container)).splitlines()
                zombies[:] = [line for line in every if ") Z " in line]
                return not zombies

            try:
                await until(reaped, "no zombie is left")
            except AssertionError as error:
                error.add_note("\n".join(zombies))
                raise
            assert "(sleep) S " in await stats(container)
            code, took = await stop(engine, container)
            assert code == 143
            assert "interrupted by SIGTERM" in await container.logs()
            return took


async def stop_a_server(engine: Engine) -> float:
    """Stop a supervisor; return the time that it took."""
    async with engine.start("serve", env={"OPENAI_API_KEY": KEY}) as container:

        async def ready() -> bool:
            return "codexmcp: supervising" in await container.logs()

        await until(ready, "the supervisor is up")
        return (await stop(engine, container))[1]


async def test_stopping_a_run_takes_under_a_second_and_leaves_no_zombie(engine: Engine) -> None:
    assert await quickest(lambda: stop_a_run(engine)) < STOPPED_S


async def test_stopping_a_server_ends_it_at_once(engine: Engine) -> None:
    assert await quickest(lambda: stop_a_server(engine)) < STOPPED_S


async def test_a_stop_before_the_program_runs_is_heeded(engine: Engine, folder: Path) -> None:
    secret = folder / "key"
    os.mkfifo(secret)
    secret.chmod(0o666)
    flags = [f"--volume={secret}:/run/secrets/key", "--env=OPENAI_API_KEY_FILE=/run/secrets/key"]
    async with engine.start("sh", "-c", "sleep 300; true", flags=flags) as container:
        ends: list[int] = []

        async def read() -> bool:
            # Source: fifo(7): as long as nobody reads, it cannot be opened like this.
            with contextlib.suppress(OSError):
                ends.append(os.open(secret, os.O_WRONLY | os.O_NONBLOCK))
            return bool(ends)

        await until(read, "the entrypoint reads the key")
        # What it waits for never comes. The engine's own kill would make it 137.
        code, _ = await stop(engine, container)
        os.close(ends[0])
        assert code == 143
