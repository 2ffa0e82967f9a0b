"""What `codexmcp sync` tells of changes and drift."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line
from codexmcp.home.changes import FileChange, unified_diff
from codexmcp.home.sync.change import Change
from codexmcp.home.sync.states import Drift, State
from codexmcp.home.sync.use_cases import Done, Place

_MOST_TOLD = 50

_WORDS = {
    State.NEW: "is not deployed yet",
    State.MISSING: "was deployed and is gone",
    State.OUTDATED: "is older than the repository",
    State.EDITED: "was edited there",
    State.FOREIGN: "is there already and is not ours",
    State.IN_THE_WAY: "is in the way and no plain file",
    State.STALE: "is in the repository no more",
    State.STALE_EDITED: "is in the repository no more, and was edited there",
    State.REWRITTEN: "was written anew by Codex, which drops our markers; push again",
    State.BROKEN: "is broken",
}


def diff_of(done: Done) -> str:
    """Return the changes as `diff -u` shows them."""
    changes = done.plan.changes
    return unified_diff(FileChange(Path(each.real), each.before, each.after) for each in changes)


def done_as_json(done: Done, notes: Sequence[str], *, dry_run: bool) -> dict[str, object]:
    """Return what was done, or would be, for a program."""
    changes = done.plan.changes
    value: dict[str, object] = {
        "target": done.place.target.name,
        "home": str(done.place.home),
        "written": [each.path for each in changes if each.after is not None],
        "deleted": [each.path for each in changes if each.after is None],
        "copies": [each.backup for each in changes if each.backup is not None],
        "checkedByCodex": done.is_checked,
        "notes": list(notes),
    }
    return {**value, "dryRun": True, "diff": diff_of(done)} if dry_run else value


def tell_done(output: Output, done: Done, notes: Sequence[str], *, dry_run: bool) -> None:
    """Print what was done, or would be."""
    changes = done.plan.changes
    if dry_run:
        output.say(diff_of(done) or f"{done.place.target.name}: nothing would change")
    else:
        for change in changes[:_MOST_TOLD]:
            output.say(f"{_verb(change)} {one_line(change.real)}")
        if len(changes) > _MOST_TOLD:
            output.say(f"and {len(changes) - _MOST_TOLD} more")
        for change in changes:
            if change.backup is not None:
                output.note(f"a copy of {change.real} is in {done.place.home / change.backup}")
    for note in notes:
        output.note(f"codexmcp: {note}")
    written = sum(change.after is not None for change in changes)
    checked = "; Codex takes the configuration" if done.is_checked else ""
    would = "would be " if dry_run else ""
    output.note(
        f"{done.place.target.name} ({done.place.home}): {would}{written} written, "
        f"{len(changes) - written} deleted{checked}"
    )


def tell_drift(output: Output, place: Place, drift: Sequence[Drift], notes: Sequence[str]) -> None:
    """Print what is not as it shall be."""
    for each in drift[:_MOST_TOLD]:
        detail = f": {each.detail}" if each.detail else ""
        output.say(f"{one_line(str(place.home / each.path))} {_WORDS[each.state]}{detail}")
    if len(drift) > _MOST_TOLD:
        output.say(f"and {len(drift) - _MOST_TOLD} more; --json lists all")
    for note in notes:
        output.note(f"codexmcp: {note}")
    told = f"{len(drift)} differ" if drift else "in sync"
    output.note(f"{place.target.name} ({place.home}): {told}")


def _verb(change: Change) -> str:
    return "deleted" if change.after is None else "written"
