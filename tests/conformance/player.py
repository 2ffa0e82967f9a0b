"""Plays a client's steps against a running server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codexmcp.testing import ModelServer
from tests.conformance import steps
from tests.conformance.client import WAIT_S, Client, Message, NoAnswerError
from tests.conformance.folders import Stage

_POLL_S = 0.02
_PLACEHOLDER = re.compile(r"<thread (\w+)>")


@dataclass(slots=True)
class Played:
    """What has happened so far, in all parts of a scenario."""

    received: list[Message] = field(default_factory=list)
    exit_code: int | str | None = None
    gone: dict[str, bool] = field(default_factory=dict)


class Player:
    """Plays a client's steps."""

    def __init__(self, client: Client, model: ModelServer, stage: Stage, played: Played) -> None:
        self.client = client
        self.model = model
        self._stage = stage
        self._played = played

    async def play(self, step: steps.Step) -> None:
        """Do one step, and wait for what it waits for."""
        match step:
            case steps.Line(text=text):
                await self.client.send_line(text)
            case steps.Send(message=message):
                await self.client.send(self._filled(message))
            case steps.Answer():
                await self._answer(step)
            case steps.Response() | steps.Event() | steps.Exit() | steps.Gone():
                await self._wait(step)
            case steps.Requests(count=count):
                await self.model.wait_for_requests(count)
            case steps.File(name=name):
                await self._file(name)
            case steps.Release():
                self._stage.gate.set()
            case steps.Pause(seconds=seconds):
                await asyncio.sleep(seconds)
            case steps.CloseStdin():
                self.client.close_stdin()
            case steps.Signal(number=number):
                self.client.signal(number)
            case steps.Restart():
                raise AssertionError("a restart parts the steps")

    async def _wait(self, step: steps.Waiting) -> None:
        """Wait for what must come, or for as long as it may come."""
        timeout_s = WAIT_S if step.optional_s is None else step.optional_s
        try:
            match step:
                case steps.Response():
                    await self._response(step, timeout_s)
                case steps.Event():
                    await self._event(step, timeout_s)
                case steps.Exit():
                    self._played.exit_code = "still running"
                    self._played.exit_code = await self.client.wait_exit(timeout_s)
                case steps.Gone():
                    self._played.gone[step.file] = await self._gone(step.file, timeout_s)
        except NoAnswerError:
            if step.optional_s is None:
                raise

    async def _response(self, step: steps.Response, timeout_s: float) -> None:
        what = f"an answer to request {step.id!r}"
        await self.client.wait_for(lambda each: _answers(each, step.id), what, timeout_s)

    async def _event(self, step: steps.Event, timeout_s: float) -> None:
        def wanted(message: Message) -> bool:
            params = message.get("params") or {}
            event = message.get("method") == "codex/event"
            return (
                event
                and params["_meta"]["requestId"] == step.id
                and params["msg"]["type"] == step.type
            )

        what = f"an event {step.type} of request {step.id!r}"
        await self.client.wait_for(wanted, what, timeout_s)

    async def _answer(self, step: steps.Answer) -> None:
        def asked() -> list[Message]:
            return [m for m in self.client.received if "method" in m and "id" in m]

        def wanted(message: Message) -> bool:
            is_over = step.unless is not None and _answers(message, step.unless)
            return is_over or len(asked()) > step.number

        await self.client.wait_for(wanted, f"question {step.number}")
        if len(asked()) <= step.number:
            return
        question = asked()[step.number]
        await self.client.send({"jsonrpc": "2.0", "id": question["id"], **step.fields})

    async def _file(self, name: str) -> str:
        path = self._stage.project / name
        await _until(lambda: path.exists() and bool(path.read_text().strip()), WAIT_S)
        return path.read_text()

    async def _gone(self, name: str, timeout_s: float) -> bool:
        """Return whether the process ends in time whose id a file holds."""
        pid = int(await self._file(name))
        return await _until(lambda: not _lives(pid), timeout_s)

    def _filled(self, value: Any) -> Any:
        match value:
            case str():
                return self._filled_text(value)
            case list():
                return [self._filled(part) for part in value]
            case dict():
                return {key: self._filled(part) for key, part in value.items()}
            case _:
                return value

    def _filled_text(self, text: str) -> str:
        text = text.replace("<project>", str(self._stage.project))
        text = text.replace("<home>", str(self._stage.home))
        return _PLACEHOLDER.sub(lambda match: self._thread_of(match[1]), text)

    def _thread_of(self, request_id: str) -> str:
        for message in self.client.received:
            params = message.get("params") or {}
            if "_meta" in params and str(params["_meta"]["requestId"]) == request_id:
                return str(params["_meta"]["threadId"])
        raise NoAnswerError(f"no event has named the thread of call {request_id}")


async def _until(holds: Callable[[], bool], timeout_s: float) -> bool:
    """Return whether a condition comes to hold in time. Nothing tells of it, so it is polled."""
    for _ in range(round(timeout_s / _POLL_S)):
        if holds():
            break
        await asyncio.sleep(_POLL_S)
    return holds()


def _answers(message: Message, request_id: steps.RequestId) -> bool:
    """Return whether a message is the answer to a request."""
    same = message.get("id") == request_id and type(message["id"]) is type(request_id)
    return same and "method" not in message


def _lives(pid: int) -> bool:
    """Return whether a process runs; one that nobody has waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
