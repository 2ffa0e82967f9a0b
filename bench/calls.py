"""Several calls at once over one client, whichever protocol it speaks.

A call is a new thread and its first turn. Whoever waits here reads for all calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.script import Kind, answer_to
from bench.stage import CATALOGUE_MODEL
from bench.wire import AppServerClient, Json, LineClient, McpClient


class Calls(ABC):
    """The calls of one client.

    Args:
        client: The client, which has shaken hands.
        work: The folder that Codex works in.

    Attributes:
        started: Calls whose first word, or whose command's first line, has come.
        aborted: Calls whose turn ended by an interrupt.
        answers: What the others said, by call.
    """

    def __init__(self, client: LineClient, work: Path) -> None:
        self._client = client
        self._work = str(work)
        self._prompts: dict[int, str] = {}
        self.started: set[int] = set()
        self.aborted: set[int] = set()
        self.answers: dict[int, str] = {}

    def begin(self, asked: str) -> int:
        """Start a call and return its number."""
        number = self._begin(asked)
        self._prompts[number] = asked
        return number

    def finish(self, numbers: Iterable[int]) -> None:
        """Wait for the answers of calls, and check them."""
        wanted = set(numbers)
        self.until(lambda: wanted <= self.answers.keys())
        for number in wanted:
            said = self.answers.pop(number)
            assert said == answer_to(self._prompts.pop(number)), said[:200]

    def run(self, asked: str) -> None:
        """Make one call."""
        self.finish([self.begin(asked)])

    def until(self, reached: Callable[[], bool]) -> None:
        """Read until something is so."""
        while not reached():
            self._take(self._client.read())

    def abandon(self) -> None:
        """Kill the server."""
        self._client.kill()

    @abstractmethod
    def cancel(self, number: int) -> None:
        """Ask for the end of a call."""

    @abstractmethod
    def _begin(self, asked: str) -> int: ...

    @abstractmethod
    def _take(self, message: Json) -> None: ...


class McpCalls(Calls):
    """Calls of the tool `codex`."""

    _SIGNS = frozenset({"agent_message_content_delta", "exec_command_output_delta"})

    def __init__(self, client: McpClient, work: Path) -> None:
        super().__init__(client, work)

    def cancel(self, number: int) -> None:
        """Withdraw a call."""
        self._client.send({"method": "notifications/cancelled", "params": {"requestId": number}})

    def _begin(self, asked: str) -> int:
        policy = {"sandbox": "danger-full-access", "approval-policy": "never", "cwd": self._work}
        arguments = {"prompt": asked, **policy, **_model(asked)}
        return self._client.ask("tools/call", {"name": "codex", "arguments": arguments})

    def _take(self, message: Json) -> None:
        if message.get("method") == "codex/event":
            kind = message["params"]["msg"]["type"]
            if kind in self._SIGNS:
                self.started.add(message["params"]["_meta"]["requestId"])
            elif kind == "turn_aborted":
                self.aborted.add(message["params"]["_meta"]["requestId"])
        elif "id" in message and message["id"] not in self.aborted:
            assert "result" in message, message
            assert not message["result"].get("isError"), message
            self.answers[message["id"]] = message["result"]["content"][0]["text"]


class AppServerCalls(Calls):
    """Threads of an app-server, each with one turn. A call's number is its `thread/start`."""

    _SIGNS = frozenset({"item/agentMessage/delta", "item/commandExecution/outputDelta"})

    def __init__(self, client: AppServerClient, work: Path) -> None:
        super().__init__(client, work)
        self._inputs: dict[int, list[Json]] = {}
        self._calls: dict[str, int] = {}
        self._turns: dict[int, Json] = {}
        self._said: dict[int, str] = {}

    def cancel(self, number: int) -> None:
        """Interrupt a turn."""
        self._client.ask("turn/interrupt", self._turns[number])

    def _begin(self, asked: str) -> int:
        policy = {"sandbox": "danger-full-access", "approvalPolicy": "never", "cwd": self._work}
        number = self._client.ask("thread/start", policy | _model(asked))
        self._inputs[number] = [{"type": "text", "text": asked}]
        return number

    def _take(self, message: Json) -> None:
        if "id" in message:
            assert "result" in message, message
            if message["id"] in self._inputs:
                self._start_turn(message["id"], message["result"]["thread"]["id"])
            return
        params = message.get("params", {})
        number = self._calls.get(params.get("threadId", ""), 0)
        match message["method"]:
            case method if method in self._SIGNS:
                self.started.add(number)
            case "turn/started":
                self._turns[number] = {
                    "threadId": params["threadId"],
                    "turnId": params["turn"]["id"],
                }
            case "item/completed" if params["item"]["type"] == "agentMessage":
                self._said[number] = params["item"]["text"]
            case "turn/completed" if params["turn"]["status"] == "interrupted":
                self.aborted.add(number)
            case "turn/completed":
                assert params["turn"]["status"] == "completed", params
                self.answers[number] = self._said.pop(number, "")
            case _:
                pass

    def _start_turn(self, number: int, thread_id: str) -> None:
        self._calls[thread_id] = number
        items = self._inputs.pop(number)
        self._client.ask("turn/start", {"threadId": thread_id, "input": items})


def _model(asked: str) -> dict[str, str]:
    """Return the argument for another model where a prompt needs its tools."""
    return {"model": CATALOGUE_MODEL} if asked.startswith(Kind.TREE) else {}
