"""The three that most subjects compare: the removed server, ours, and a raw app-server client."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from bench.calls import AppServerCalls, Calls, McpCalls
from bench.harness import Driver, Sample
from bench.processes import child_of, descriptors, resident_mb
from bench.script import prompt
from bench.stage import Stage, codexmcp_command
from bench.wire import AppServerClient, McpClient


@dataclass(frozen=True, slots=True)
class Running:
    """A server at work.

    Attributes:
        calls: Its calls.
        codex: Codex's process.
        ours: Our process before it; None without one.
        home: Its Codex home.
    """

    calls: Calls
    codex: int
    ours: int | None
    home: Path

    def held(self) -> dict[str, float]:
        """Return the memory and descriptors that it holds, by metric."""
        held = {"Codex's RSS, MB,": resident_mb(self.codex)}
        held["Codex's descriptors"] = descriptors(self.codex)
        if self.ours is not None:
            held["our RSS, MB,"] = resident_mb(self.ours)
            held["our descriptors"] = descriptors(self.ours)
        return held


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server to start.

    Attributes:
        name: What the table calls it.
        codex: The Codex build.
        argv: Its command line.
        raw: Whether it is an app-server, and no MCP server.
        descriptors: Its soft limit on descriptors; None for the hard one.
    """

    name: str
    codex: Path
    argv: list[str]
    raw: bool = False
    descriptors: int | None = None

    @contextlib.contextmanager
    def running(self, stage: Stage) -> Generator[Running, None, None]:
        """Run it in a fresh home, with one call behind it, while the block runs."""
        work = stage.work_folder()
        limit = self.descriptors or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # The shell becomes the server, which so keeps the process id.
        argv = ["/bin/sh", "-c", f'ulimit -S -n {limit}; exec "$@"', "sh", *self.argv]
        with stage.codex_home(self.codex) as home:
            env = stage.environment(home)
            if self.raw:
                with AppServerClient(argv, env, work) as client:
                    client.shake_hands()
                    calls = AppServerCalls(client, work)
                    calls.run(prompt())
                    yield Running(calls, client.process.pid, None, home)
                return
            with McpClient(argv, env, work) as client:
                client.shake_hands()
                tools = McpCalls(client, work)
                tools.run(prompt())
                pid = client.process.pid
                ours = None if self.codex == stage.native else pid
                yield Running(
                    tools, pid if ours is None else child_of(pid, "app-server"), ours, home
                )


def native(stage: Stage) -> Contestant:
    """Return the server that Codex had until 0.153.4."""
    return Contestant("native 0.153.4", stage.native, [str(stage.native), "mcp-server"])


def codexmcp(stage: Stage, *options: str) -> Contestant:
    """Return our server."""
    name = " ".join(["codexmcp", *options])
    return Contestant(name, stage.pinned, [*codexmcp_command(), "mcp-server", *options])


def raw(stage: Stage) -> Contestant:
    """Return the app-server that ours drives."""
    argv = [str(stage.pinned), "app-server"]
    return Contestant("raw app-server", stage.pinned, argv, raw=True)


def driver(stage: Stage, contestant: Contestant, measure: Callable[[Running], Sample]) -> Driver:
    """Return the driver that starts a contestant and measures it."""

    def run() -> Sample:
        with contestant.running(stage) as running:
            return measure(running)

    return Driver(contestant.name, run)
