"""What a process uses, by /proc."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_S = os.sysconf("SC_CLK_TCK")
_MB = 1000 * 1000


def cpu_ms(pid: int, *, with_children: bool = False) -> float:
    """Return the processor time that a process has used, in steps of 10 ms.

    Args:
        pid: The process.
        with_children: Whether to add that of children which have ended.
    """
    times = _stat(pid)[11 : 15 if with_children else 13]
    return sum(map(int, times)) * 1000 / _TICKS_S


def resident_mb(pid: int, *, peak: bool = False) -> float:
    """Return the memory that a process holds, or the most that it ever held."""
    name = "VmHWM" if peak else "VmRSS"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / _MB


def shared_out_mb(pids: Iterable[int]) -> float:
    """Return the memory of processes, what they share counted once (PSS)."""
    total_kb = 0
    for pid in pids:
        # One may end while it is looked at.
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            line = next(line for line in lines if line.startswith("Pss:"))
            total_kb += int(line.split()[1])
    return total_kb * 1024 / _MB


def tree(*roots: int) -> set[int]:
    """Return processes with all that they have started and that still run."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found, left = set[int](), [*roots]
    while left:
        found.add(pid := left.pop())
        left += children.get(pid, ())
    return found


def free_mb() -> float:
    """Return the memory that further processes can have."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    line = next(line for line in lines if line.startswith("MemAvailable:"))
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
