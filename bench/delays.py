"""Subject `delays`: the longest ping of one client while another one sends costly requests.

The aim is 50 ms. The first driver sends nothing, and measures the noise of the machine.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping

from bench.harness import Driver, Sample, Subject
from bench.http import Server, served
from bench.stage import Stage
from bench.supervised import RunClient, Supervised, supervisor

_MB = 1024 * 1024
_PAUSE_S = 0.01
_ANSWER_S = 120.0

_FRAME = (
    b'{"jsonrpc":"2.0","id":"costly","method":"tools/call","params":{"name":"%s","arguments":{%s}}}'
)
_FILE = b'"path":"file","content":"'
_RUN = b'"prompt":"x","images":["missing"],'


def _schema(part: bytes, count: int) -> bytes:
    return b'"output_schema":{"type":"object","allOf":[' + part * count + b"{}]}"


_HTTP = {
    "keys": ("agentOS_fs_write", b",".join(b'"k%d":1' % number for number in range(2_300_000))),
    "15,000 keys": ("agentOS_fs_write", b",".join(b'"k%d":1' % number for number in range(15_000))),
    "entries": ("agentOS_fs_search", b'"pattern":"x","globs":[' + b"1," * 20_000 + b"1]"),
    "digits": ("agentOS_fs_read", b'"path":[' + (b"1" * 4000 + b",") * 2000 + b"1]"),
    "long path": ("agentOS_fs_read", b'"path":"' + b"a/" * _MB + b'"'),
    "text": ("agentOS_fs_write", _FILE + b"a" * (16 * _MB) + b'"'),
    "text of escapes": ("agentOS_fs_write", _FILE + rb"\n" * 4_999_999 + b'"'),
}
_SOCKET = {
    "keys": ("codex_run", b",".join(b'"k%d":1' % number for number in range(2_300_000))),
    "15,000 keys": ("codex_run", b",".join(b'"k%d":1' % number for number in range(15_000))),
    "entries": ("codex_wait", b'"run_ids":[' + b"1," * 20_000 + b"1]"),
    "long path": ("codex_run", b'"prompt":"x","cwd":"' + b"a/" * _MB + b'"'),
    "long thread": ("codex-reply", b'"prompt":"x","threadId":"' + b"a" * _MB + b'"'),
    "large schema": ("codex_run", _RUN + _schema(b"{},", 4000)),
    "long prompt": ("codex_run", b'"prompt":"' + rb"\n" * _MB + b'","delay_ms":1000000'),
}


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    with served(stage) as server, supervisor(stage, "--max-runs", "1") as supervised:
        yield Subject(
            [
                Driver("nothing is sent", lambda: {**_http(server, {}), **_socket(supervised, {})}),
                Driver("HTTP", lambda: _http(server, _HTTP)),
                Driver("the supervisor's socket", lambda: _socket(supervised, _SOCKET)),
            ],
            max_rounds=3,
        )


def _http(server: Server, costly: Mapping[str, tuple[str, bytes]]) -> Sample:
    def post(body: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_ANSWER_S)
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {server.token}",
        }
        with contextlib.closing(connection):
            connection.request("POST", "/mcp", body, headers)
            connection.getresponse().read()

    ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    return {
        f"HTTP, {name}: longest ping, ms": _longest_ms(
            lambda: post(ping), functools.partial(post, body)
        )
        for name, body in _bodies(costly)
    }


def _socket(supervised: Supervised, costly: Mapping[str, tuple[str, bytes]]) -> Sample:
    def send(client: RunClient, line: bytes) -> None:
        assert client.process.stdin is not None
        client.process.stdin.write(line + b"\n")
        client.process.stdin.flush()
        client.read_until(lambda message: message.get("id") == "costly")

    with supervised.client() as quiet, supervised.client() as loud:
        return {
            f"socket, {name}: longest ping, ms": _longest_ms(
                lambda: quiet.call("ping", {}), functools.partial(send, loud, body)
            )
            for name, body in _bodies(costly)
        }


def _bodies(costly: Mapping[str, tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for name, (tool, arguments) in (costly or {"a small request": ("none", b"")}).items():
        yield name, _FRAME % (tool.encode(), arguments)


def _longest_ms(ping: Callable[[], object], request: Callable[[], object]) -> float:
    """Return the longest time in ms that a ping takes while a request is answered."""
    done, longest = threading.Event(), 0.0

    def pings() -> None:
        nonlocal longest
        while not done.is_set():
            began = time.perf_counter()
            ping()
            longest = max(longest, time.perf_counter() - began)
            time.sleep(_PAUSE_S)

    thread = threading.Thread(target=pings)
    thread.start()
    try:
        time.sleep(10 * _PAUSE_S)
        request()
    finally:
        done.set()
        thread.join()
    return 1000 * longest
