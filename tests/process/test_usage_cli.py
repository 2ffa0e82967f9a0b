"""`codexmcp usage` on rollouts that real builds of Codex write, and with an index in trouble."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
import resource
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import TokenUsage
from codexmcp.appserver.requests import ThreadOptions, text_input
from codexmcp.codex.access import provider_overrides
from codexmcp.codex.turns import Turn, run_turn
from codexmcp.runs.run import RunRequest
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.supervisor.directory import STORE_NAME
from codexmcp.testing import ScriptedModel, ShellCall, Step, Text, Usage
from codexmcp.usage.rollouts import find_rollouts
from codexmcp.usage.tokens import Tokens
from tests.support.builds import ORACLE_VERSION, codex_build, pinned_codex
from tests.support.commands import BOUND_S, codexmcp
from tests.support.processes import until
from tests.support.real_app_server import LIMITS, Listener, environment, launch_options
from tests.support.rollouts import Writer, pack, put

SOME = Tokens(200_000, 80_000, 0, 10_000, 5_000)
INDEX = Path("mcp-wrapper") / "usage.sqlite3"

BUILDS: dict[str, Callable[[], Path]] = {
    "bundled": pinned_codex,
    "oldest": lambda: codex_build(ORACLE_VERSION),
}


def options(model: str, cwd: Path) -> ThreadOptions:
    sandbox = "danger-full-access"
    return ThreadOptions(model=model, cwd=str(cwd), sandbox=sandbox, approval_policy="never")


async def say(server: AppServer, thread: str, prompt: str = "Say something.") -> None:
    result = await run_turn(server, thread, Turn([text_input(prompt)], limits=LIMITS))
    assert result.error is None


@asynccontextmanager
async def counting_model() -> AsyncIterator[tuple[ScriptedModel, list[tuple[str, Tokens]]]]:
    """Give a model that answers with ever other tokens, and what it has answered."""
    answered: list[tuple[str, Tokens]] = []

    def answer(request: Any) -> Text:
        number = len(answered) + 1
        usage = Usage(1000 + number, 100 + number, 300, 40)
        answered.append((request.body["model"], Tokens(1000 + number, 300, 0, 100 + number, 40)))
        return Text(f"answer {number}", usage)

    # Models with plain tools are among those that are counted.
    async with ScriptedModel([answer] * 50, surface=None) as model:
        yield model, answered


@pytest.mark.parametrize("build", BUILDS)
async def test_all_that_a_real_build_spent_is_counted_once(
    codex_home: Path, tmp_path: Path, build: str
) -> None:
    codex, project = BUILDS[build](), tmp_path / "project"
    (codex_home / "cheap.config.toml").write_text('model = "gpt-6-luna"\n')
    async with counting_model() as (model, answered):
        launch = launch_options(codex_home, model.base_url, codex=codex)
        async with AppServer.launch(launch) as server:
            first, fork = await spend(server, project)
        between = await codexmcp(codex_home, "usage", "--json")
        assert between.json["total"]["requests"] == len(answered)
        async with AppServer.launch(launch) as server:
            await server.resume_thread(first, options("gpt-6-sol", project / "inner"))
            await say(server, first)
            await server.call("thread/archive", {"threadId": fork})
        await run_exec(codex, codex_home, tmp_path, model.base_url)
    total = Tokens()
    for _, tokens in answered:
        total = total.plus(tokens)

    ran = await codexmcp(codex_home, "usage", "--json")
    assert (ran.code, ran.err, ran.json["problems"]) == (0, "", [])
    # Only what was added since is read.
    assert 0 < ran.json["rollouts"]["readBytes"] < between.json["rollouts"]["readBytes"]
    found = ran.json["total"]
    assert found["requests"] == len(answered)
    names = ("inputTokens", "cachedInputTokens", "cacheWriteTokens", "outputTokens")
    assert (*(found[name] for name in names), found["reasoningTokens"]) == total
    anew = await codexmcp(codex_home, "usage", "--json", "--no-cache")
    assert (anew.json["rows"], anew.json["total"]) == (ran.json["rows"], found)

    others = len(answered) - 1
    assert await requests_by(codex_home, "model") == Counter(name for name, _ in answered)
    projects = {str(project): others, str(tmp_path): 1}
    assert await requests_by(codex_home, "project") == projects
    assert await requests_by(codex_home, "profile") == {"(none)": others, "cheap": 1}


async def spend(server: AppServer, project: Path) -> tuple[str, str]:
    """Spend by turns, forks of forks and a compaction; return a thread and a fork of it."""
    inner = project / "inner"
    inner.mkdir(parents=True)
    (project / ".git").mkdir()
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    first = (await server.start_thread(options("gpt-5.5", inner))).id
    await say(server, first)
    await say(server, first)
    fork = (await server.fork_thread(first, options("gpt-5.5", project))).id
    await say(server, fork)
    second = (await server.fork_thread(fork, options("gpt-6-sol", project))).id
    await say(server, second)
    heard = Listener()
    with server.listen(first, heard):
        await server.call("thread/compact/start", {"threadId": first})
        await heard.wait_for("turn/completed")
    return first, fork


async def requests_by(home: Path, what: str) -> dict[str, int]:
    """Return how many requests `usage` tells for each model, project or profile."""
    ran = await codexmcp(home, "usage", "--json", "--by", what)
    return {row[what]: row["requests"] for row in ran.json["rows"]}


async def run_exec(codex: Path, home: Path, cwd: Path, base_url: str) -> None:
    words = [word for each in provider_overrides(base_url) for word in ("-c", each)]
    process = await asyncio.create_subprocess_exec(
        *(str(codex), "exec", "--profile", "cheap", "--skip-git-repo-check", *words, "Hello."),
        cwd=cwd,
        env=environment(home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), BOUND_S) == 0


@pytest.mark.parametrize("build", BUILDS)
async def test_what_a_real_build_has_compressed_is_read_and_read_on(
    codex_home: Path, tmp_path: Path, build: str
) -> None:
    (codex_home / "config.toml").write_text("features.local_thread_store_compression = true\n")
    async with counting_model() as (model, answered):
        launch = launch_options(codex_home, model.base_url, codex=BUILDS[build]())
        async with AppServer.launch(launch) as server:
            thread = (await server.start_thread(options("gpt-5.5", tmp_path))).id
            await say(server, thread)
        (found,) = find_rollouts(codex_home).rollouts
        path = Path(found.path)
        os.utime(path, (0, 0))
        # Codex notes when it has last looked, and would leave it at that for hours.
        (codex_home / ".tmp" / "rollout-compression.lock").unlink()
        packed = path.with_name(f"{path.name}.zst")
        async with AppServer.launch(launch) as server:
            await until(lambda: packed.exists() and not path.exists(), "Codex has compressed it")
            ran = await codexmcp(codex_home, "usage", "--json")
            assert (ran.err, ran.json["problems"]) == ("", [])
            assert ran.json["total"]["requests"] == len(answered) == 1
            await server.resume_thread(thread, options("gpt-5.5", tmp_path))
            await say(server, thread)
    size = os.stat(path).st_size  # noqa: PTH116 - a quick look
    ran = await codexmcp(codex_home, "usage", "--json")
    assert ran.json["total"]["requests"] == len(answered) == 2
    # It is known again, so that only what was added is read.
    assert 0 < ran.json["rollouts"]["readBytes"] < size / 2


async def test_a_turn_with_a_command_has_two_requests(codex_home: Path, tmp_path: Path) -> None:
    steps: list[Step] = [ShellCall("true"), Text("done", Usage(1000, 10, 0, 0))]
    async with (
        ScriptedModel(steps) as model,
        AppServer.launch(launch_options(codex_home, model.base_url)) as server,
    ):
        thread = (await server.start_thread(options("gpt-6.1-sol", tmp_path))).id
        await say(server, thread)
    # The first one reports no tokens, so there is nothing to count of it.
    ran = await codexmcp(codex_home, "usage", "--json")
    assert ran.json["total"]["requests"] == 1
    assert ran.json["total"]["costUsd"] == pytest.approx((1000 * 2 + 10 * 10) / 1e6)


def fill(home: Path, model: str = "gpt-5.5") -> None:
    for number in range(3):
        writer = Writer(f"t{number}").begin(cwd="/gone/project")
        put(home, str(number), writer.turn(SOME, model=model).lines)


async def test_the_default_is_a_table_and_a_plot_in_80_columns(codex_home: Path) -> None:
    fill(codex_home)
    for number in range(2):
        put(codex_home, f"x{number}", Writer(f"x{number}").begin().turn(SOME, model="llama").lines)
    ran = await codexmcp(codex_home, "usage", TZ="UTC")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in ran.out
    assert lines[:5] == [
        "model    requests  input  cached  output  reasoning       cost",
        "gpt-5.5         3   600k    240k   30.0k      15.0k      $2.82",
        "llama           2   400k    160k   20.0k      10.0k    unknown",
        "-" * 62,
        "total           5   1.0M    400k   50.0k      25.0k  $2.82 + ?",
    ]
    assert "Days are those of UTC (UTC+0000)." in lines
    assert "No price is known for: llama." in lines
    plot = await codexmcp(codex_home, "usage", "--plot", "--by", "day")
    assert plot.out.splitlines()[0] == "tokens per day"
    assert plot.out.splitlines()[1].startswith("2026-11-20  #####")


async def test_a_day_is_one_of_this_machines_time_zone(codex_home: Path) -> None:
    late = Writer("t").begin().turn(SOME, at="2026-11-20T20:30:00.000Z").lines
    put(codex_home, "1", late)
    for zone, day in (("UTC", "2026-11-20"), ("Asia/Tokyo", "2026-11-21")):
        ran = await codexmcp(codex_home, "usage", "--by", "day", "--csv", TZ=zone)
        (row,) = csv.DictReader(ran.out.splitlines())
        assert (row["day"], row["requests"]) == (day, "1")
        asked = ("usage", "--json", "--since", day, "--until", day)
        assert (await codexmcp(codex_home, *asked, TZ=zone)).json["total"]["requests"] == 1
    after = await codexmcp(codex_home, "usage", "--json", "--since", "2026-11-21", TZ="UTC")
    assert after.json["total"]["requests"] == 0


async def test_own_prices_come_first_and_wrong_ones_are_refused(codex_home: Path) -> None:
    fill(codex_home, model="llama")
    own = codex_home / "codexmcp-prices.toml"
    own.write_text('[[price]]\nmodels = ["llama"]\ninput = 1.0\ncached_input = 0\noutput = 2.0\n')
    ran = await codexmcp(codex_home, "usage", "--json")
    assert ran.json["total"]["costUsd"] == pytest.approx(3 * (0.12 + 0.02))
    assert ran.json["prices"]["override"] == str(own)
    own.write_text('[[price]]\nmodels = ["llama"]\ninput = 1.0\n')
    ran = await codexmcp(codex_home, "usage")
    assert (ran.code, ran.out) == (78, "")
    assert "codexmcp-prices.toml, price 1: output is missing" in ran.err


async def test_days_in_the_wrong_order_are_a_usage_error(codex_home: Path) -> None:
    ran = await codexmcp(codex_home, "usage", "--since", "2026-11-02", "--until", "2026-11-01")
    assert ran.code == 2
    assert "comes before" in ran.err


async def test_a_home_without_rollouts_stays_as_it_is(codex_home: Path) -> None:
    for home in (codex_home, codex_home / "missing"):
        ran = await codexmcp(home, "usage")
        assert (ran.code, ran.out) == (0, "")
        assert "nothing was spent" in ran.err
    assert os.listdir(codex_home) == []  # noqa: PTH208 - a quick look


async def test_what_is_broken_is_told_and_does_not_end_the_report(codex_home: Path) -> None:
    fill(codex_home)
    put(codex_home, "9", [b"{broken\n", *Writer("u").begin().turn(SOME).lines, b'{"time'])
    for _ in range(2):
        ran = await codexmcp(codex_home, "usage")
        assert ran.code == 0
        assert "1 broken lines in 1 rollouts were left out" in ran.err
        assert "1 rollouts end within a line" in ran.err
        assert ran.out.splitlines()[1].split()[:2] == ["gpt-5.5", "4"]


async def test_a_compressed_rollout_that_is_damaged_is_named(codex_home: Path) -> None:
    fill(codex_home)
    packed = pack(put(codex_home, "9", Writer("u").begin().turn(SOME).lines))
    packed.write_bytes(packed.read_bytes()[:-1])
    for _ in range(2):
        ran = await codexmcp(codex_home, "usage")
        assert ran.code == 0
        assert f"1 compressed rollouts are damaged (such as {packed}: truncated)" in ran.err
        assert ran.out.splitlines()[1].split()[:2] == ["gpt-5.5", "3"]


@pytest.mark.parametrize("trouble", ["a file in the way", "damaged", "a full disk"])
async def test_an_index_in_trouble_costs_only_time(codex_home: Path, trouble: str) -> None:
    fill(codex_home)
    limit: int | None = None
    match trouble:
        case "a file in the way":
            (codex_home / INDEX.parent).touch()
        case "damaged":
            (codex_home / INDEX.parent).mkdir()
            (codex_home / INDEX).write_bytes(b"no database " * 1000)
        case _:
            limit = 4096
    ran = await limited(codex_home, limit)
    assert ran[0] == 0
    assert ran[1].splitlines()[1].split()[:2] == ["gpt-5.5", "3"]
    assert ran[2].count("codexmcp: ") == 1
    assert "cannot be used" in ran[2]


async def limited(home: Path, file_bytes: int | None) -> tuple[int | None, str, str]:
    """Run the command; files of more than so many bytes are as a full disk."""

    def prepare() -> None:
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "codexmcp", "usage"),
        env=environment(home),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=prepare,
    )
    out, err = await asyncio.wait_for(process.communicate(), BOUND_S)
    return process.returncode, out.decode(), err.decode()


async def test_several_at_once_say_the_same(codex_home: Path) -> None:
    lines = [Writer(f"t{number}").begin().turn(SOME, SOME).lines for number in range(200)]
    for number, each in enumerate(lines):
        put(codex_home, f"{number:04}", each)
    ran = await asyncio.gather(*[codexmcp(codex_home, "usage", "--json") for _ in range(4)])
    assert [(each.code, each.err) for each in ran] == [(0, "")] * 4
    assert {each.json["total"]["requests"] for each in ran} == {400}
    # Together they have read everything once.
    size = sum(len(line) for each in lines for line in each)
    assert sum(each.json["rollouts"]["readBytes"] for each in ran) == size


async def test_a_kill_leaves_an_index_that_can_be_gone_on_with(codex_home: Path) -> None:
    filler = Writer("f").begin()
    for _ in range(2000):
        filler.turn(Tokens(1, 0, 0, 1, 0))
    small = Writer("t1000").begin().turn(SOME).lines
    for number in range(1100):
        put(codex_home, f"{number:04}", Writer(f"t{1000 + number}").begin().turn(SOME).lines)
    size = put(codex_home, "9999", filler.lines).stat().st_size
    size += sum(len(line) for line in small) * 1100
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "codexmcp", "usage"),
        env=environment(codex_home),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )

    def has_begun() -> bool:
        with contextlib.suppress(FileNotFoundError):
            return (codex_home / INDEX).stat().st_size > 100_000
        return process.returncode is not None

    await until(has_begun, "the first of several steps is in the index")
    if process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)
    await asyncio.wait_for(process.wait(), BOUND_S)
    ran = await codexmcp(codex_home, "usage", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["total"]["requests"] == 3100
    # What was kept is not read again.
    assert ran.json["rollouts"]["readBytes"] < size


async def test_runs_without_a_rollout_are_counted_from_the_store(codex_home: Path) -> None:
    fill(codex_home)
    with contextlib.closing(SqliteStore(codex_home / "mcp-wrapper" / STORE_NAME)) as store:
        request = RunRequest(prompt="p", cwd="/elsewhere", audit_dir="/elsewhere")
        fields = {"state": "completed", "request": request.to_json(), "created_at": 1795176000.0}
        store.restore([{"id": f"r{n}", "thread_id": f"t{n}", **fields} for n in (2, 3)])
    used = json.dumps(TokenUsage(input_tokens=1000, output_tokens=10).to_json())
    with contextlib.closing(sqlite3.connect(codex_home / "mcp-wrapper" / STORE_NAME)) as database:
        database.execute("UPDATE runs SET usage = ?", (used,))
        database.commit()
    # There are rollouts of the threads t0, t1 and t2, so only the run on t3 is added.
    ran = await codexmcp(codex_home, "usage", "--json", "--by", "project")
    rows = {row["project"]: (row["inputTokens"], row["costUsd"]) for row in ran.json["rows"]}
    assert rows["/elsewhere"] == (1000, None)
    assert ran.json["total"]["inputTokens"] == 3 * SOME.input + 1000


async def test_claude_code_is_counted_beside_codex_and_can_be_left_out(codex_home: Path) -> None:
    fill(codex_home)
    transcript = codex_home / ".claude" / "projects" / "-work" / "s.jsonl"
    transcript.parent.mkdir(parents=True)
    usage = {"input_tokens": 1_000_000, "output_tokens": 100_000}
    message = {"id": "msg_1", "model": "claude-opus-5-5", "usage": usage}
    line = {"type": "assistant", "timestamp": "2026-11-20T10:00:00Z", "message": message}
    transcript.write_text(json.dumps(line) + "\n")
    rows: dict[str, dict[str, float]] = {}
    for client in ("all", "codex", "claude"):
        ran = await codexmcp(codex_home, "usage", "--by", "client", "--client", client, "--json")
        rows[client] = {row["client"]: row["costUsd"] for row in ran.json["rows"]}
        assert ran.json["problems"] == []
    assert set(rows["all"]) == {"Codex", "Claude Code"}
    assert rows["all"] == {**rows["codex"], **rows["claude"]}
    assert rows["claude"]["Claude Code"] == pytest.approx(4.0 + 2.0)
