"""Finds broken promises in the evidence of a seed. Pure, and independent of the product's code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.campaign.evidence import OVER, Call, Evidence, Stored
from tests.campaign.plan import DRAIN_S, IDLE_S
from tests.campaign.tasks import run_of

MOUNT_POINTS = {".git", ".codex", ".agents", ".aws"}
"""Empty folders that Codex's sandbox makes in a project, and removes after a command."""

NO_RECORD = "cannot be resumed"
"""Said of a lost run of which Codex has no record, as in a full home."""

SLACK_S = 0.5
"""For requests and commands that were on their way when a run ended, in seconds."""

TURN_S = 0.2
"""For the first request of a turn that was ended at once, in seconds."""

PROCESS_S = 2.0
"""Bound on the end of a process that was killed, in seconds."""

STOP_S = 3.0
"""Bound on the end of a tree whose call of `codex` was stopped, in seconds."""

RECOVERY_S = 11.0
"""Bound on the takeover by the next supervisor, in seconds. Source: ours, users are told 10 s."""


TASK_ENDS = {
    "completed": {"completed", "failed", "timed_out", "lost"},
    "cancelled": {"interrupted"},
    "failed": set[str](),
}
"""The states of a run by the end of its task; a run never makes its task fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: its kind, the run or call, and the evidence."""

    kind: str
    about: str
    text: str


def judge(evidence: Evidence) -> list[Finding]:
    """Return all broken promises."""
    rules = (
        _vanished,
        _states,
        _unsent,
        _files,
        _twice,
        _after_runs,
        _after_stops,
        _calls,
        _tasks,
        _rest,
    )
    return [finding for rule in rules for finding in rule(evidence)]


def _vanished(evidence: Evidence) -> Iterator[Finding]:
    answered = {str(call.fields.get("runId", "")) for call in evidence.calls} - {""}
    for run_id in sorted(answered - {run.id for run in evidence.stored}):
        yield Finding("vanished", run_id, "its handle was answered, and the store has no such run")
    for run in evidence.stored:
        if not evidence.audited[run.id].states:
            yield Finding("vanished", run.id, f"{run.token} has no file of events")


def _states(evidence: Evidence) -> Iterator[Finding]:
    said = defaultdict[str, set[str]](set)
    for asked in evidence.asked:
        said[asked.token].add(asked.said)
    for run in evidence.stored:
        if run.state not in OVER:
            yield Finding("never ended", run.id, f"{run.token} is {run.state}: {run.reason}")
        if run.state == "completed" and run.message not in said[run.token] - {""}:
            text = f"{run.token} completed with {run.message!r}, which the model did not say"
            yield Finding("untrue", run.id, text)
        if run.state == "lost" and NO_RECORD in run.reason and run.token in evidence.recorded:
            yield Finding("lost for good", run.id, f"{run.token} is on record: {run.reason}")
        yield from _cut(evidence, run)


def _cut(evidence: Evidence, run: Stored) -> Iterator[Finding]:
    """Yield that a run was cut by its idle bound while an agent of its tree worked."""
    start, end = run.started_at, run.ended_at
    if run.state != "timed_out" or start is None or end is None or run.timeout_s is None:
        return
    if end - start < run.timeout_s - SLACK_S:
        signs = [x.at for x in evidence.asked if run_of(x.token) == run.token]
        last_s = min((end - at for at in signs if at < end - SLACK_S), default=IDLE_S)
        if last_s < IDLE_S / 2:
            yield Finding(
                "cut at work", run.id, f"{run.token} asked the model {last_s:.1f} s before"
            )


def _unsent(evidence: Evidence) -> Iterator[Finding]:
    """Yield runs that ended badly although nothing was sent: they could have begun again."""
    reached = {run_of(asked.token) for asked in evidence.asked}
    full = any(kind == "full home" for _, kind in evidence.faults)
    # Continuing a conversation that does not exist fails rightly.
    new = {call.token for call in evidence.calls if call.tool in {"codex_run", "cli"}}
    stopped = {call.token for call in evidence.calls if call.tool == "codex_interrupt"}
    if any(kind == "term supervisor" for _, kind in evidence.faults):
        stopped = new  # Runs at work are interrupted after the drain.
    for run in evidence.stored:
        if run.token in reached or run.turn_id:
            continue
        begun = run.token in new and run.token not in evidence.recorded and not full
        wrong = {
            "lost": not evidence.audited[run.id].sent,
            "failed": begun or "draining" in run.reason,
            "interrupted": begun and run.token not in stopped,
        }
        if wrong.get(run.state):
            yield Finding(f"{run.state} unsent", run.id, f"{run.token}: {run.reason}")


