"""Runs Codex's own key proxy, so that Codex reaches the model without holding the key.

Owns the proxy's process. The key goes to it through stdin and nowhere else: not to disk, to a
command line, nor to any environment. Its life is bound to ours.

Source: `codex responses-api-proxy`, a hidden command of 0.153.4, 0.163.0 and 0.169.0. It forwards
`POST /v1/responses` only, on an ephemeral loopback port that any local process can reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codexmcp.appserver.child import Child
from codexmcp.errors import ConfigurationError
from codexmcp.home.access import KeyAccess

START_TIMEOUT_S = 10.0
"""Bound on the proxy's start, which takes about 10 ms."""

TROUBLE_S = 15.0
"""How long an error counts for what fails now. Codex waits up to 14 s before it tries again, and
what the proxy said about an outage that has passed would mislead whoever reads of another failure.
"""

_POLL_S = 0.002
_WATCH_S = 0.2


@dataclass(frozen=True, slots=True)
class KeyProxy:
    """How to run the proxy.

    Attributes:
        codex: The Codex binary, of which the proxy is a command.
        env: The proxy's environment, without secrets.
        access: The key and where it is good for.
    """

    codex: Path
    env: Mapping[str, str]
    access: KeyAccess

    @contextlib.asynccontextmanager
    async def start(self) -> AsyncGenerator[RunningProxy, None]:
        """Run the proxy while the block runs.

        Raises:
            ConfigurationError: It did not come up.
        """
        async with contextlib.AsyncExitStack() as stack:
            # Gone before anything else happens: a kill would leave the folder behind.
            with tempfile.TemporaryDirectory(prefix="codexmcp-") as folder:
                info = Path(folder) / "proxy.json"
                complaints = _Complaints()
                child = await self._spawn(info, complaints)
                stack.push_async_callback(_stop, child)
                # A program that ends before it reads is reported by `_await_port`.
                with contextlib.suppress(ConnectionError):
                    child.stdin.write(self.access.key.encode() + b"\n")
                    await child.stdin.drain()
                    child.stdin.close()
                port = await _await_port(child, info)
            yield RunningProxy(f"http://127.0.0.1:{port}/v1", child, complaints)

    async def _spawn(self, info: Path, complaints: _Complaints) -> Child:
        upstream = f"{self.access.base_url}/responses"
        options = ("--server-info", str(info), "--upstream-url", upstream)
        return await Child.start(
            [str(self.codex), "responses-api-proxy", *options],
            env=self.env,
            # It does not notice the end of its stdin.
            die_with_parent=True,
            on_stderr=complaints.take,
        )


async def _stop(child: Child) -> None:
    await asyncio.shield(child.stop(eof_grace_s=0))


class _Complaints:
    """The last error that the proxy has told of, for as long as it counts."""

    def __init__(self) -> None:
        self._last = ""
        self._told_at = 0.0

    def take(self, line: str) -> None:
        if "error" in line:
            self._last, self._told_at = line, asyncio.get_running_loop().time()

    @property
    def fresh(self) -> list[str]:
        age_s = asyncio.get_running_loop().time() - self._told_at
        return [self._last] if self._last and age_s <= TROUBLE_S else []


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """A proxy that runs.

    Attributes:
        base_url: The endpoint for Codex, which needs no key there.
    """

    base_url: str
    _child: Child
    _complaints: _Complaints

    async def ended(self) -> str:
        """Wait until the proxy ends, and return how it did."""
        while self._child.returncode is None:  # noqa: ASYNC110 - its exit sets no event
            await asyncio.sleep(_WATCH_S)
        return self._child.describe_exit()

    @property
    def trouble(self) -> str:
        """What the proxy says of requests that fail now, or how it ended; empty if nothing."""
        ended = self._child.returncode is not None
        lines = [self._child.describe_exit()] if ended else []
        return "; ".join(lines + self._complaints.fresh)


def explained(error: str, trouble: str, endpoint: str = "the model's endpoint") -> str:
    """Return an error of Codex with the cause that only the key proxy knows.

    Args:
        error: The error.
        trouble: What the proxy has to say; empty for nothing.
        endpoint: What is behind it.

    Source: the proxy answers 500 when it cannot reach the endpoint, which Codex takes for high
    demand.
    """
    if not trouble:
        return error
    if "high demand" not in error:
        return f"{error} (the key proxy: {trouble})"
    return f"{error} In fact {endpoint} could not be reached (the key proxy: {trouble})"


async def _await_port(child: Child, info: Path) -> int:
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
    while asyncio.get_running_loop().time() < deadline and child.returncode is None:
        # The file is written in two steps, so half of it may be there.
        with contextlib.suppress(OSError, ValueError, KeyError):
            return int(json.loads(info.read_bytes())["port"])  # noqa: ASYNC240 - a few bytes
        await asyncio.sleep(_POLL_S)
    raise ConfigurationError(
        f"the key proxy `codex responses-api-proxy` did not come up: {child.describe_exit()}; "
        f"{await child.last_words() or 'it said nothing'}"
    )
