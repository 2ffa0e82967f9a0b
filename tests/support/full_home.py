"""A program: gives a task at a door while the Codex home is on a disk that is full.

To be started in a mount namespace of its own: `python -m tests.support.full_home WHEN DOOR DISK`.
Mounts a small disk at DISK, fills it before the door is opened (`before`) or once what serves the
task is up (`meanwhile`), and prints what was told, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from tests.support.doors import DOORS, Told, place
from tests.support.programs import KEY, fresh_project

_SIZE_BYTES = 64 * 1024 * 1024
"""Room for a Codex home."""


def mount(disk: Path) -> None:
    """Mount the disk."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_BYTES},mode=700", "tmpfs", str(disk)]
    subprocess.run(command, check=True)


def fill(disk: Path) -> None:
    """Leave no room on the disk."""
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


async def try_door(when: str, door: str, disk: Path) -> Told:
    """Give a task at a door."""
    home = disk / "home"
    home.mkdir(mode=0o700)
    # A supervisor's socket is not on the disk.
    with fresh_project() as project, tempfile.TemporaryDirectory(prefix="full-") as runtime:
        reach = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
        here = place(project, home, **reach, XDG_RUNTIME_DIR=runtime)
        if when == "before":
            fill(disk)
        else:
            here = replace(here, on_up=lambda: fill(disk))
        return await DOORS[door](here)


if __name__ == "__main__":
    when, door, disk = sys.argv[1:]
    mount(Path(disk))
    print(json.dumps(asdict(asyncio.run(try_door(when, door, Path(disk))))))  # noqa: T201 - the result
