"""The identity of a process, distinct even from a later process with the same process id.

A process id alone is reused. With the start time, the boot, the pid namespace and the host the
identity is unique, and shows whether this process can judge the other process. Imports nothing
heavy: a relay needs this module before anything else.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
import sys
from pathlib import Path

from codexmcp.data_classes import dataclass, fields

_DIGEST_CHARACTERS = 10
_SEPARATOR = "-"


class ProcessLife(enum.Enum):
    """The life of a process, as far as known to this process."""

    RUNNING = enum.auto()
    ENDED = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process.

    Attributes:
        pid: Process id, within the pid namespace.
        start: Start time: in clock ticks since the boot on Linux, else a digest.
        boot: Digest of the boot of the kernel.
        namespace: Pid namespace on Linux, else empty.
        host: Digest of the name and the machine id of the host.
    """

    pid: int
    start: str
    boot: str
    namespace: str
    host: str

    @classmethod
    def own(cls) -> ProcessIdentity:
        """Return the identity of this process."""
        pid = os.getpid()
        return cls(pid, _start_time(pid) or "", _boot(), _namespace(), _host())

    @classmethod
    def parse(cls, text: str) -> ProcessIdentity | None:
        """Return the identity in a text from `str`; None for any other text."""
        pid, *rest = text.split(_SEPARATOR)
        is_pid = pid.isascii() and pid.isdigit()
        return cls(int(pid), *rest) if is_pid and len(rest) == 4 else None  # noqa: PLR2004

    def __str__(self) -> str:
        return _SEPARATOR.join(str(getattr(self, each.name)) for each in fields(self))

    @property
    def is_of_this_boot(self) -> bool:
        """The process was started since the boot of the running kernel."""
        return self.boot == _boot()

    @property
    def is_of_this_host(self) -> bool:
        """The process was started on this host."""
        return self.host == _host()

    def life(self) -> ProcessLife:
        """Return the life of the process: unknown for another host or another pid namespace."""
        if not self.is_of_this_boot:
            return ProcessLife.ENDED if self.is_of_this_host else ProcessLife.UNKNOWN
        if self.namespace != _namespace():
            return ProcessLife.UNKNOWN
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return ProcessLife.ENDED
        except PermissionError:
            # The process belongs to another user; the start time confirms the identity.
            pass
        start = _start_time(self.pid)
        if start is None or not self.start:
            return ProcessLife.UNKNOWN
        return ProcessLife.RUNNING if start == self.start else ProcessLife.ENDED


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process on this host; empty if unreadable."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            data = Path(f"/proc/{pid}/cmdline").read_bytes()
            return data.decode(errors="replace").split("\0")
        return []
    return _output("ps", "-o", "args=", "-p", str(pid)).split()


def _start_time(pid: int) -> str | None:
    """Return the start time of a process; "ended" for a zombie, None if unreadable.

    Source: proc_pid_stat(5): field 22, after a name in parentheses, possibly with spaces.
    """
    if sys.platform != "linux":
        started = _output("ps", "-o", "lstart=", "-p", str(pid))
        return _digest(started) if started else None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return "ended" if fields[0] in "ZX" else fields[19]


def _boot() -> str:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return _digest(Path("/proc/sys/kernel/random/boot_id").read_text())
        return ""
    return _digest(_output("sysctl", "-n", "kern.bootsessionuuid"))


def _namespace() -> str:
    # Source: namespaces(7): the link reads `pid:[4026531836]`, and the number is unique in a boot.
    with contextlib.suppress(OSError):
        link = Path("/proc/self/ns/pid").readlink().name
        return "".join(filter(str.isdigit, link))
    return ""


def _host() -> str:
    machine = ""
    # Many hosts have the same name, and container images have no machine id or a common id.
    with contextlib.suppress(OSError):
        machine = Path("/etc/machine-id").read_text()
    return _digest(f"{os.uname().nodename} {machine}")


def _output(*argv: str) -> str:
    import subprocess  # noqa: PLC0415 - 10 ms, and not needed on Linux

    env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(argv, capture_output=True, env=env, timeout=5.0, check=False)
        return done.stdout.decode(errors="replace").strip()
    return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()[:_DIGEST_CHARACTERS]
