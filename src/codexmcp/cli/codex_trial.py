"""A trial of a Codex build: each thing that we do with app-server, once, for real.

Only the model is scripted. Owns the temporary home and the model. Promises: every wait is bounded,
and no process and no file is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Mapping
from pathlib import Path

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.drift import Difference, Kind
from codexmcp.appserver.events import Event, TurnStatus
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.remote import prepare_tui_home, tui_command
from codexmcp.appserver.requests import ThreadOptions, text_input
from codexmcp.appserver.shared import SharedAppServer
from codexmcp.appserver.watched import Watch, WatchedServer
from codexmcp.cli.codex_terminal import shows
from codexmcp.codex.access import provider_overrides, retry_overrides
from codexmcp.codex.turns import SubAgentHandling, Turn, TurnLimits, TurnResult, run_turn
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError
from codexmcp.jsonvalues import list_of, text_of
from codexmcp.network import direct_to_loopback
from codexmcp.rehearsal.calls import Call, ShellCall, Spawn, WaitForAgents
from codexmcp.rehearsal.outcome import Outcome
from codexmcp.rehearsal.request import Request
from codexmcp.rehearsal.responses import Message, Reply
from codexmcp.rehearsal.server import ModelServer
from codexmcp.testing import outcome_of

STEP_S = 45.0
"""Bound on each step. The longest, with a sub-agent, takes 2 s."""
_TURN_S = 30.0
_TERMINAL_S = 20.0
_WORD = "codexmcp-check"
_AGENT = "checker"

# The scripted model runs harmless commands, and a sandbox is the machine's matter: see `doctor`.
_OPTIONS = ThreadOptions(sandbox="danger-full-access", approval_policy="never")


class TrialError(CodexMCPError):
    """A step of a trial did not do what it must."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the trial.

    Attributes:
        name: Its name.
        run: Its work.
        expects: Methods and types of items that must have been received at its end.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    expects: frozenset[str] = frozenset()


class Trial:
    """The trial of a build; use it as an async context manager by `trial`.

    Attributes:
        version: The version in the handshake; empty before.
    """

    def __init__(self, codex: Path, folder: Path, env: Mapping[str, str], model: Model) -> None:
        home, self._cwd = folder / "home", folder / "work"
        home.mkdir()
        self._cwd.mkdir()
        self._folder, self._model = folder, model
        env = direct_to_loopback({**env, "HOME": str(home), "CODEX_HOME": str(home)})
        overrides = [*retry_overrides(1), *provider_overrides(model.base_url)]
        self._launch = LaunchOptions(codex, env, overrides, cwd=self._cwd)
        self._watch = Watch()
        self._thread_id = ""
        self.version = ""

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order; without the first, the others cannot work."""
        turn = frozenset({"turn/started", "turn/completed", "item/started", "item/completed"})
        told = frozenset({"item/agentMessage/delta", "thread/tokenUsage/updated", "agentMessage"})
        yield Step("handshake", self._handshake)
        yield Step("turn", self._turn, turn | told | {"commandExecution"})
        yield Step("interrupt", self._interrupt, frozenset({"turn/started", "turn/completed"}))
        yield Step("resume", self._resume, turn)
        yield Step("tree", self._tree, turn | {"subAgentActivity"})
        yield Step("attach", self._attach, turn)

    async def run(self, step: Step) -> list[Difference]:
        """Run a step and return what it found: breaks by which it fails, and news."""
        self._watch = Watch()
        fault = ""
        try:
            async with asyncio.timeout(STEP_S):
                await step.run()
        except TimeoutError:
            fault = f"did not end within {STEP_S:g} s"
        except CodexMCPError as error:
            fault = " ".join(str(error).split())
        found = list(self._watch.differences)
        if all(each.kind is Kind.NEWS for each in found):
            # After a break, messages may be missing for that reason.
            found += [
                Difference(Kind.BREAK, name, f"was not received in the step {step.name}")
                for name in sorted(step.expects - self._watch.seen)
            ]
        if fault:
            found.append(Difference(Kind.BREAK, f"the step {step.name}", fault))
        return found

    @contextlib.asynccontextmanager
    async def _server(self) -> AsyncGenerator[WatchedServer, None]:
        async with WatchedServer.launch(self._launch) as server:
            assert isinstance(server, WatchedServer), "launch makes its own class"
            server.watch.differences |= self._watch.differences
            self._watch = server.watch
            yield server

    async def _handshake(self) -> None:
        async with self._server() as server:
            self._watch.answer("initialize", server.info)
            agent = text_of(server.info.get("userAgent")) or ""
            self.version = agent.partition("/")[2].split(" ")[0]
            await server.call("config/read", {"includeLayers": False})

    async def _turn(self) -> None:
        self._model.on("turn", ShellCall(f"echo {_WORD}"), Message(_WORD))
        async with self._server() as server:
            self._thread_id = (await server.start_thread(_OPTIONS)).id
            result = await self._say(server, self._thread_id, "turn")
        _check(result, _WORD)
        outputs = [str(step.get("output")) for step in self._model.last.turn.steps]
        _demand(any(_WORD in text for text in outputs), "the command did not print its text")

    async def _interrupt(self) -> None:
        async with self._server() as server:
            thread_id = (await server.start_thread(_OPTIONS)).id
            with self._model.held("interrupt") as arrived:
                turn = asyncio.create_task(self._say(server, thread_id, "interrupt"))
                try:
                    await arrived.wait()
                    turn_id = server.agents.turn(thread_id) or ""
                    await server.steer_turn(thread_id, turn_id, [text_input("more")])
                    params = {"threadId": thread_id, "turnId": turn_id}
                    await server.call("turn/interrupt", params)
                    result = await turn
                finally:
                    turn.cancel()
                    await asyncio.wait({turn})
        status = result.status
        _demand(status is TurnStatus.INTERRUPTED, f"the turn ended as {status}")

    async def _resume(self) -> None:
        _demand(bool(self._thread_id), "there is no thread: the step turn failed")
        self._model.on("resume", Message(_WORD))
        async with self._server() as server:
            await server.resume_thread(self._thread_id, _OPTIONS)
            _check(await self._say(server, self._thread_id, "resume"), _WORD)
            turns = list_of((await server.read_thread(self._thread_id)).get("turns"))
        _demand(len(turns) > 1, "the record of the thread lacks a turn")
        is_known = _WORD in str(self._model.last.body.get("input"))
        _demand(is_known, "the model did not get the history of the thread")

    async def _tree(self) -> None:
        self._model.on("tree", Spawn(_AGENT, "leaf"), WaitForAgents(), Message(_WORD))
        self._model.on("leaf", Message("leaf done"))
        async with self._server() as server:
            thread_id = (await server.start_thread(_OPTIONS)).id
            result = await self._say(server, thread_id, "tree")
            agents = server.agents.tree(thread_id)[1:]
            paths = [server.agents.path(agent) for agent in agents]
        _check(result, _WORD)
        _demand(bool(agents), "no event named the sub-agent")
        _demand(any(path.endswith(_AGENT) for path in paths), f"the sub-agent has the path {paths}")

    async def _attach(self) -> None:
        """Take part in a thread of another client, as a client and in Codex's own terminal."""
        self._model.on("attach", Message(_WORD))
        watch, ended = self._watch, asyncio.Event()

        def on_event(event: Event) -> None:
            watch.notification(event.method, event.params)
            if event.method == "turn/completed":
                ended.set()

        async with (
            SharedAppServer.launch(self._launch, self._folder / "socket" / "s") as shared,
            shared.connect() as owner,
            shared.connect() as guest,
        ):
            thread_id = (await owner.start_thread(_OPTIONS)).id
            _check(await self._say(owner, thread_id, "attach"), _WORD)
            self._model.on("again", Message(_WORD))
            with guest.listen(thread_id, on_event):
                await guest.resume_thread(thread_id, ThreadOptions())
                _check(await self._say(owner, thread_id, "again"), _WORD)
                await ended.wait()
            tui_home = self._folder / "tui"
            prepare_tui_home(tui_home)
            command = tui_command(
                self._launch.codex, shared.socket, thread_id, tui_home, self._launch.env
            )
            is_shown = await shows(command, _WORD, _TERMINAL_S)
            _demand(is_shown, "the terminal interface does not show the thread")

    async def _say(self, server: AppServer, thread_id: str, prompt: str) -> TurnResult:
        turn = Turn(
            [text_input(prompt)],
            limits=TurnLimits(timeout_s=_TURN_S),
            on_children=SubAgentHandling.WAIT,
        )
        return await run_turn(server, thread_id, turn)


