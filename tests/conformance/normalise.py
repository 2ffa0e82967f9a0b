"""Turns what a server said into a document that two runs of one scenario have in common.

Pure. Takes out what differs from run to run: ids, times, ports, paths, versions.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Message = dict[str, Any]
Document = dict[str, Any]

UNNUMBERED = frozenset({"raw_response_item", "raw_response_completed"})
"""Events that only the removed server sends; the ids in them would number all others anew."""

RUN_IDS: Mapping[str, str] = {
    "process_id": "Codex draws it at random",
    "x-codex-installation-id": "one per Codex home",
    "x-codex-turn-metadata": "ids and times of Codex's own",
}
"""Fields whose value is new in each run: only their presence is compared."""

SNAPSHOTS = frozenset({"turn_diff"})
"""Events that tell a whole state anew: a repeat of it says nothing, and builds differ in how many
they send (0.171.0 sends two for a patch, earlier builds three)."""

TIMES = frozenset(
    {
        "completed_at",
        "completed_at_ms",
        "duration",
        "duration_ms",
        "occurred_at_ms",
        "started_at",
        "started_at_ms",
        "time_to_first_token_ms",
    }
)
"""Fields whose value is a time: only their kind is compared."""

_PATTERNS = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"\d{4}/\d\d/\d\d/rollout-[0-9T-]{19}"), "<day>/rollout-<time>"),
    (re.compile(r"(?<=<current_date>)[0-9-]{10}"), "<date>"),
    (re.compile(r"Chunk ID: [0-9a-f]+"), "Chunk ID: <id>"),
    (re.compile(r"Wall time: [0-9.]+"), "Wall time: <time>"),
)


class Names:
    """What stands in a document for the values of one run.

    Args:
        places: Paths, versions and the like, each with its name; longer ones are replaced first.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._names = dict(places)
        self._counts: dict[str, int] = {}

    def name(self, value: str, name: str) -> None:
        """Name a value that is known only after the run."""
        self._names[value] = name

    def learn(self, value: object, role: str) -> None:
        """Number an id among those of its role, by first sight."""
        if isinstance(value, str) and value and value not in self._names:
            self._counts[role] = self._counts.get(role, 0) + 1
            self._names[value] = f"<{role} {self._counts[role]}>"

    def text(self, text: str) -> str:
        """Return a text without the values of this run."""
        for value in sorted(self._names, key=len, reverse=True):
            text = text.replace(value, self._names[value])
        for pattern, name in _PATTERNS:
            text = pattern.sub(name, text)
        return text

    def value(self, value: Any) -> Any:
        """Return any JSON value without the values of this run."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(part) for part in value]
            case dict():
                return {self.text(key): self._field(key, part) for key, part in value.items()}
            case _:
                return value

    def _field(self, key: str, value: Any) -> Any:
        if key in TIMES:
            return _time(value)
        return f"<{key}>" if key in RUN_IDS else self.value(value)


def document(messages: Sequence[Message], names: Names) -> Document:
    """Return what a server said: its answers, its events by request, its questions, the rest."""
    events = _events_by_request(messages)
    for of_request in events.values():
        for event in of_request:
            _learn_event(event, names)
    answers = {str(message["id"]): message for message in messages if _is_answer(message)}
    for answer in answers.values():
        result = answer.get("result")
        if isinstance(result, dict) and "isError" not in result:
            names.learn((result.get("structuredContent") or {}).get("threadId"), "thread")
    asked = [message for message in messages if "method" in message and "id" in message]
    rest = [m for m in messages if m.get("method") != "codex/event" and "id" not in m]
    return {
        "answers": {key: names.value(answer) for key, answer in answers.items()},
        "events": {
            key: [_event_document(event, names) for event in part] for key, part in events.items()
        },
        "unsent": dict.fromkeys(sorted(_kinds(messages) & UNNUMBERED), True),
        "asked": names.value(asked),
        "rest": names.value(rest),
    }


def request_document(body: Mapping[str, Any], names: Names) -> Document:
    """Return what the model was asked, without the ids that Codex gives to what it says."""
    items = [
        {key: value for key, value in item.items() if key != "id"} for item in body.get("input", [])
    ]
    told: Document = names.value({**body, "input": items})
    return told


def gist(told: Document) -> Document:
    """Return a document with the requests to the model reduced to what the client has asked for."""
    if "requests" not in told:
        return told
    return {**told, "requests": [_gist_of(request) for request in told["requests"]]}


def _gist_of(request: Document) -> Document:
    texts = [
        part["text"]
        for item in request["input"]
        if item.get("role") == "user"
        for part in item["content"]
        if not part.get("text", "<").startswith("<")
    ]
    effort = (request.get("reasoning") or {}).get("effort")
    return {"model": request["model"], "effort": effort, "said": texts}


def _is_answer(message: Message) -> bool:
    return "id" in message and ("result" in message or "error" in message)


def _events_by_request(messages: Iterable[Message]) -> dict[str, list[Message]]:
    events: dict[str, list[Message]] = {}
    for message in messages:
        if message.get("method") == "codex/event":
            params = message["params"]
            of_request = events.setdefault(str(params["_meta"]["requestId"]), [])
            if params["msg"]["type"] not in UNNUMBERED:
                of_request.append(params)
    # Sorted, because calls that run in parallel mix their events differently in each run.
    return {key: _joined(_without_repeats(events[key])) for key in sorted(events)}


def _without_repeats(events: Iterable[Message]) -> list[Message]:
    """Leave out a snapshot that is the same as the one before it in its turn."""
    last: dict[tuple[str, str], Message] = {}
    told: list[Message] = []
    for event in events:
        msg, key = event["msg"], (event["id"], event["msg"]["type"])
        if msg["type"] in SNAPSHOTS:
            if last.get(key) == msg:
                continue
            last[key] = msg
        told.append(event)
    return told


def _joined(events: Sequence[Message]) -> list[Message]:
    """Leave out the parts of a command's output if they are what its end says as a whole.

    How many parts there are, and whether there is any of a short command, is chance.
    """
    parts: dict[str, str] = {}
    whole: dict[str, str] = {}
    for msg in (event["msg"] for event in events):
        if msg["type"] == "exec_command_output_delta":
            parts[msg["call_id"]] = parts.get(msg["call_id"], "") + _chunk(msg)
        elif msg["type"] == "exec_command_end":
            whole[msg["call_id"]] = msg["aggregated_output"]
    told = {call_id for call_id, text in parts.items() if whole.get(call_id, "").startswith(text)}
    return [
        event
        for event in events
        if event["msg"]["type"] != "exec_command_output_delta"
        or event["msg"]["call_id"] not in told
    ]


def _chunk(msg: Message) -> str:
    return base64.b64decode(msg["chunk"]).decode(errors="replace")


def _learn_event(event: Message, names: Names) -> None:
    msg = event["msg"]
    item = msg.get("item")
    names.learn(event["_meta"].get("threadId"), "thread")
    names.learn(event.get("id"), "turn")
    names.learn(msg.get("call_id") or msg.get("item_id") or msg.get("target_item_id"), "item")
    if msg["type"] == "guardian_assessment":
        names.learn(msg.get("id"), "review")
    if isinstance(item, dict):
        names.learn(item.get("id"), "item")
        for thread in (item.get("agent_thread_id"), *item.get("receiver_thread_ids", [])):
            names.learn(thread, "thread")


def _event_document(event: Message, names: Names) -> Document:
    told: Document = names.value({**event["msg"], "_id": event.get("id"), "_meta": event["_meta"]})
    return told


def _kinds(messages: Iterable[Message]) -> set[str]:
    return {m["params"]["msg"]["type"] for m in messages if m.get("method") == "codex/event"}


def _time(value: object) -> object:
    if isinstance(value, dict):
        return {key: _time(part) for key, part in value.items()}
    return "<time>" if isinstance(value, (int, float)) else value
