"""Causes of a process's end that exit code and stderr do not show plainly.

Imports only the standard library: every container uses this module, too.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

ENGINES = frozenset({"docker", "podman"})

OUT_OF_MEMORY = (
    "the container is out of memory: give it more (--memory, mem_limit, limits.memory), or less to "
    "do at once"
)

_ENGINE_GONE = re.compile(
    r"cannot connect to (?:the docker daemon|podman)|error during connect"
    r"|unable to connect to podman|error waiting for container: unexpected EOF",
    re.IGNORECASE,
)
_KILLED = 128 + signal.SIGKILL
_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Source: cgroups(7), versions 2 and 1, as seen inside a container. A machine has the second."""
_IN_CONTAINER = ("/.dockerenv", "/run/.containerenv", "/app/scripts/entrypoint.sh")


def explanation(name: str, code: int, said: str) -> str:
    """Return the cause of an end and the remedy; empty if unknown.

    Args:
        name: The program, for example `codex`, or `docker` for a program in a container.
        code: The exit code; negative for a signal.
        said: The last lines of stderr.
    """
    if name in ENGINES and _ENGINE_GONE.search(said):
        return f"the container engine {name} is not running, or was stopped: start it and try again"
    if name in ENGINES and (code == _KILLED or OUT_OF_MEMORY in said):
        return OUT_OF_MEMORY if OUT_OF_MEMORY in said else f"killed; perhaps {OUT_OF_MEMORY}"
    if code == -signal.SIGKILL and memory_ran_out():
        return OUT_OF_MEMORY
    return ""


def memory_ran_out(root: Path = Path("/")) -> bool:
    """Return whether the kernel's OOM killer has killed a process of this container.

    Args:
        root: Root of the system's files.
    """
    if not any((root / place[1:]).exists() for place in _IN_CONTAINER):
        return False
    for counter in _COUNTERS:
        try:
            text = (root / counter[1:]).read_text(encoding="ascii")
        except OSError:
            continue
        if re.search(r"^oom_kill [1-9]", text, re.MULTILINE):
            return True
    return False
