"""Start of Codex's own key proxy, for `CODEXMCP_KEY_PROXY=codex`.

Source: `codex responses-api-proxy`, a hidden command of 0.153.4, 0.163.0 and 0.169.0. The proxy
forwards only `POST /v1/responses`, accepts only keys of letters, digits, `-` and `_`, and hides an
upstream's broken answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from codexmcp.appserver.child import Child
from codexmcp.codex.access import KeyAccess
from codexmcp.errors import ConfigurationError

START_TIMEOUT_S = 10.0
"""Bound on the proxy's start, which takes about 10 ms."""

_POLL_S = 0.002


async def start_codex_proxy(
    codex: Path, env: Mapping[str, str], access: KeyAccess, on_stderr: Callable[[str], None]
) -> tuple[Child, int]:
    """Start the proxy; return the process and the port.

    Args:
        codex: The Codex binary.
        env: The whole environment.
        access: The key and the endpoint.
        on_stderr: Called with each line of stderr.

    Raises:
        ConfigurationError: The proxy did not become ready.
        CodexBinaryError: The binary cannot be started.
    """
    # Removed as early as possible: a kill would leave the folder behind.
    with tempfile.TemporaryDirectory(prefix="codexmcp-") as folder:
        info = Path(folder) / "proxy.json"
        options = ("--server-info", str(info), "--upstream-url", f"{access.base_url}/responses")
        child = await Child.start(
            [str(codex), "responses-api-proxy", *options],
            env=env,
            # The proxy ignores the end of stdin.
            die_with_parent=True,
            on_stderr=on_stderr,
        )
        try:
            # `_await_port` reports a program that ends before reading.
            with contextlib.suppress(ConnectionError):
                child.stdin.write(access.key.encode() + b"\n")
                await child.stdin.drain()
                child.stdin.close()
            return child, await _await_port(child, info)
        except BaseException:
            await asyncio.shield(child.stop(eof_grace_s=0))
            raise


async def _await_port(child: Child, info: Path) -> int:
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
    while asyncio.get_running_loop().time() < deadline and child.returncode is None:
        # The file is written in two steps, so a read may get half of the content.
        with contextlib.suppress(OSError, ValueError, KeyError):
            return int(json.loads(info.read_bytes())["port"])  # noqa: ASYNC240 - a few bytes
        await asyncio.sleep(_POLL_S)
    raise ConfigurationError(
        f"the key proxy `codex responses-api-proxy` did not start: {child.describe_exit()}; "
        f"{await child.last_words() or 'no error message'}"
    )
