"""The evidence of a seed: plain values, and their readers for files and /proc.

Reads the store and the audit files without the product's code, so that its errors are found here.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

OVER = frozenset({"completed", "failed", "interrupted", "timed_out", "lost"})
"""States in which a run has ended."""

_AUDIT = Path(".codex", "codex-mcp", "runs")
_POINTERS = Path("mcp-wrapper")


class Asked(NamedTuple):
    """A request to the model.

    Attributes:
        at: Unix time of its arrival, in seconds.
        token: The agent's task; empty when the prompt names none.
        turn: Codex's id of the turn.
        fresh: Whether a user's prompt has just begun the turn.
        said: The final message with which it was answered; empty for another answer.
        code_mode: Whether the tool `exec` was offered.
    """

    at: float
    token: str
    turn: str
    fresh: bool = False
    said: str = ""
    code_mode: bool = True


@dataclass(slots=True)
class Call:
    """A tool call of a client.

    Attributes:
        client: The client's name.
        tool: The tool.
        token: The run it is about; empty for none.
        at: Unix time of the request, in seconds.
        bound_s: Bound on the time to its answer, in seconds.
        key: Its idempotency key.
        run_id: The id of the run that it stops.
        answers: Unix time and fields of each answer; `{"error": text}` for an error.
        cancelled_at: Unix time at which the client cancelled it.
        client_ended_at: Unix time at which the client's server ended.
        killed: Whether the campaign ended that server.
    """

    client: str
    tool: str
    token: str
    at: float
    bound_s: float
    key: str | None = None
    run_id: str | None = None
    answers: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    cancelled_at: float | None = None
    client_ended_at: float | None = None
    killed: bool = False

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of its answer; empty without one."""
        return self.answers[0][1] if self.answers else {}


@dataclass(frozen=True, slots=True)
class Stored:
    """A run in the store.

    The names are those of its columns; `token` and `timeout_s` are taken from the request.
    """

    id: str
    token: str
    state: str
    reason: str = ""
    message: str = ""
    thread_id: str | None = None
    turn_id: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Audited:
    """The audit files of a run.

    Attributes:
        states: The states in the file of events, in order; none without the file.
        sent: Whether that file has a sign that the prompt was on its way: `running`, or a turn.
        summary: The state in the summary; empty without a summary.
        index: The last state in the project's index.
        pointer: The last state in the home's index.
        active: Whether it is listed as under way.
    """

    states: tuple[str, ...] = ()
    sent: bool = True
    summary: str = ""
    index: str = ""
    pointer: str = ""
    active: bool = False


@dataclass(slots=True)
class Evidence:
    """Everything that the judge looks at.

    Attributes:
        asked: The model's ledger.
        commands: Name and Unix time of each command that began.
        calls: The calls of all clients.
        stored: The store, at the end.
        audited: The audit files at the end, by run id.
        recorded: Tokens of the prompts that are in Codex's rollouts.
        seen: Unix time at which a process of an agent was last seen, by token.
        left: Command lines of processes that outlived everything.
        litter: Names of files and folders left in the project.
        faults: Unix time and kind of each fault.
        troubles: Kind and text of each step that failed at the end of the seed.
    """

    asked: list[Asked] = field(default_factory=list)
    commands: list[tuple[str, float]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    audited: dict[str, Audited] = field(default_factory=dict)
    recorded: list[str] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    faults: list[tuple[float, str]] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)


def read_store(home: Path) -> list[Stored]:
    """Return the runs in a home's store; none without a store.

    Raises:
        sqlite3.Error: It cannot be read now.
    """
    file = home / _POINTERS / "runs.sqlite3"
    if not file.exists():
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=2.0)) as store:
        store.row_factory = sqlite3.Row
        rows = store.execute("SELECT * FROM runs JOIN texts USING (sequence)").fetchall()
    return [_run_of(row) for row in rows]


def read_audit(run_id: str, project: Path, home: Path) -> Audited:
    """Return the contents of a run's audit files."""
    folder = project / _AUDIT
    lines = [*_json_lines(folder / f"{run_id}.jsonl")]
    states = tuple(str(each["state"]) for each in lines if "state" in each)
    summary = ""
    with suppress(OSError):
        text = (folder / f"{run_id}.md").read_text()
        told = re.search(r"^- State: \*\*(\w+)\*\*", text, re.MULTILINE)
        summary = told[1] if told else "unreadable"
    return Audited(
        states=states,
        sent="running" in states or any(x.get("method") == "turn/started" for x in lines),
        summary=summary,
        index=_last_status(folder / "index.jsonl", run_id),
        pointer=_last_status(home / _POINTERS / "runs.index.jsonl", run_id),
        active=(folder / "active" / f"{run_id}.json").exists(),
    )


def read_recorded(home: Path) -> list[str]:
    """Return the tokens of all prompts in Codex's rollouts."""
    texts = (file.read_text(errors="replace") for file in home.glob("sessions/**/*.jsonl"))
    return sorted({token for text in texts for token in re.findall(r"TASK (s\d+r\d+)", text)})


def read_commands(ledger: Path) -> list[tuple[str, float]]:
    """Return name and Unix time of each command in the ledger file."""
    text = ledger.read_text() if ledger.exists() else ""
    found = re.findall(r"^(s\d+r\S+) ([\d.]+)$", text, re.MULTILINE)
    return [(name, float(at)) for name, at in found]


def read_litter(project: Path) -> list[str]:
    """Return the names of all else in the project than the ledger file and the audit files."""
    inner = [each for each in (project / ".codex").glob("*") if each.name != "codex-mcp"]
    kept = {"ledger.txt", ".codex"} if (project / _AUDIT).exists() else {"ledger.txt"}
    top = [each for each in project.iterdir() if each.name not in kept]
    return sorted(str(each.relative_to(project)) for each in (*top, *inner))


def processes() -> Iterator[tuple[int, str, str]]:
    """Yield pid, command line and environment of every process that can be looked at."""
    for entry in Path("/proc").glob("[0-9]*"):
        # A process may end while it is looked at.
        with suppress(OSError):
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if line:
                environment = (entry / "environ").read_bytes().decode(errors="replace")
                yield int(entry.name), line.strip(), environment


def processes_of(*folders: Path) -> dict[int, str]:
    """Return the command lines of all processes that know or work in folders, by pid."""
    words = [f"{each}/" for each in folders]
    found = {}
    for pid, line, environment in processes():
        with suppress(OSError):
            told = f"{line}\n{environment}\n{Path(f'/proc/{pid}/cwd').readlink()}/"
            if pid not in {os.getpid(), os.getppid()} and any(word in told for word in words):
                found[pid] = line
    return found


def _run_of(row: sqlite3.Row) -> Stored:
    names = {each.name for each in fields(Stored)} & {*row.keys()}
    request = json.loads(row["request"])
    prompt = re.search(r"TASK (s\d+r\d+)", request["prompt"])
    token, timeout_s = prompt[1] if prompt else "", request.get("timeout_s")
    return Stored(token=token, timeout_s=timeout_s, **{name: row[name] for name in names})


def _last_status(file: Path, run_id: str) -> str:
    told = [str(each.get("status")) for each in _json_lines(file) if each.get("runId") == run_id]
    return told[-1] if told else ""


def _json_lines(file: Path) -> Iterator[dict[str, Any]]:
    with suppress(OSError):
        for line in file.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                if isinstance(record := json.loads(line), dict):
                    yield record
