"""A scripted app-server in memory, for conversations that the real one would not have."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexmcp.appserver.client import AppServer, PaceCallback, RequestCallback
from codexmcp.appserver.contract import contract
from codexmcp.appserver.launch import LaunchOptions
from tests.support.streams import MemoryStream, stream_pair

BOUND_S = 10.0
OPTIONS = LaunchOptions(codex=Path("/fake/codex"), env={})


@dataclass(frozen=True)
class Refuse:
    """Answer a request with an error."""

    message: str
    code: int = -32600


@dataclass(frozen=True)
class Silence:
    """Never answer a request."""


Answer = dict[str, Any] | Refuse | Silence
Script = Answer | Callable[[Mapping[str, Any]], Answer]


def _is_listed(method: str, name: str) -> bool:
    use = contract().uses["requests"].get(method)
    return use is None or name in use.sends


class FakeAppServer:
    """The server's end of a connection in memory, and the process behind it.

    Attributes:
        answers: What a method is answered with; a function is called with the parameters and may
            emit events first. A method without an answer gets `{}`.
        calls: Every request so far, as method and parameters.
        messages: Every other message so far: notifications and answers to our requests.
        astray: Fields of known methods that were sent and are not in the contract.
        stopped: Whether its owner has ended it.
    """

    def __init__(self) -> None:
        self.stream, self._wire = stream_pair()
        self.answers: dict[str, Script] = {
            "initialize": {"userAgent": "codexmcp/0.163.0 (fake)"},
            "turn/start": {"turn": {"id": "turn-1", "status": "inProgress"}},
        }
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.messages: list[Mapping[str, Any]] = []
        self.astray: list[str] = []
        self.stopped = False
        self.stderr_tail = ""
        self._exit: str | None = None
        self._arrived = asyncio.Condition()

    @property
    def pid(self) -> int:
        return 1

    def describe_exit(self) -> str:
        return self._exit or "it is running"

    async def last_words(self) -> str:
        return self.stderr_tail

    def read_stderr(self) -> None:
        """Nothing is written there but the last words."""

    async def exited(self, timeout_s: float) -> bool:
        return self._exit is not None

    async def stop(self) -> None:
        self.stopped = True
        self.die("codex exited with code 0")

    @contextlib.asynccontextmanager
    async def attached(
        self, *, on_request: RequestCallback | None = None, pace: PaceCallback | None = None
    ) -> AsyncIterator[AppServer]:
        """Serve while the block runs, and give the client that is attached."""
        serving = asyncio.create_task(self._serve())
        try:
            async with AppServer.attach(self, OPTIONS, on_request=on_request, pace=pace) as server:
                yield server
        finally:
            serving.cancel()
            await asyncio.wait({serving}, timeout=BOUND_S)
        assert self.astray == [], "sent, and not in the contract: `python -m scripts.contract`"

    def emit(self, method: str, **params: Any) -> None:
        """Send an event."""
        self._wire.write_message({"method": method, "params": params})

    def ask(self, message_id: int | str, method: str, **params: Any) -> None:
        """Send a request of Codex's own."""
        self._wire.write_message({"id": message_id, "method": method, "params": params})

    def write(self, line: bytes) -> None:
        """Send bytes as they are."""
        self._wire.write(line)

    def die(self, how: str, stderr: str = "") -> None:
        """End the process."""
        if self._exit is None:
            self._exit = how
            self.stderr_tail = stderr
        self._wire.close()

    def close_stdout(self) -> None:
        """Close the connection while the process lives on."""
        self._wire.close()

    def methods(self) -> list[str]:
        """Return the methods of the requests after the handshake, in order."""
        return [method for method, _ in self.calls if method != "initialize"]

    async def wait_for_call(self, method: str, count: int = 1) -> None:
        """Wait until a method has been called so many times."""
        await self._wait(lambda: sum(each == method for each, _ in self.calls) >= count)

    async def wait_for_message(self, matches: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait until a message that is no request has come."""
        await self._wait(lambda: any(map(matches, self.messages)))

    async def _wait(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND_S), self._arrived:
            await self._arrived.wait_for(reached)

    async def _serve(self) -> None:
        while data := await self._wire.read():
            for line in data.splitlines():
                self._take(json.loads(line))
            async with self._arrived:
                self._arrived.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if "method" not in message or "id" not in message:
            self.messages.append(message)
            return
        method, params = message["method"], message.get("params", {})
        self.calls.append((method, params))
        self.astray += [f"{method} {name}" for name in params if not _is_listed(method, name)]
        script = self.answers.get(method, {})
        answer: Answer = script(params) if callable(script) else script
        self._reply(self._wire, message["id"], answer)

    @staticmethod
    def _reply(wire: MemoryStream, message_id: int, answer: Answer) -> None:
        match answer:
            case Silence():
                return
            case Refuse(message=text, code=code):
                error = {"code": code, "message": text}
                wire.write_message({"id": message_id, "error": error})
            case _:
                wire.write_message({"id": message_id, "result": answer})
