"""The tools with tasks that MCP's conformance suite expects, with work of their own.

Everything between the socket and `TaskSource` is the product's.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.shared.exceptions import MCPError
from mcp.types import PaginatedRequestParams

from codexmcp.http.binding import ListenAddress, bound, url_of
from codexmcp.http.exchange import Exchange, Requests
from codexmcp.http.gate import MAX_BODY_BYTES, Gate, GateBounds
from codexmcp.http.kernel import request_of
from codexmcp.http.mcp_app import McpApp
from codexmcp.http.origins import origins
from codexmcp.http.serving import served
from codexmcp.http.token_files import TokenFiles
from codexmcp.http.toolbox import Tell, Toolbox, WireAnswer
from codexmcp.server.envelope import CAPABILITIES_KEY, MISSING_CAPABILITY, TASKS_EXTENSION
from codexmcp.server.tasks import Task, TaskStatus
from tests.support.http_client import HttpClient
from tests.support.reference_tools import ReferenceLibrary, reference_tools

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

PATH = "/mcp"
BOUND_S = 120.0
"""Bound on the work of a task; the longest takes 60 s, unless it is cancelled."""

_PARAMS: ContextVar[Mapping[str, Any]] = ContextVar("params")
"""The parameters of the request under way: no tool of the product asks before its task."""


@dataclass(frozen=True)
class Wire:
    """An answer."""

    fields: dict[str, Any]

    def to_wire(self) -> dict[str, Any]:
        """Return it."""
        return self.fields


def said(text: str, **more: Any) -> dict[str, Any]:
    """Return a result with one text."""
    return {"content": [{"type": "text", "text": text}], **more}


def form(message: str, **properties: str) -> dict[str, Any]:
    """Return the parameters of `elicitation/create` for some properties and their types."""
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
    }
    return {"mode": "form", "message": message, "requestedSchema": schema}


@dataclass
class Job:
    """The work behind a task."""

    created_at: float = field(default_factory=time.time)
    status: TaskStatus = TaskStatus.WORKING
    questions: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    work: asyncio.Task[None] | None = None

    async def ask(self, questions: dict[str, dict[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """Wait for the answers to questions."""
        self.questions, self.status = dict(questions), TaskStatus.INPUT_REQUIRED
        await self.answered.wait()
        self.status = TaskStatus.WORKING
        return self.answers


Work = Callable[[Mapping[str, Any], Job], Awaitable[dict[str, Any]]]


class FixtureTasks:
    """Tasks in memory: a `TaskSource`."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def begin(self, work: Work, arguments: Mapping[str, Any]) -> Task:
        """Begin the work of a new task."""
        task_id, job = secrets.token_urlsafe(16), Job()
        self._jobs[task_id] = job
        job.work = asyncio.create_task(self._settled(work, arguments, job))
        return self._told(task_id, job)

    async def _settled(self, work: Work, arguments: Mapping[str, Any], job: Job) -> None:
        try:
            async with asyncio.timeout(BOUND_S):
                job.result = await work(arguments, job)
            job.status = TaskStatus.COMPLETED
        except MCPError as error:
            job.error = {"code": error.error.code, "message": error.error.message}
            job.status = TaskStatus.FAILED
        except asyncio.CancelledError:
            job.status = TaskStatus.CANCELLED

    def _told(self, task_id: str, job: Job) -> Task:
        return Task(
            id=task_id,
            status=job.status,
            message=f"is {job.status}",
            created_at=job.created_at,
            updated_at=time.time(),
            poll_s=0.1,
            ttl_s=600.0,
            questions=dict(job.questions),
            result=job.result,
            error=job.error,
        )

    async def task(self, task_id: str) -> Task | None:
        """Return a task."""
        job = self._jobs.get(task_id)
        return None if job is None else self._told(task_id, job)

    async def answer(self, task_id: str, responses: Mapping[str, Mapping[str, Any]]) -> None:
        """Answer questions."""
        job = self._jobs[task_id]
        for key in job.questions.keys() & responses.keys():
            del job.questions[key]
            job.answers[key] = responses[key]
        if job.answers and not job.questions:
            job.answered.set()

    async def cancel(self, task_id: str) -> None:
        """Cancel a task."""
        work = self._jobs[task_id].work
        assert work is not None
        work.cancel()

    async def changed(self, task_ids: Sequence[str]) -> None:
        """Wait for the end of a task, or for a moment."""
        works = [work for each in task_ids if (work := self._jobs[each].work) is not None]
        await asyncio.wait(works, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """End all work."""
        works = [job.work for job in self._jobs.values() if job.work is not None]
        for work in works:
            work.cancel()
        if works:
            await asyncio.wait(works)


async def _greet(arguments: Mapping[str, Any], _job: Job) -> dict[str, Any]:
    return said(f"Hello, {arguments['name']}!")


async def _slow_compute(arguments: Mapping[str, Any], _job: Job) -> dict[str, Any]:
    await asyncio.sleep(arguments["seconds"])
    return said(f"computed for {arguments['seconds']} s")


async def _failing_job(_arguments: Mapping[str, Any], _job: Job) -> dict[str, Any]:
    await asyncio.sleep(0.3)
    return said("the job has failed", isError=True)


async def _protocol_error_job(_arguments: Mapping[str, Any], _job: Job) -> dict[str, Any]:
    await asyncio.sleep(0.3)
    raise MCPError(-32603, "the job has broken")


async def _confirm_delete(arguments: Mapping[str, Any], job: Job) -> dict[str, Any]:
    question = form(f"Delete {arguments.get('filename')}?", confirm="boolean")
    (answer,) = (await job.ask({"confirm": question})).values()
    return said(f"deleted: {answer['content']['confirm']}")


async def _multi_input(_arguments: Mapping[str, Any], job: Job) -> dict[str, Any]:
    questions = {"first": form("First?", name="string"), "second": form("Second?", name="string")}
    answers = await job.ask(questions)
    return said(" ".join(str(each["content"]["name"]) for each in answers.values()))


async def _test_tool_with_task(arguments: Mapping[str, Any], _job: Job) -> dict[str, Any]:
    return said(f"worked for {arguments['user_name']}")


async def _test_missing_capability(_arguments: Mapping[str, Any], _job: Job) -> dict[str, Any]:
    if "sampling" not in _PARAMS.get()["_meta"][CAPABILITIES_KEY]:
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_CAPABILITY, "this tool needs sampling", needed)
    return said("there is sampling")


