"""Supervised runs with real processes: relays, supervisors, the real Codex, a model by prompt."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.client import Client, running
from tests.support.ended import Ended, run_to_end
from tests.support.mcp_server import environment, write_config
from tests.support.processes import processes_of, until
from tests.support.prompt_model import PromptModel
from tests.support.tool_answers import check_result

logger = logging.getLogger(__name__)

PYTHON = [sys.executable, "-P", "-m"]
SERVE = [*PYTHON, "codexmcp", "serve"]
RELAY = [*PYTHON, "codexmcp", "mcp-server", "--shared", "--tools", "runs"]

SIDECAR = [*PYTHON, "codexmcp.cli.sidecar"]

BOUND_S = 30.0
"""Bound on what takes a second when nobody else uses the machine."""

FOUND_S = 10.0
"""Bound on finding the run of a dead supervisor. Source: ours, it is what users are told."""


class RefusedError(Exception):
    """A tool or a method answered with an error; the message is its text."""


class RunClient:
    """An MCP client of the run tools."""

    def __init__(self, client: Client, pid: int) -> None:
        self.raw = client
        self.pid = pid
        self._ids = itertools.count(1)
        self._called: dict[int, str] = {}

    async def send(self, method: str, **params: Any) -> int:
        """Send a request and return its id."""
        number = next(self._ids)
        if method == "tools/call":
            self._called[number] = params["name"]
        await self.raw.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    async def answer(self, number: int, timeout_s: float = BOUND_S) -> dict[str, Any]:
        """Return the result of a request; a structured answer must be as its tool has promised.

        Raises:
            RefusedError: It is an error.
        """
        message = await self.raw.wait_for(
            lambda each: each.get("id") == number and "method" not in each,
            f"the answer to {number}",
            timeout_s,
        )
        if "error" in message:
            raise RefusedError(message["error"]["message"])
        result: dict[str, Any] = message["result"]
        if number in self._called:
            check_result(self._called[number], result)
        if result.get("isError"):
            raise RefusedError(result["content"][0]["text"])
        return result

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its result."""
        return await self.answer(await self.send(method, **params))

    async def tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool."""
        result = await self.ask("tools/call", name=name, arguments=arguments)
        fields: dict[str, Any] = result["structuredContent"]
        return fields

    async def run(self, prompt: str, **arguments: Any) -> str:
        """Start a run and return its id."""
        return str((await self.tool("codex_run", prompt=prompt, **arguments))["runId"])

    async def wait(self, run_id: str, timeout_s: float = BOUND_S) -> dict[str, Any]:
        """Return how a run has ended; fail when it has not."""
        arguments = {"run_id": run_id, "soft_timeout_ms": int(timeout_s * 900)}
        call = await self.send("tools/call", name="codex_wait", arguments=arguments)
        told: dict[str, Any] = (await self.answer(call, timeout_s))["structuredContent"]
        assert told["status"] != "still_running", told
        return told

    async def look(self, run_id: str) -> dict[str, Any]:
        """Return how a run stands."""
        return await self.tool("codex_wait", run_id=run_id, soft_timeout_ms=1)

    async def until_state(self, run_id: str, state: str) -> None:
        """Wait until a run is in a state; it must be listed as active."""
        async with asyncio.timeout(BOUND_S):
            while state not in await self._states(run_id):
                pass

    async def until_step(self, run_id: str, step: str) -> None:
        """Wait until a run has come to a step."""
        async with asyncio.timeout(BOUND_S):
            while (await self.look(run_id))["progress"].get("lastStep") != step:
                pass

    async def is_left_alone(self) -> None:
        """Wait until the relay knows that its supervisor has ended."""
        # By then it answers a ping, for one that is dying or by itself.
        with contextlib.suppress(RefusedError):
            await self.ask("ping")

    async def status(self) -> dict[str, Any]:
        """Return what the supervisor says of itself."""
        return await self.ask("codexmcp/status")

    async def _states(self, run_id: str) -> list[str]:
        runs = (await self.tool("codex_runs", limit=100))["runs"]
        return [each["status"] for each in runs if each["runId"] == run_id]


class Station:
    """A fresh Codex home with its runtime folder and a project, and what is started there.

    Attributes:
        home: The Codex home.
        runtime: The folder of the sockets.
        project: Where runs work.
        model: What Codex speaks to.
        env: The environment of everything that is started.
    """

    def __init__(self, home: Path, runtime: Path, model: PromptModel) -> None:
        self.home = home
        self.runtime = runtime
        self.project = home.parent / f"{home.name}-project"
        self.model = model
        self.env = environment(home, XDG_RUNTIME_DIR=str(runtime))

    @property
    def sockets(self) -> Path:
        """The folder with the supervisor's socket, lock and log."""
        return self.runtime / "codexmcp"

    def listening(self) -> list[str]:
        """Return the names of the sockets for clients, of supervisors that live or were killed."""
        names = [each.name for each in self.sockets.iterdir() if each.is_socket()]
        return [name for name in names if not name.endswith(".codex.sock")]

    @contextlib.asynccontextmanager
    async def client(
        self, *flags: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> AsyncIterator[RunClient]:
        """Run a relay, which finds or starts the supervisor, and introduce a client."""
        async with self.introduced([*RELAY, *flags], env, cwd) as client:
            yield client

    @contextlib.asynccontextmanager
    async def sidecar(self, env: Mapping[str, str] | None = None) -> AsyncIterator[RunClient]:
        """Run the server under the name of its forerunner, and introduce a client."""
        async with self.introduced(SIDECAR, env) as client:
            yield client
            client.raw.close_stdin()
            await client.raw.wait_exit()

    @contextlib.asynccontextmanager
    async def introduced(
        self,
        program: list[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> AsyncIterator[RunClient]:
        """Run an MCP server and introduce a client."""
        whole = {**self.env, **(env or {})}
        async with running(program, whole, cwd or self.project) as raw:
            client = RunClient(raw, raw._process.pid)
            await client.ask(
                "initialize",
                protocolVersion="2025-06-18",
                capabilities={},
                clientInfo={"name": "test", "version": "1"},
            )
            yield client

    @contextlib.asynccontextmanager
    async def supervisor(
        self, *flags: str, program: list[str] | None = None, env: Mapping[str, str] | None = None
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a supervisor in the foreground, once it takes clients; it is killed at the end."""
        ready, tell = os.pipe()
        log = (self.runtime / "serve.log").open("ab")
        try:
            process = await asyncio.create_subprocess_exec(
                *(program or SERVE),
                *flags,
                "--ready-fd",
                str(tell),
                env={**self.env, **(env or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(tell,),
                start_new_session=True,
            )
        finally:
            os.close(tell)
            log.close()
        try:
            told = await _read(ready)
            assert told == "ok\n", told or self.log
            yield process
        finally:
            kill(process.pid)
            await process.wait()

    async def command(
        self, *words: str, timeout_s: float = BOUND_S, program: list[str] | None = None
    ) -> Ended:
        """Run `codexmcp` to its end."""
        argv = [*(program or [*PYTHON, "codexmcp"]), *words]
        return await run_to_end(argv, self.env, bound_s=timeout_s)

    @property
    def log(self) -> str:
        """What supervisors have written to their logs."""
        files = [self.runtime / "serve.log", *self.sockets.glob("*.log")]
        return "\n".join(file.read_text() for file in files if file.exists())

    def supervisor_pids(self) -> list[int]:
        """Return the supervisors that live."""
        return [pid for pid, line in self.processes().items() if " serve" in line]

    def processes(self) -> dict[int, str]:
        """Return the command lines of all processes of this home, by pid.

        Commands of runs see no variable of Codex's, but its caller's HOME.
        """
        return {**processes_of(self.home), **processes_of(self.home, "HOME")}

    def matching(self, word: str) -> list[int]:
        """Return the processes of this home with a word in their command line."""
        return [pid for pid, line in self.processes().items() if word in line]

    def rollouts(self) -> str:
        """Return what Codex has recorded of all threads."""
        return "".join(file.read_text() for file in self.home.glob("sessions/**/*.jsonl"))

    def has_ended_a_turn(self) -> bool:
        """Return whether Codex has recorded the end of a turn, whole."""
        text = self.rollouts()
        return "task_complete" in text and text.endswith("\n")

    @contextlib.contextmanager
    def frozen(self, pid: int) -> Iterator[None]:
        """Have a process stand still while the block runs."""
        kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            kill(pid, signal.SIGCONT)

    async def killed(self, pid: int) -> None:
        """Kill a supervisor, or what else shall die without a word, and wait for its end."""
        kill(pid)
        await until(lambda: pid not in self.processes(), f"the end of process {pid}")

    async def emptied(self) -> None:
        """Wait until no process of this home is left."""
        try:
            await until(lambda: not self.processes(), "every process of the home is gone")
        except AssertionError as error:
            raise AssertionError(f"{error}; left: {self.processes()}\n{self.log}") from None

    async def close(self) -> None:
        """End whoever still supervises, and see that nothing is left that blocks a new start."""

        def ended() -> bool:
            # Again and again, because two that come together count as one.
            for pid in self.supervisor_pids():
                kill(pid, signal.SIGTERM)
            return not self.processes()

        try:
            await until(ended, "every process of the home is gone")
        except AssertionError as error:
            raise AssertionError(f"{error}; left: {self.processes()}\n{self.log}") from None
        finally:
            for pid in self.processes():
                kill(pid)


@contextlib.asynccontextmanager
async def station(home: Path) -> AsyncIterator[Station]:
    """Give a station; at the end no process of it may be left."""
    # Not below the home: the path of a socket is bounded.
    runtime = Path(tempfile.mkdtemp(prefix="cms-"))
    async with PromptModel() as model:
        here = Station(home, runtime, model)
        here.project.mkdir(mode=0o700)
        write_config(home, model.base_url)
        try:
            yield here
        finally:
            try:
                await here.close()
            finally:
                # Shown when the test has failed.
                logger.warning("supervisors wrote:\n%s", here.log)
                shutil.rmtree(runtime, ignore_errors=True)
                shutil.rmtree(here.project, ignore_errors=True)


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal; nothing happens when the process is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


async def _read(fd: int) -> str:
    """Return what is written to a pipe, to its end."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: protocol, os.fdopen(fd, "rb")
    )
    try:
        async with asyncio.timeout(BOUND_S):
            return (await reader.read()).decode()
    finally:
        transport.close()
