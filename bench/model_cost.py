"""Subject `model`: what the scripted model itself costs, which is part of every other figure."""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
from collections.abc import Generator
from urllib.parse import urlsplit

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.script import answer_to
from bench.stage import Stage

REQUEST_BYTES = 64 * 1024
"""About what Codex sends for a short prompt: instructions, tools, context."""

_CALLS = 20


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    yield Subject([Driver("scripted model", lambda: _measure(stage))])


def _measure(stage: Stage) -> Sample:
    address = urlsplit(stage.model_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    body = json.dumps(
        {
            "model": "gpt-5.5",
            "stream": True,
            "instructions": "x" * REQUEST_BYTES,
            "input": [{"type": "message", "role": "user", "content": "ping"}],
        }
    )
    times_ms: list[float] = []
    for _ in range(_CALLS):
        watch = Stopwatch()
        headers = {"content-type": "application/json"}
        connection.request("POST", f"{address.path}/responses", body, headers)
        answer = connection.getresponse().read()
        times_ms.append(watch.lap_ms())
        assert answer_to("ping").encode() in answer
    connection.close()
    return {"request to last byte, ms": statistics.median(times_ms)}