@contextlib.asynccontextmanager
async def trial(codex: Path, env: Mapping[str, str]) -> AsyncGenerator[Trial, None]:
    """Prepare the trial of a build, in a temporary Codex home.

    Args:
        codex: Absolute path of the binary.
        env: The environment for Codex, without keys.
    """
    with tempfile.TemporaryDirectory(prefix="codexmcp-") as folder:
        place = Path(folder).resolve()  # noqa: ASYNC240 - a folder of this moment
        async with Model() as model:
            yield Trial(codex, place, env, model)


class Model(ModelServer):
    """The scripted model: it answers each prompt by the steps given for the prompt.

    Attributes:
        last: The last request.
    """

    last: Request

    def __init__(self) -> None:
        super().__init__(self._answer)
        self._scripts: dict[str, list[Call | Message]] = {}
        self._holds: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}

    def on(self, prompt: str, *steps: Call | Message) -> None:
        """Set the answers to a prompt, one for each request."""
        self._scripts[prompt] = list(steps)

    @contextlib.contextmanager
    def held(self, prompt: str) -> Generator[asyncio.Event]:
        """Hold the answer to a prompt back during the block; yield the event of its arrival."""
        arrived, release = self._holds[prompt] = (asyncio.Event(), asyncio.Event())
        try:
            yield arrived
        finally:
            release.set()

    async def _answer(self, request: Request) -> Outcome:
        self.last = request
        prompt = request.turn.prompt
        if prompt in self._holds:
            arrived, release = self._holds[prompt]
            arrived.set()
            await release.wait()
        script = self._scripts.get(prompt, [])
        step = script.pop(0) if script else Message(f"done: {prompt}")
        return Reply((step,)) if isinstance(step, Message) else outcome_of(step, request)


def _check(result: TurnResult, text: str) -> None:
    fault = result.error.message if result.error else f"it said {result.message!r}"
    is_good = result.status is TurnStatus.COMPLETED and result.message == text
    _demand(is_good, f"the turn ended as {result.status}: {fault}")


def _demand(fact: bool, fault: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not fact:
        raise TrialError(fault)
