"""Deliver an outcome on a connection: a valid answer, or a realistic fault.

Owns the mapping from outcome to bytes and connection ends. A disconnected client ends the delivery.
Must not import the rule or the server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import assert_never
from uuid import uuid4

from codexmcp.rehearsal.encoding import (
    encode_event,
    failed_events,
    response_object,
    stream_events,
)
from codexmcp.rehearsal.http import Headers, ModelConnection
from codexmcp.rehearsal.outcome import (
    Cut,
    Delay,
    Failed,
    HTTPError,
    Nonsense,
    Outcome,
    Paced,
    Reset,
    Stall,
)
from codexmcp.rehearsal.request import Request
from codexmcp.rehearsal.responses import JSONObject, Reply

_JSON: Headers = [("content-type", "application/json")]
_EVENTS: Headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]
_WRITE_BYTES = 32 * 1024


async def deliver(connection: ModelConnection, request: Request, outcome: Outcome) -> None:
    """Answer a request with an outcome.

    Args:
        connection: The request's connection.
        request: The request, which selects between events and a single JSON object.
        outcome: The outcome.

    Raises:
        ConnectionError: The client disconnected.
    """
    match outcome:
        case Reply() | Failed():
            await _answer(connection, request, outcome)
        case HTTPError():
            await send_error(connection, outcome)
        case Delay(seconds=seconds, then=then):
            if not await _hung_up_within(connection, seconds):
                await deliver(connection, request, then)
        case Paced(seconds=seconds, of=reply):
            await _pace(connection, request, reply, seconds)
        case Cut(after_events=count, of=reply):
            await _begin(connection, request, reply, count)
            connection.close()
        case Stall(seconds=seconds, after_events=count, of=reply):
            if count:
                await _begin(connection, request, reply, count)
            await _hung_up_within(connection, seconds)
            connection.close()
        case Reset():
            connection.reset()
        case Nonsense():
            await _babble(connection, outcome)
        case _:
            assert_never(outcome)


async def send_json(connection: ModelConnection, status: int, body: JSONObject) -> None:
    """Send a JSON object as a whole response."""
    await connection.respond(status, _JSON, _json(body))


async def send_error(connection: ModelConnection, error: HTTPError) -> None:
    """Send an HTTP error in OpenAI's form, or with the error's own body."""
    default = {"error": {"message": error.message, "type": error.type, "code": error.code}}
    body = default if error.body is None else error.body
    headers = [*_JSON, *error.headers.items()]
    data = body if isinstance(body, bytes) else _json(body)
    await connection.respond(error.status, headers, data)


async def _answer(connection: ModelConnection, request: Request, answer: Reply | Failed) -> None:
    if not request.streams:
        await _answer_whole(connection, request, answer)
        return
    pending = bytearray(connection.start_of_stream(_EVENTS))
    for event in _events(request, answer):
        pending += connection.part_of_stream(event)
        if len(pending) > _WRITE_BYTES:
            await connection.write(bytes(pending))
            pending.clear()
            # `drain` does not yield to a fast client; other connections need time, too.
            await asyncio.sleep(0)
    await connection.write(bytes(pending) + connection.end_of_stream())


async def _answer_whole(
    connection: ModelConnection, request: Request, answer: Reply | Failed
) -> None:
    response_id = uuid4().hex
    if isinstance(answer, Reply):
        await send_json(connection, 200, response_object(answer, response_id, request.model))
        return
    *_, last = failed_events(answer.code, answer.message, response_id, request.model)
    await send_json(connection, 200, last["response"])


async def _pace(
    connection: ModelConnection, request: Request, reply: Reply, seconds: float
) -> None:
    if not request.streams:
        if not await _hung_up_within(connection, seconds):
            await _answer_whole(connection, request, reply)
        return
    events = [*_events(request, reply)]
    await connection.write(connection.start_of_stream(_EVENTS))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, event in enumerate(events, 1):
        # By the clock, so a late wake-up does not delay all following events.
        await asyncio.sleep(began + seconds * number / len(events) - loop.time())
        await connection.write(connection.part_of_stream(event))
    await connection.write(connection.end_of_stream())


async def _begin(connection: ModelConnection, request: Request, reply: Reply, count: int) -> None:
    if request.streams:
        parts: Iterable[bytes] = map(connection.part_of_stream, _events(request, reply))
        head = connection.start_of_stream(_EVENTS)
        await connection.write(head + b"".join(islice(parts, count)))
        return
    body = _json(response_object(reply, uuid4().hex, request.model))
    head = connection.start_of_stream(_JSON)
    await connection.write(head + connection.part_of_stream(body[: len(body) // 2]))


def _events(request: Request, answer: Reply | Failed) -> Iterator[bytes]:
    response_id = uuid4().hex
    if isinstance(answer, Reply):
        return map(encode_event, stream_events(answer, response_id, request.model))
    failed = failed_events(answer.code, answer.message, response_id, request.model)
    return map(encode_event, failed)


async def _babble(connection: ModelConnection, nonsense: Nonsense) -> None:
    if nonsense.as_events:
        head = connection.start_of_stream(_EVENTS)
        body = connection.part_of_stream(nonsense.data)
        await connection.write(head + body + connection.end_of_stream())
        return
    await connection.write(nonsense.data)
    connection.close()


async def _hung_up_within(connection: ModelConnection, seconds: float | None) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await connection.hung_up()
            return True
    return False


def _json(body: JSONObject) -> bytes:
    return json.dumps(dict(body), separators=(",", ":")).encode()
