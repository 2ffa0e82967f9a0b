"""The supervisors of a Codex home: `codexmcp serve --status` and `--stop`.

Promises to find each supervisor by the registry of the home, whatever its credentials, even without
an answer, and to bound every wait.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import codexmcp
from codexmcp.cli.options.serve import ServeOptions
from codexmcp.cli.shared import address_for
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexMCPError, DeadlineError, ExitCode, StateError, UsageError
from codexmcp.jsonvalues import dig, integer_of, object_of, text_of
from codexmcp.own_files import is_foreign_port
from codexmcp.settings import load_settings
from codexmcp.supervisor import registry
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.asking import ask
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.methods import STATUS, STOP
from codexmcp.supervisor.registry import SupervisorEntry
from codexmcp.supervisor.start import connect

ANSWER_S = 8.0
"""Bound on the answers of all supervisors together."""

STOP_MARGIN_S = 30.0
"""Bound on the end of a supervisor beyond its drain timeout."""

KILL_MARGIN_S = 5.0
"""The same for a supervisor without an answer, which is killed then."""

_POLL_S = 0.05
_MINE = "mine"


@dataclass(slots=True)
class FoundSupervisor:
    """A supervisor of the home.

    Attributes:
        entry: The entry in the registry.
        is_mine: The supervisor has the caller's credentials and options of Codex.
        said: The status; empty without a valid answer.
        trouble: The reason of a missing status.
        is_over: The supervisor has ended.
    """

    entry: SupervisorEntry
    is_mine: bool
    said: Mapping[str, Any] = field(default_factory=dict[str, Any])
    trouble: str = ""
    is_over: bool = False

    @property
    def pid(self) -> int | None:
        """The process id."""
        return self.entry.process.pid if self.entry.process else integer_of(self.said.get("pid"))

    def to_json(self) -> dict[str, Any]:
        """Return the fields of `--json`."""
        known = {"id": self.entry.id, "socket": self.entry.socket, "pid": self.pid}
        return {**known, **self.said, **({"trouble": self.trouble} if self.trouble else {})}

    def told(self) -> str:
        """Return lines for a person."""
        if self.trouble and not self.said:
            return f"process {self.pid or 'unknown'} gives no status: {self.trouble}\n"
        said = self.said
        counts = object_of(said.get("runs")).items()
        runs = ", ".join(f"{count} {state}" for state, count in counts) or "none"
        return (
            f"process {self.pid}, version {said.get('version')}, "
            f"up {float(said['uptimeSeconds']):.0f} s\n"
            f"clients: {said.get('clients')}\n"
            f"active runs: {said.get('activeRuns')}\n"
            f"all runs: {runs}\n"
        ) + (f"trouble: {self.trouble}\n" if self.trouble else "")


def status(options: ServeOptions) -> int:
    """Print the status of the supervisors of the home, or of the selected one."""
    home, found = _found(options)
    _ask_all(found, STATUS)
    found = [each for each in found if not each.is_over]
    http = _look(options, [each.said for each in found])
    if options.action.json:
        sys.stdout.write(json.dumps(_as_json(found) | ({} if http is None else http.to_json())))
        sys.stdout.write("\n")
    else:
        # With `--http` the HTTP server has a line of its own.
        if found or not options.http:
            sys.stdout.write(_listed(found) if found else _none(home))
        if http is not None:
            sys.stdout.write(http.told())
    if http is not None and not http.is_up:
        return ExitCode.NOT_RUNNING
    # With `--http` only that of its supervisor: another of the home may have trouble.
    if any(each.trouble for each in found if http is None or each.said.get("http")):
        return ExitCode.TIMEOUT
    return ExitCode.DONE if found or http is not None else ExitCode.NOT_RUNNING


def stop(options: ServeOptions) -> int:
    """End the supervisors of the home, or the selected one.

    A supervisor without an answer gets SIGTERM, and SIGKILL when that has no effect.

    Raises:
        DeadlineError: A supervisor has not ended in time.
        StateError: A supervisor is out of reach.
    """
    home, found = _found(options)
    _ask_all(found, STOP)
    for each in found:
        if each.trouble:
            _signal(each, signal.SIGTERM)
    _await_ends(found, options.drain_timeout)
    left = [each for each in found if not each.is_over]
    if options.action.json:
        over = [each.to_json() for each in found if each.is_over]
        told = {"ended": over, "left": [each.to_json() for each in left]}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        lines = [
            f"the supervisor (process {each.pid}) has ended\n" for each in found if each.is_over
        ]
        sys.stdout.write("".join(lines) if found else _none(home))
    for each in left:
        raise _not_ended(each)
    return ExitCode.DONE if found else ExitCode.NOT_RUNNING


def is_mine_running(options: ServeOptions) -> bool:
    """Return whether a supervisor with the caller's credentials runs."""
    return any(each.is_mine for each in _found(options)[1])


def _found(options: ServeOptions) -> tuple[Path, list[FoundSupervisor]]:
    """Return the Codex home and its selected supervisors."""
    environ = dict(os.environ)
    own = address_for(options.codex, load_settings(environ), environ)
    assert own.registry is not None, "the address of a home has a registry"
    entries = registry.entries(own.registry)
    found = [FoundSupervisor(entry, entry.id == own.id) for entry in entries]
    home = own.registry.parent.parent
    only = options.action.only
    if only is None:
        return home, found
    chosen = [each for each in found if _is_named(each, only)]
    if not chosen and only != _MINE:
        known = ", ".join(f"{each.entry.id} (process {each.pid})" for each in found) or "none"
        raise UsageError(f"no supervisor {only!r} in {home}; there: {known}")
    return home, chosen


