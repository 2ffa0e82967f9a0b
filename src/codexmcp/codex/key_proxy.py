"""The key proxy: Codex's access to the model without the key.

Owns the proxy's process: the forwarder, or Codex's own proxy. The key goes to the process through a
pipe and nowhere else: not to disk, to a command line, or to an environment. The proxy ends with
this process, even after a kill.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from codexmcp.appserver.child import Child
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.codex.options import KeyProxyOptions
from codexmcp.codex.prestart import Prestart, leading_to, proxy_url, spawn_forwarder
from codexmcp.data_classes import dataclass
from codexmcp.settings import CODEX_KEY_PROXY

CAUSE_LIFETIME_S = 15.0
"""Age limit of an error as the cause of current failures, in seconds. Codex waits up to 14 s
between tries, and a message about a past outage would mislead the reader of another failure."""

_WATCH_S = 0.2


@contextlib.asynccontextmanager
async def run_key_proxy(
    options: KeyProxyOptions, prestart: Prestart | None = None
) -> AsyncGenerator[RunningProxy, None]:
    """Run the proxy while the block runs.

    Args:
        options: How to run the proxy.
        prestart: May have a forwarder that runs already.

    Raises:
        ConfigurationError: The proxy did not come up.
    """
    last_error = _LastError()
    child, port = await _started(options, prestart, last_error)
    try:
        yield RunningProxy(proxy_url(port), options.access.base_url, child, last_error)
    finally:
        await asyncio.shield(child.stop(eof_grace_s=0))


async def _started(
    options: KeyProxyOptions, prestart: Prestart | None, last_error: _LastError
) -> tuple[Child, int]:
    if options.kind == CODEX_KEY_PROXY:
        from codexmcp.codex.codex_proxy import start_codex_proxy  # noqa: PLC0415 - rarely used

        return await start_codex_proxy(options.codex, options.env, options.access, last_error.take)
    taken = None if prestart is None else prestart.take_proxy()
    spawned, port = taken or spawn_forwarder(options)
    return await Child.own(spawned, on_stderr=last_error.take), port


class _LastError:
    """The proxy's last error message, until expiry."""

    def __init__(self) -> None:
        self._last = ""
        self._told_at = 0.0

    def take(self, line: str) -> None:
        if "error" in line:
            self._last = line.removeprefix("error: ")
            self._told_at = asyncio.get_running_loop().time()

    @property
    def fresh(self) -> list[str]:
        age_s = asyncio.get_running_loop().time() - self._told_at
        return [self._last] if self._last and age_s <= CAUSE_LIFETIME_S else []


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """A running proxy.

    Attributes:
        base_url: The endpoint for Codex, without a key.
        endpoint: The user's endpoint, behind the proxy.
    """

    base_url: str
    endpoint: str
    _child: Child
    _last_error: _LastError

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def applied_to(self, launch: LaunchOptions) -> LaunchOptions:
        """Return launch options for an app-server with access through the proxy."""
        return leading_to(launch, self.base_url, self.endpoint)

    @property
    def aliases(self) -> dict[str, str]:
        """Replacements for displayed texts: the proxy's URL by the user's endpoint."""
        return {self.base_url: self.endpoint}

    async def ended(self) -> str:
        """Wait for the end of the proxy, and return the cause."""
        while self._child.returncode is None:  # noqa: ASYNC110 - its exit sets no event
            await asyncio.sleep(_WATCH_S)
        return self.failure_cause

    @property
    def failure_cause(self) -> str:
        """The proxy's report on current failures, or its exit; empty if none."""
        ended = self._child.returncode is not None
        lines = [self._child.describe_exit()] if ended else []
        return "; ".join(lines + self._last_error.fresh)


def explained(error: str, cause: str) -> str:
    """Return an error of Codex, extended by the cause known to the key proxy.

    Args:
        error: The error.
        cause: The proxy's report; may be empty.

    Source: Codex's own proxy answers 500 if the endpoint is unreachable, which Codex reports as
    high demand.
    """
    # The forwarder's answers contain the cause.
    if not cause or cause in error:
        return error
    if "high demand" not in error:
        return f"{error} (the key proxy: {cause})"
    return f"{error} In fact the endpoint could not be reached (the key proxy: {cause})"
