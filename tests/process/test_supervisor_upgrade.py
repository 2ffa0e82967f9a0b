"""A supervisor of 0.1.0 that works on the store while today's program comes."""

from __future__ import annotations

import contextlib
import json
import sqlite3

from codexmcp.runs.preparation import CONTINUE_PROMPT
from codexmcp.runs.sqlite_schema import VERSION
from tests.support.old_release import old_release
from tests.support.supervision import Station, kill


def version_of_store(here: Station) -> int:
    """Return the version of the store of runs."""
    path = here.home / "mcp-wrapper/runs.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


async def states(here: Station) -> dict[str, str]:
    """Return how today's program lists the runs."""
    listed = await here.command("runs", "list", "--all", "--json")
    return {run["title"]: run["status"] for run in json.loads(listed.out)["runs"]}


async def test_the_runs_of_a_living_old_supervisor_are_left_to_it_and_taken_over_when_it_dies(
    here: Station,
) -> None:
    old = {"PYTHONPATH": str(old_release())}
    release = here.model.hold("first")
    here.model.hold("second")
    here.model.hold("third")
    async with here.supervisor(env=old) as supervisor, here.client(env=old) as client:
        first = await client.run("first", idempotency_key="once")
        second = await client.run("second", retries=1)
        await here.model.wait_until_asked("first")
        await here.model.wait_until_asked("second")
        assert version_of_store(here) == 1

        # Today's program brings the store up to date under the old supervisor's hands.
        assert await states(here) == {"first": "running", "second": "running"}
        assert version_of_store(here) == VERSION

        release.set()
        assert (await client.wait(first))["message"] == "done: first"
        third = await client.run("third")
        await here.model.wait_until_asked("third")
        kill(supervisor.pid)
        await supervisor.wait()
    await here.emptied()

    async with here.client() as client:
        again = await client.tool("codex_run", prompt="first", idempotency_key="once")
        told = {each: await client.wait(each) for each in (first, second, third)}

    assert again["runId"] == first
    assert [each["status"] for each in told.values()] == ["completed", "completed", "lost"]
    assert "can be resumed" in told[third]["reason"]
    assert sorted(here.model.prompts) == sorted(["first", "second", "third", CONTINUE_PROMPT])
