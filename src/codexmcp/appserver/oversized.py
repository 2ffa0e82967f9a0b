"""Reduction of Codex's messages that would take long to decode, in a separate process.

A tool server may answer with JSON of any shape and size, forwarded by Codex. Decoding in this
process would block all clients.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from codexmcp.appserver import reducing
from codexmcp.appserver.child import Child
from codexmcp.errors import CodexBinaryError
from codexmcp.jsonrpc.framing import MAX_LINE_BYTES
from codexmcp.jsonrpc.structure import Bounds

logger = logging.getLogger(__name__)

BOUNDS = Bounds(MAX_LINE_BYTES, parts=200_000, depth=1000, bare_bytes=4 * 1024 * 1024)
"""Bounds on a message to decode directly. A conversation of 10,000 items, as an answer to
`thread/read`, has fewer parts."""

_TIMEOUT_S = 60.0


async def reduce(line: bytes) -> bytes:
    """Return a message of Codex with oversized free-form JSON removed.

    After a failure, returns the message unchanged: late, but not lost.
    """
    try:
        child = await Child.start(
            [sys.executable, "-I", str(Path(reducing.__file__))], env={}, die_with_parent=True
        )
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer, _ = await asyncio.gather(child.stdout.read(), _give(child, line))
                if await child.exited(_TIMEOUT_S) and child.returncode == 0:
                    return answer
        finally:
            await child.stop(eof_grace_s=0, term_grace_s=0)
        logger.warning("cannot reduce a large message of Codex: %s", child.stderr_tail)
    except (CodexBinaryError, OSError, TimeoutError) as error:
        logger.warning("cannot reduce a large message of Codex: %s", error)
    return line


async def _give(child: Child, line: bytes) -> None:
    child.stdin.write(line)
    await child.stdin.drain()
    child.stdin.close()
