"""Subject `key-proxy`: what a request costs on its way through the key proxy, ours and Codex's.

The proxy alone, without Codex: one connection, a model that answers at once, and streams of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
from collections.abc import Awaitable, Callable, Generator
from functools import partial

import httpx2

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.processes import cpu_ms, resident_mb
from bench.script import Kind, prompt
from bench.stage import KEY, Stage
from codexmcp.codex.access import KeyAccess
from codexmcp.codex.key_proxy import run_key_proxy
from codexmcp.codex.options import KeyProxyOptions
from codexmcp.testing import Deltas, Paced, ScriptedModel

REQUESTS = 100
PIECES = 5
SLOWLY_S = 1.0


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    yield Subject(
        [
            Driver("no proxy", partial(_run, partial(_without, stage))),
            Driver("ours", partial(_run, partial(_behind, stage, "own"))),
            Driver("Codex's", partial(_run, partial(_behind, stage, "codex"))),
        ]
    )


def _run(measured: Callable[[], Awaitable[Sample]]) -> Sample:
    async def run() -> Sample:
        return await measured()

    return asyncio.run(run())


async def _without(stage: Stage) -> Sample:
    return {"start, ms": 0.0, **await _requests(stage.model_url), **await _paced(None)}


async def _behind(stage: Stage, kind: str) -> Sample:
    watch = Stopwatch()
    async with run_key_proxy(_proxy(stage, kind, stage.model_url)) as proxy:
        started_ms = watch.lap_ms()
        sample = await _requests(proxy.base_url)
        pid = proxy.pid
        used = {"CPU, ms": cpu_ms(pid), "memory, MB": resident_mb(pid)}
    return {"start, ms": started_ms, **sample, **used, **await _paced(partial(_proxy, stage, kind))}


def _proxy(stage: Stage, kind: str, base_url: str) -> KeyProxyOptions:
    return KeyProxyOptions(
        stage.pinned, {"PATH": os.environ["PATH"]}, KeyAccess(KEY, base_url), kind
    )


async def _requests(base_url: str) -> Sample:
    watch = Stopwatch()
    async with httpx2.AsyncClient(timeout=60) as http:
        await _ask(http, base_url, prompt())
        first_ms = watch.lap_ms()
        each_ms = [await _timed(http, base_url, prompt()) for _ in range(REQUESTS)]
        long_ms = await _timed(http, base_url, prompt(Kind.LONG))
    return {
        "first request, ms": first_ms,
        "request, ms": statistics.median(each_ms),
        "20,000 pieces, ms": long_ms,
    }


async def _paced(proxied: Callable[[str], KeyProxyOptions] | None) -> Sample:
    """Return how late the first piece is of an answer whose pieces come one by one."""
    async with contextlib.AsyncExitStack() as stack:
        answer = Paced(SLOWLY_S, Deltas("piece ", PIECES))
        model = await stack.enter_async_context(ScriptedModel([answer], surface=None))
        base_url = model.base_url
        if proxied is not None:
            base_url = (await stack.enter_async_context(run_key_proxy(proxied(base_url)))).base_url
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=60))
        body = _body("x")
        watch = Stopwatch()
        async with http.stream("POST", f"{base_url}/responses", json=body) as response:
            seen = b""
            async for data in response.aiter_bytes():
                seen += data
                if b"piece" in seen:
                    break
            return {"first of slow pieces, ms": watch.lap_ms()}


async def _timed(http: httpx2.AsyncClient, base_url: str, asked: str) -> float:
    watch = Stopwatch()
    await _ask(http, base_url, asked)
    return watch.lap_ms()


async def _ask(http: httpx2.AsyncClient, base_url: str, asked: str) -> None:
    response = await http.post(f"{base_url}/responses", json=_body(asked))
    assert response.status_code == httpx2.codes.OK, response.text
    assert "response.completed" in response.text


def _body(asked: str) -> dict[str, object]:
    content = [{"type": "input_text", "text": asked}]
    message = {"type": "message", "role": "user", "content": content}
    return {"model": "m", "stream": True, "input": [message], "tools": json.loads("[]")}
