"""Runs a program to its end, and tells what is left of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """A program that has ended.

    Attributes:
        code: Its exit code.
        out: What it wrote to stdout.
        err: What it wrote to stderr.
    """

    code: int
    out: str
    err: str


async def run_to_end(
    argv: Sequence[str], env: Mapping[str, str], *, cwd: Path | None = None, bound_s: float
) -> Ended:
    """Run a program with nothing on its stdin; kill it when it takes too long.

    Args:
        argv: The program and its arguments.
        env: Its whole environment.
        cwd: Its working directory; None means ours.
        bound_s: Bound on it, in seconds.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(bound_s):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())
