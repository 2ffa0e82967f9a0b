"""Runs a rehearsal's model server: for one program, or on its own until SIGTERM or SIGINT.

On its own the first line on stdout is its base URL. Nothing else is printed there.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexmcp.network import direct_to_loopback
from codexmcp.rehearsal.rule import decide
from codexmcp.rehearsal.server import ModelServer

KEY = "rehearsal"

_REPLACED = ("CODEX_MCP_WRAPPER_CODEX_HOME", "CODEX_MCP_WRAPPER_POINTER_DIR", "OPENAI_API_KEY_FILE")
"""Variables that would lead a rehearsed program to the user's own home, runs or key."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the rehearsal's rule; return the exit code of the program, if there is one.

    Args:
        argv: The arguments after the program's name; None means those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m codexmcp.rehearsal", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes a free one")
    parser.add_argument("--home", type=Path, help="Codex home of the program")
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="PROGRAM [ARGUMENT...]",
        help="Python program to run against the server, with a placeholder key",
    )
    return asyncio.run(_serve(parser.parse_args(argv)))


async def _serve(arguments: argparse.Namespace) -> int:
    stopped = asyncio.Event()
    # As PID 1 of a container, a process without handlers would ignore these signals.
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    host, port = arguments.host, arguments.port
    async with ModelServer(lambda request: decide(request.body), host, port) as server:
        if not arguments.program:
            print(server.base_url, flush=True)  # noqa: T201  (what the caller waits for)
            await stopped.wait()
            return 0
        env = rehearsed(os.environ, server.base_url, arguments.home or default_home())
        program = await asyncio.create_subprocess_exec(
            sys.executable, *arguments.program, env=direct_to_loopback(env)
        )
        ending = asyncio.create_task(program.wait())
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ending.done():
            # Ctrl-C has reached it already, which then takes this for the same.
            program.terminate()
        code = await ending
    return 128 - code if code < 0 else code


def rehearsed(env: Mapping[str, str], base_url: str, home: Path) -> dict[str, str]:
    """Return the environment of a program whose model is the rehearsal's. Makes the home.

    Args:
        env: Our own.
        base_url: The rehearsal's model.
        home: Its Codex home, whose configuration must name no other provider.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {name: each for name, each in env.items() if name not in _REPLACED}
    return {
        **kept,
        "CODEX_HOME": str(home.absolute()),
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": base_url,
        # The Agents SDK would send its traces to OpenAI.
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
    }


def default_home() -> Path:
    """Return the Codex home of rehearsed programs.

    Source: Codex makes no helper binary below the system's temporary folder, and without one its
    sandbox does not work on a machine with bubblewrap (0.163.0).
    """
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "codexmcp", "rehearsal")


if __name__ == "__main__":
    sys.exit(main())
