"""What a process uses, by /proc."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TICKS_S = os.sysconf("SC_CLK_TCK")
_MB = 1000 * 1000


def cpu_ms(pid: int) -> float:
    """Return the processor time that a process has used, in steps of 10 ms."""
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) * 1000 / _TICKS_S


def resident_mb(pid: int, *, peak: bool = False) -> float:
    """Return the memory that a process holds, or the most that it ever held."""
    name = "VmHWM" if peak else "VmRSS"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / _MB


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def written_mb(pid: int) -> float:
    """Return what a process has had written to disks."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    line = next(line for line in lines if line.startswith("write_bytes:"))
    return int(line.split()[1]) / _MB


def child_of(parent: int, argument: str) -> int:
    """Return the process that another has started with an argument."""
    children = []
    for entry in Path("/proc").glob("[0-9]*"):
        # It may end while it is looked at.
        with contextlib.suppress(OSError):
            arguments = (entry / "cmdline").read_bytes().decode().split("\0")
            if int(_stat(int(entry.name))[1]) == parent and argument in arguments:
                children.append(int(entry.name))
    assert len(children) == 1, children
    return children[0]


def folder_mb(folder: Path) -> float:
    """Return what the files in a folder take on the disk."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sum(file.stat().st_blocks for file in files) * 512 / _MB


def _stat(pid: int) -> list[str]:
    # The second field, the name in parentheses, may hold spaces.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
