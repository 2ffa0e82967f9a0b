"""Every door by which a task reaches Codex, as a function that asks for one task there."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.supervisor import methods
from tests.conformance.client import NoAnswerError, running
from tests.support.ended import Ended, run_to_end
from tests.support.http_client import HttpClient
from tests.support.mcp_server import SERVER, text_of
from tests.support.processes import processes_of, until
from tests.support.programs import Project
from tests.support.real_app_server import environment
from tests.support.supervision import PYTHON, kill

PROMPT = "say hello"
BOUND_S = 90.0
"""Bound on one task; it takes 3 s when nobody else uses the machine."""

_WAIT_MS = int(BOUND_S * 900)
_INTRODUCTION = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
_UP = re.compile(rb"supervising|MCP over HTTP at (http://\S+)")


@dataclass(frozen=True)
class Told:
    """How a task ended.

    Attributes:
        text: All that was told.
        code: The exit code; None where MCP has answered.
        refused: Whether it was refused or has failed.
    """

    text: str
    code: int | None
    refused: bool


@dataclass(frozen=True)
class Place:
    """Where a door is tried.

    Attributes:
        project: A copy of the checkout's programs. The task is to be done in its folder `output`.
        home: The Codex home.
        env: The whole environment.
        flags: Options for whoever fixes what tasks may do, such as `--allow-git`.
        on_up: Called before the task is given, once what serves it is up.
    """

    project: Project
    home: Path
    env: Mapping[str, str]
    flags: Sequence[str] = ()
    on_up: Callable[[], None] = lambda: None

    async def command(self, *words: str) -> Told:
        """Run a command of `codexmcp` to its end."""
        argv = [*PYTHON, "codexmcp", *words]
        cwd = self.project.output
        return _told(await run_to_end(argv, self.env, cwd=cwd, bound_s=BOUND_S))


def place(project: Project, home: Path, **env: str) -> Place:
    """Return a place whose environment names nothing but the home."""
    runtime = home / "rt"
    runtime.mkdir(mode=0o700)
    own = {"XDG_RUNTIME_DIR": str(runtime), "CODEXMCP_REQUEST_RETRIES": "1"}
    return Place(project, home, {**environment(home), **own, **env})


Door = Callable[[Place], Awaitable[Told]]


def _told(ended: Ended) -> Told:
    return Told(ended.out + ended.err, ended.code, refused=ended.code != 0)


def _program(name: str) -> Door:
    async def door(place: Place) -> Told:
        place.on_up()
        words = [PYTHON[0], str(place.project.root / name), *place.flags, PROMPT]
        return _told(await run_to_end(words, place.env, bound_s=BOUND_S))

    return door


async def _agent(place: Place) -> Told:
    place.on_up()
    return await place.command("agent", "--cwd", ".", *place.flags, PROMPT)


async def _runs_start(place: Place) -> Told:
    place.on_up()
    told = await place.command("runs", "start", "--wait", *place.flags, PROMPT)
    # One that was started for it would stay for minutes.
    await place.command("serve", "--stop")
    return told


async def _doctor(place: Place) -> Told:
    place.on_up()
    return await place.command("doctor")


def _tool(tool: str, *flags: str) -> Door:
    async def door(place: Place) -> Told:
        given = {"prompt": PROMPT, **({} if tool == "codex" else {"wait_ms": _WAIT_MS})}
        server = [*SERVER, *flags, *place.flags]
        async with running(server, place.env, place.project.output) as client:
            try:
                await client.ask("initialize", _INTRODUCTION)
                # That is answered before the server, or its supervisor, is there. This is answered
                # by the supervisor, and refused by a server of one's own.
                await client.ask(methods.STATUS, {})
                place.on_up()
                called = {"name": tool, "arguments": given}
                answer = await client.ask("tools/call", called, BOUND_S)
            except NoAnswerError:
                return Told(client.stderr, await client.wait_exit(), refused=True)
            finally:
                # A supervisor would keep the processes of the home alive.
                await place.command("serve", "--stop")
            client.close_stdin()
            await client.wait_exit()
        await until(lambda: not processes_of(place.home), "every process of the home is gone")
        if "error" in answer:
            return Told(answer["error"]["message"], None, refused=True)
        result = answer["result"]
        return Told(text_of(result), None, refused=bool(result.get("isError")))

    return door


@contextlib.asynccontextmanager
async def _serving(place: Place, *flags: str) -> AsyncIterator[tuple[Told | None, str]]:
    """Serve, and give the URL; or how the server has ended, if it did not come up."""
    process = await asyncio.create_subprocess_exec(
        *PYTHON,
        *("codexmcp", "serve", *flags),
        env=dict(place.env),
        cwd=place.project.output,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = b""
    try:
        async with asyncio.timeout(BOUND_S):
            while not (up := _UP.search(said)) and (line := await process.stderr.readline()):
                said += line
            if up is None:
                code = await process.wait()
                yield Told(said.decode(), code, refused=True), ""
            else:
                place.on_up()
                yield None, (up[1] or b"").decode()
    finally:
        kill(process.pid, signal.SIGTERM)
        await process.wait()


async def _serve(place: Place) -> Told:
    async with _serving(place) as (ended, _):
        return ended or await place.command("runs", "start", "--wait", *place.flags, PROMPT)


async def _serve_http(place: Place) -> Told:
    http = ("--http", "--port", "0", "--fs-root", str(place.project.root))
    async with _serving(place, *http, *place.flags) as (ended, url):
        if ended is not None:
            return ended
        token = (place.home / ".agentos" / "token").read_text().strip()
        client = HttpClient(url)
        given = {"prompt": PROMPT, "wait_ms": _WAIT_MS}
        answer = await client.rpc("tools/call", token, name="codex_run", arguments=given)
        result = answer.fields["result"]
        return Told(str(result), None, refused=bool(result.get("isError")))


DOORS: Mapping[str, Door] = {
    "main.py": _program("main.py"),
    "newway.py": _program("newway.py"),
    "codexmcp mcp-server": _tool("codex"),
    "codexmcp mcp-server --shared": _tool("codex", "--shared"),
    "codexmcp mcp-server --tools runs": _tool("codex_run", "--tools", "runs"),
    "codexmcp mcp-server --shared --tools runs": _tool("codex_run", "--shared"),
    "codexmcp runs start": _runs_start,
    "codexmcp serve": _serve,
    "codexmcp serve --http": _serve_http,
    "codexmcp agent": _agent,
    "codexmcp doctor": _doctor,
}

SAME = {
    "codex-mcp-sidecar": "codexmcp mcp-server --tools runs",
    "codex-mcp-wrapper": "codexmcp mcp-server --tools runs",
    "codex-runs": "codexmcp mcp-server --shared --tools runs",
    "codexmcp-agents": "codexmcp mcp-server --shared",
    "codexmcp rehearse": "codexmcp agent",
}
"""Programs that become, or start, one of those."""

NO_TASK = {
    "codexmcp codex": "is Codex itself",
    "codexmcp init": "writes files",
    "codexmcp mcp": "starts MCP servers, but no task",
    "codexmcp profiles": "has its own check, with `codex exec`",
    "codexmcp skills": "reads files",
    "codexmcp sync": "writes files",
    "codexmcp usage": "reads files",
    "codexmcp-exec": "is started by newway.py",
}
"""What gives Codex no task."""
