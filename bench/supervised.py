"""A warm supervisor in a home of its own, and a client of its run tools."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import child_of
from bench.script import Kind, answer_to, prompt
from bench.stage import Stage, codexmcp_command
from bench.wire import Json, McpClient, enveloped

_STOP_S = 60.0
_MOST_WAITED_FOR = 100
"""What one `codex_wait` takes."""


class RunClient(McpClient):
    """A client of the run tools, behind a relay."""

    def begin(self, asked: str, **arguments: object) -> int:
        """Ask for a run, and return the number of the request."""
        return self._ask("codex_run", {"prompt": asked, **arguments})

    def start(self, asked: str, **arguments: object) -> str:
        """Start a run and return its id."""
        return str(self.answer(self.begin(asked, **arguments))["runId"])

    def start_task(self, asked: str, **arguments: object) -> str:
        """Start a run as a task and return its id."""
        call = {"name": "codex_run", "arguments": {"prompt": asked, **arguments}}
        return str(self.call("tools/call", enveloped(call))["taskId"])

    def task(self, task_id: str) -> Json:
        """Return a task."""
        return self.call("tasks/get", enveloped({"taskId": task_id}))

    def use(self, tool: str, arguments: Json) -> Json:
        """Call a tool and return what it says."""
        return self.answer(self._ask(tool, arguments))

    def answer(self, number: int) -> Json:
        """Return what a tool says, after all that was asked before it was answered."""
        return self.answers([number])[0]

    def answers(self, numbers: Sequence[int]) -> list[Json]:
        """Return what tools say, in the order of the numbers."""
        wanted, said = set(numbers), dict[int, Json]()
        while wanted > said.keys():
            message = self.read()
            if message.get("id") in wanted:
                assert not message["result"].get("isError"), message
                said[message["id"]] = message["result"]["structuredContent"]
        return [said[number] for number in numbers]

    def wait(self, run_ids: Sequence[str]) -> list[Json]:
        """Wait until runs are over, and return how they ended."""
        numbers = []
        for first in range(0, len(run_ids), _MOST_WAITED_FOR):
            some = run_ids[first : first + _MOST_WAITED_FOR]
            numbers.append(self._ask("codex_wait", {"run_ids": some, "soft_timeout_ms": 0}))
        return [run for answer in self.answers(numbers) for run in answer["runs"]]

    def run(self, asked: str) -> None:
        """Make one run and check its answer."""
        (ended,) = self.wait([self.start(asked)])
        assert is_right(ended, asked), ended

    def _ask(self, tool: str, arguments: Json) -> int:
        return self.ask("tools/call", {"name": tool, "arguments": arguments})


def is_right(ended: Json, asked: str) -> bool:
    """Return whether a run ended with the answer to its prompt."""
    return (ended["status"], ended["message"]) == ("completed", answer_to(asked))


@dataclass(frozen=True, slots=True)
class Supervised:
    """A supervisor at work.

    Attributes:
        pid: Its process.
        codex: Its app-server.
        home: Its Codex home.
        env: The environment of its clients.
        work: Where runs work.
    """

    pid: int
    codex: int
    home: Path
    env: dict[str, str]
    work: Path

    def relay(self) -> list[str]:
        """Return the command line of a client's server."""
        return [*codexmcp_command(), "mcp-server", "--shared"]

    @contextlib.contextmanager
    def client(self) -> Generator[RunClient, None, None]:
        """Connect a client while the block runs."""
        with RunClient(self.relay(), self.env, self.work) as client:
            client.shake_hands()
            yield client


@contextlib.contextmanager
def supervisor(stage: Stage, *options: str) -> Generator[Supervised, None, None]:
    """Run a supervisor, with one run behind it, while the block runs.

    Args:
        stage: Where.
        options: Further arguments of `codexmcp serve`.
    """
    with stage.codex_home(stage.pinned) as home:
        runtime = home.parent / "run"
        runtime.mkdir()
        env = stage.environment(home) | {"XDG_RUNTIME_DIR": str(runtime)}
        work = stage.work_folder()
        with _serving([*codexmcp_command(), "serve", "--drain-timeout", "0", *options], env) as pid:
            with RunClient([*codexmcp_command(), "mcp-server", "--shared"], env, work) as client:
                client.shake_hands()
                client.run(prompt(Kind.PLAIN))
            yield Supervised(pid, child_of(pid, "app-server"), home, env, work)


@contextlib.contextmanager
def _serving(argv: Sequence[str], env: dict[str, str]) -> Generator[int, None, None]:
    ready, tell = os.pipe()
    process = subprocess.Popen([*argv, "--ready-fd", str(tell)], env=env, cwd="/", pass_fds=(tell,))
    try:
        os.close(tell)
        with os.fdopen(ready, "rb") as told:
            said = told.read()
        assert said == b"ok\n", said
        yield process.pid
    finally:
        process.terminate()
        process.wait(_STOP_S)