def _is_named(found: FoundSupervisor, name: str) -> bool:
    return found.is_mine if name == _MINE else name in {found.entry.id, str(found.pid)}


def _ask_all(found: Sequence[FoundSupervisor], method: str) -> None:
    """Ask all supervisors at once; without an answer in time a supervisor has a `trouble`."""
    for each in found:
        each.trouble = f"no answer within {ANSWER_S:g} s; `codexmcp serve --stop` ends it"
    # Daemon threads, because a peer that sends a byte now and then has no end.
    threads = [threading.Thread(target=_ask, args=(each, method), daemon=True) for each in found]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + ANSWER_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _ask(found: FoundSupervisor, method: str) -> None:
    socket, lock = Path(found.entry.socket), found.entry.lock
    address = Address(socket.parent, found.entry.id, lock.parent)
    try:
        with connect(address, Hello([], "/", {}, codexmcp.__version__), None) as connection:
            said = ask(connection, method, {}, timeout_s=ANSWER_S)
        _check(said, found.pid)
        found.said, found.trouble = said, text_of(said.get("codexTrouble")) or ""
    except (CodexMCPError, OSError, ValueError) as error:
        found.trouble = str(error)
        found.is_over = not found.entry.lives


def _check(said: Mapping[str, Any], pid: int | None) -> None:
    """Refuse an answer that is no status of a process.

    Raises:
        StateError: The answer has other fields.
    """
    numbers = [said.get(name) for name in ("pid", "uptimeSeconds", "activeRuns", "clients")]
    if said.get("pid") != (pid or said.get("pid")) or not all(
        isinstance(number, int | float) for number in numbers
    ):
        raise StateError("its answer cannot be read; it may be of another version")


def _signal(found: FoundSupervisor, number: signal.Signals) -> None:
    """Send a supervisor a signal if its process id is certain."""
    process = found.entry.process
    if process is not None and found.entry.is_here:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, number)


def _await_ends(found: Sequence[FoundSupervisor], drain_s: float) -> None:
    """Wait for the ends of supervisors, and kill those that do not react."""
    began, killed = time.monotonic(), False
    while True:
        for each in found:
            each.is_over = each.is_over or not each.entry.lives
        waiting = [each for each in found if not each.is_over and not each.entry.is_elsewhere]
        late_s = time.monotonic() - began - drain_s
        if not waiting or late_s > STOP_MARGIN_S:
            return
        if late_s > KILL_MARGIN_S and not killed:
            killed = True
            for each in waiting:
                if each.trouble:
                    _signal(each, signal.SIGKILL)
        time.sleep(_POLL_S)


def _not_ended(found: FoundSupervisor) -> CodexMCPError:
    if found.entry.is_elsewhere:
        return StateError(
            f"the supervisor (process {found.pid}) runs on another host or in another container, "
            "and does not answer from here: end it there"
        )
    runs = found.said.get("activeRuns", "unknown")
    return DeadlineError(
        f"the supervisor (process {found.pid}) has not ended yet; it waits for its runs ({runs}), "
        "or is stuck: kill it, and its runs can be resumed"
    )


def _as_json(found: Sequence[FoundSupervisor]) -> dict[str, Any]:
    """Return the status of the caller's supervisor, or the first, with the list of all."""
    first = next((each for each in found if each.is_mine), found[0] if found else None)
    top = {"running": False} if first is None else {"running": True, **first.to_json()}
    return {**top, "supervisors": [each.to_json() for each in found]}


def _listed(found: Sequence[FoundSupervisor]) -> str:
    if len(found) == 1:
        return found[0].told()
    return "\n".join(f"supervisor {each.entry.id}\n{each.told()}" for each in found)


def _none(home: Path) -> str:
    return f"no supervisor runs for the Codex home {home}\n"


HTTP_TIMEOUT_S = 5.0
"""Bound on the answer of the HTTP server."""

HTTP_NAME = "codexmcp"
"""The name of our server in its answers. Source: `http.replies`, which is slow to import."""


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """The status of the HTTP server.

    Attributes:
        url: The URL of MCP.
        is_up: Our server answers at the URL.
    """

    url: str
    is_up: bool

    def to_json(self) -> dict[str, Any]:
        """Return the fields of `--json`."""
        return {"http": {"url": self.url, "up": self.is_up}}

    def told(self) -> str:
        """Return a line for a person."""
        if self.is_up:
            return f"HTTP: up at {self.url}\n"
        return f"HTTP: down, nothing of ours answers at {self.url}; start `codexmcp serve --http`\n"


def _look(options: ServeOptions, statuses: Sequence[Mapping[str, Any]]) -> HttpStatus | None:
    """Return the status of the HTTP server; None when no supervisor and no option names a server.

    Args:
        options: The options of `codexmcp serve`.
        statuses: The statuses of the supervisors of the home.
    """
    urls = [text_of(dig(dict(status), "http", "url")) for status in statuses]
    url = next(filter(None, urls), None)
    if url is None:
        if not options.http:
            return None
        host, address = options.address.host, options.address
        url = f"http://{f'[{host}]' if ':' in host else host}:{address.port}{address.path}"
    return HttpStatus(url, is_up(url))


def is_up(url: str) -> bool:
    """Return whether a server of ours answers at the host and port of a URL."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port or 80, timeout=HTTP_TIMEOUT_S
    )
    try:
        connection.request("GET", "/status")
        is_foreign = is_foreign_port(connection.sock)
        # Any answer counts: a server refuses too many requests.
        return connection.getresponse().headers.get("server") == HTTP_NAME and not is_foreign
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
