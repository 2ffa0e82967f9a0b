"""Tells why Codex does not start in a home on a disk that is full or read-only.

A program, to be started in a mount namespace of its own: `python -m tests.support.unwritable_home
full|read-only HOME`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from codexmcp.appserver.client import AppServer
from codexmcp.errors import AppServerClosedError
from tests.support.real_app_server import launch_options

_SIZE_BYTES = 4096


def mount(disk: str, home: Path) -> None:
    """Mount the disk."""
    options = f"size={_SIZE_BYTES}" if disk == "full" else "ro"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(home)]
    subprocess.run(command, check=True)
    if disk == "full":
        (home / "file").write_bytes(bytes(_SIZE_BYTES))


async def main(home: Path) -> None:
    """Start Codex and print why it does not start."""
    try:
        async with AppServer.launch(launch_options(home)):
            raise AssertionError("Codex has started")
    except AppServerClosedError as error:
        sys.stdout.write(str(error))


if __name__ == "__main__":
    mount(sys.argv[1], Path(sys.argv[2]))
    asyncio.run(main(Path(sys.argv[2])))