def _files(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.stored:
        files = evidence.audited[run.id]
        if run.state not in OVER or not files.states:
            continue
        told = {
            "events": files.states[-1],
            "summary": files.summary,
            "index of the project": files.index,
            "index of the home": files.pointer,
        }
        wrong = [
            f"{name}: {state or 'nothing'}" for name, state in told.items() if state != run.state
        ]
        if files.active:
            wrong.append("in active/")
        if wrong:
            yield Finding("files differ", run.id, f"{run.token} is {run.state}; {', '.join(wrong)}")


def _twice(evidence: Evidence) -> Iterator[Finding]:
    turns, runs = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for asked in evidence.asked:
        if asked.fresh:
            turns[asked.token].add(asked.turn)
    for call in evidence.calls:
        if call.key and "runId" in call.fields:
            runs[call.key].add(call.fields["runId"])
    counts = Counter(name for name, _ in evidence.commands)
    for token, ids in turns.items():
        if len(ids) > 1:
            yield Finding("prompt twice", token, f"it began the turns {sorted(ids)}")
    for key, ids in runs.items():
        if len(ids) > 1:
            yield Finding("key twice", key, f"it was answered with {sorted(ids)}")
    for name, count in counts.items():
        if count > 1:
            yield Finding("command twice", name, f"it ran {count} times")


def _after_runs(evidence: Evidence) -> Iterator[Finding]:
    for run in evidence.stored:
        if run.state in OVER and run.ended_at is not None:
            end = f"the run ended as {run.state}"
            yield from _after(evidence, run.token, run.ended_at, SLACK_S, end)
            yield from _turns_after(evidence, run.token, run.ended_at)
    for call in evidence.calls:
        if call.tool == "codex_interrupt" and call.fields.get("status") in OVER:
            at = call.answers[0][0]
            yield from _after(evidence, call.token, at, SLACK_S, "codex_interrupt was answered")


def _after_stops(evidence: Evidence) -> Iterator[Finding]:
    """Yield work after the stop of a `codex` call; a good answer alone is no stop."""
    for call in evidence.calls:
        if call.tool != "codex":
            continue
        stops = [(call.cancelled_at, "the cancel")]
        if call.client_ended_at is not None and call.client.startswith("shared"):
            stops.append((call.client_ended_at + DRAIN_S, "the drain of its client"))
        else:
            stops.append((call.client_ended_at, "its server ended"))
        if "error" in call.fields:
            stops.append((call.answers[0][0], "an error was answered"))
        known = [(at, what) for at, what in stops if at is not None]
        if known:
            at, what = min(known)
            yield from _after(evidence, call.token, at, _grace_s(evidence, call, at), what)
        if call.answers:
            yield from _turns_after(evidence, call.token, call.answers[0][0])


def _grace_s(evidence: Evidence, call: Call, stop: float) -> float:
    """Return the bound on a stop; the next supervisor ends the work of a dead one."""
    kills = [at for at, kind in evidence.faults if kind.endswith(("supervisor", "app-server"))]
    near = any(-STOP_S < at - stop < STOP_S for at in kills)
    return RECOVERY_S if near and call.client.startswith("shared") else STOP_S


def _turns_after(evidence: Evidence, token: str, end: float) -> Iterator[Finding]:
    """Yield that Codex began turns of the root by itself after an answer or the end of a run."""
    own = [asked for asked in evidence.asked if asked.token == token]
    late = {x.turn for x in own if x.at > end + TURN_S} - {x.turn for x in own if x.at <= end}
    if late:
        yield Finding("turn after", token, f"{len(late)} turns")


def _after(
    evidence: Evidence, token: str, end: float, slack_s: float, what: str
) -> Iterator[Finding]:
    """Yield all signs that a run's tree goes on after its end."""
    seen = evidence.seen.items()
    last_s = max(PROCESS_S, slack_s)
    signs = {
        "request": [(x.token, x.at) for x in evidence.asked if x.at > end + slack_s],
        "command": [(name, at) for name, at in evidence.commands if at > end + slack_s],
        "process": [(agent, at) for agent, at in seen if at > end + last_s],
    }
    for sign, all_found in signs.items():
        if found := [each for each in all_found if run_of(each[0]) == token]:
            name, at = found[-1]
            text = f"after {what}: {len(found)}, the last {at - end:.1f} s later, {name}"
            yield Finding(f"{sign} after", token, text)


def _calls(evidence: Evidence) -> Iterator[Finding]:
    for call in evidence.calls:
        about, gone = f"{call.client} {call.tool} {call.token}", call.client_ended_at is not None
        if len(call.answers) > 1:
            yield Finding("two answers", about, f"{call.answers}")
        if call.answers and call.answers[0][0] - call.at > call.bound_s:
            late_s = call.answers[0][0] - call.at
            yield Finding("late answer", about, f"after {late_s:.1f} s, bound {call.bound_s:g} s")
        if not call.answers and call.cancelled_at is None and not gone:
            yield Finding("no answer", about, f"bound {call.bound_s:g} s")
        if not call.answers and gone and not call.killed:
            yield Finding("server ended", about, "its server ended by itself while it waited")


def _tasks(evidence: Evidence) -> Iterator[Finding]:
    """Yield tasks that became unknown, or whose end is not that of their run."""
    states = {run.id: run.state for run in evidence.stored}
    for call in evidence.calls:
        if not call.tool.startswith("tasks/"):
            continue
        about, task = f"{call.client} {call.tool} {call.token}", call.fields
        if "unknown task" in task.get("error", ""):
            yield Finding("task vanished", about, task["error"])
        state = states.get(task.get("runId", ""), "")
        if task.get("status") in TASK_ENDS and state not in TASK_ENDS[task["status"]]:
            yield Finding("task differs", about, f"it is {task['status']}, its run is {state}")


def _rest(evidence: Evidence) -> Iterator[Finding]:
    if not all(asked.code_mode for asked in evidence.asked):
        yield Finding("plain tools", "model", "a request did not offer the tool `exec`")
    if not all(asked.token for asked in evidence.asked):
        yield Finding("stray request", "model", "a request's prompt names no task")
    if evidence.left:
        yield Finding("process left", "seed", "; ".join(evidence.left))
    for kind, names in (
        ("mount points", set(evidence.litter) & MOUNT_POINTS),
        ("litter", set(evidence.litter) - MOUNT_POINTS),
    ):
        if names:
            yield Finding(kind, "project", ", ".join(sorted(names)))
    for kind, text in evidence.troubles:
        yield Finding(kind, "seed", text)
