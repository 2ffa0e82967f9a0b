"""Runs a rehearsal's model server on its own until SIGTERM or SIGINT.

The first line on stdout is its base URL. Nothing else is printed there.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Sequence

from codexmcp.rehearsal.rule import decide
from codexmcp.rehearsal.server import ModelServer


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the rehearsal's rule.

    Args:
        argv: The arguments after the program's name; None takes the process's own.
    """
    parser = argparse.ArgumentParser(prog="python -m codexmcp.rehearsal", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes a free one")
    arguments = parser.parse_args(argv)
    asyncio.run(_serve(arguments.host, arguments.port))


async def _serve(host: str, port: int) -> None:
    stopped = asyncio.Event()
    # As PID 1 of a container, a process without handlers would ignore these signals.
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    async with ModelServer(lambda request: decide(request.body), host, port) as server:
        print(server.base_url, flush=True)  # noqa: T201  (what the caller waits for)
        await stopped.wait()


if __name__ == "__main__":
    main()