async def _say(_arguments: Mapping[str, Any], _job: Job) -> dict[str, Any]:
    return said("nothing but a result")


_TASKS: dict[str, Work] = {
    "slow_compute": _slow_compute,
    "failing_job": _failing_job,
    "protocol_error_job": _protocol_error_job,
    "confirm_delete": _confirm_delete,
    "multi_input": _multi_input,
    "test_tool_with_task": _test_tool_with_task,
}
_TOOLS: dict[str, Work] = {
    "greet": _greet,
    "test_missing_capability": _test_missing_capability,
    # A server of ours sends neither requests nor logs during a call.
    "test_streaming_elicitation": _say,
    "test_logging_tool": _say,
    **_TASKS,
}
_NEED_TASK = {"failing_job", "test_tool_with_task"}


class FixtureTools:
    """The tools: what `RunTools` is in the product."""

    def __init__(self) -> None:
        self.tasks = FixtureTasks()

    def definitions(self) -> list[dict[str, Any]]:
        """Return the tools for `tools/list`."""
        schema = {"type": "object"}
        return [{"name": n, "description": n, "inputSchema": schema} for n in _TOOLS]

    def knows(self, name: object) -> bool:
        """Return whether there is such a tool."""
        return name in _TOOLS

    def makes_task(self, name: str) -> bool:
        """Return whether calls become tasks."""
        return name in _TASKS

    async def call(self, name: str, arguments: object, tell: Tell) -> WireAnswer:
        """Call a tool without a task."""
        if name in _NEED_TASK:
            needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {TASKS_EXTENSION: {}}}}
            raise MCPError(MISSING_CAPABILITY, f"{name} needs tasks", needed)
        assert isinstance(arguments, dict)
        return Wire(await _TOOLS[name](arguments, Job()))

    async def task(self, name: str, arguments: object, tell: Tell) -> Task | WireAnswer:
        """Call a tool with a task."""
        given: dict[str, Any] = dict(arguments) if isinstance(arguments, dict) else {}
        if name == "test_tool_with_task":
            responses = _PARAMS.get().get("inputResponses") or {}
            if "user_name" not in responses:
                request = {"method": "elicitation/create", "params": form("Name?", name="string")}
                asked = {"inputRequests": {"user_name": request}}
                return Wire({"resultType": "input_required", **asked})
            given["user_name"] = responses["user_name"]["content"]["name"]
        return self.tasks.begin(_TOOLS[name], given)


class AppWithPrompts(McpApp):
    """The product's server, and an empty list of prompts: the suite asks every server for it."""

    def _server(self, version: str) -> Server[Any]:
        server = super()._server(version)
        server.add_request_handler("prompts/list", PaginatedRequestParams, _no_prompts)
        return server


async def _no_prompts(_context: object, _params: PaginatedRequestParams) -> dict[str, Any]:
    return {"resultType": "complete", "prompts": []}


class TaskServer(HttpClient):
    """A server that is up.

    Args:
        url: Where MCP is.
        tokens: The accepted tokens.
    """

    def __init__(self, url: str, tokens: TokenFiles) -> None:
        super().__init__(url)
        self._tokens = tokens

    @property
    def token(self) -> str:
        """The token of its file."""
        return self._tokens.token_path.read_text().strip()


@contextlib.asynccontextmanager
async def task_server(folder: Path) -> AsyncIterator[TaskServer]:
    """Serve the tools and those of the reference server behind the gate of the product."""
    tokens, tools = TokenFiles(folder / "agentos", None), FixtureTools()
    tokens.ensure()
    toolbox = Toolbox(reference_tools(), tools)
    app = AppWithPrompts("0", toolbox, ReferenceLibrary(), MAX_BODY_BYTES)
    gate = Gate(tokens, origins(is_local=True, hosts=(), allowed=()), GateBounds(), Requests())

    def answering(body: bytes, _exchange: Exchange) -> Any:
        message = request_of(body)
        _PARAMS.set((message.params if message else None) or {})
        return app.answering(body, message)

    gate.lead({}, PATH, answering)
    with bound(ListenAddress(port=0)) as connection:
        async with app.running(), served(gate, connection):
            try:
                yield TaskServer(url_of(connection, PATH), tokens)
            finally:
                gate.close()
                await tools.tasks.close()
