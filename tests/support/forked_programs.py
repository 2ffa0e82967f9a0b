"""A program: runs programs of ours in forks of itself, with streams, folder and signals as asked.

Reads a list of jobs as JSON from stdin and writes a list of results to stdout. A fork costs less
than a new interpreter, and nothing of ours is imported before it.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SHARED = (
    *("argparse", "asyncio", "contextlib", "dataclasses", "datetime", "difflib", "enum", "fcntl"),
    *("http.client", "logging", "pathlib", "secrets", "shutil", "socket", "sqlite3", "subprocess"),
    *("tomllib", "typing", "urllib.parse", "uuid", "tomlkit", "yaml", "jsonschema", "h11"),
)
"""Modules of others, imported once for all forks."""

FIRST = {"codexmcp", "codexmcp.entry", "codexmcp.cli", "codexmcp.agents", "codexmcp.picker"}
"""Modules that are imported before a program can take precautions."""


class Interrupter:
    """Sends Ctrl-C when a further module of ours is about to be imported."""

    def __init__(self, program: str) -> None:
        self._first = FIRST | {program.partition(":")[0]}

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        if name.startswith("codexmcp") and name not in self._first:
            os.kill(os.getpid(), signal.SIGINT)


def become(job: dict[str, Any]) -> int:
    """Be a program, in the fork."""
    program: str = job["program"]
    os.chdir(job["cwd"])
    if job["gone"]:
        Path(job["cwd"]).rmdir()
    os.environ.clear()
    os.environ.update(job["env"])
    if job["stdout"] == "closed":
        os.close(1)
        sys.stdout = None
    else:
        os.dup2(_writable(job["stdout"]), 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if job["interrupt"]:
        sys.meta_path.insert(0, Interrupter(program))
    sys.argv = [program, *job["arguments"]]
    try:
        if program.endswith(".py"):
            runpy.run_path(program, run_name="__main__")
            return 0
        module, _, function = program.partition(":")
        return int(getattr(importlib.import_module(module), function)())
    except SystemExit as end:
        return int(end.code or 0)


def _writable(kind: str) -> int:
    if kind == "pipe":
        read, write = os.pipe()
        os.close(read)
        return write
    return os.open({"full": "/dev/full", "null": os.devnull}[kind], os.O_WRONLY)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run a program in a fork, and return its exit code and what it wrote to stderr."""
    with tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(err.fileno(), 2)
            code = 99
            try:
                code = become(job)
                sys.stderr.flush()
            except BaseException:  # noqa: BLE001 - as the interpreter does
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        err.seek(0)
        said = err.read().decode(errors="replace")
    return {"code": os.waitstatus_to_exitcode(status), "err": said}


if __name__ == "__main__":
    for name in SHARED:
        importlib.import_module(name)
    jobs = json.load(sys.stdin)
    print(json.dumps([run(job) for job in jobs]))  # noqa: T201 - the results
