"""Codex's records of the thread of a run, in place of claims in audit files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.codex.recorded import RecordedSettings, find_rollouts_by_thread, read_settings
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.runs.groups import conversations_of

_FOR_PEOPLE = frozenset({"prompt", "name", "audit_dir", "cwd"})
"""Fields of a request accepted from audit files; `cwd` only without a thread."""


class Homes:
    """The Codex homes of runs.

    Args:
        home_of: Returns the home of a place of conversations; see `conversations_of`.
    """

    def __init__(self, home_of: Callable[[str], Path]) -> None:
        self._home_of = home_of
        self._rollouts: dict[str, dict[str, Path]] = {}

    def settings_of(self, group: str, thread_id: str) -> RecordedSettings | None:
        """Return the last settings of a thread; None without a record of Codex."""
        place = conversations_of(group)
        if place and not place.isalnum():
            # No server has such a group, and the path must stay in the folder of homes.
            return None
        if place not in self._rollouts:
            self._rollouts[place] = find_rollouts_by_thread(self._home_of(place))
        rollout = self._rollouts[place].get(thread_id)
        return None if rollout is None else read_settings(rollout)


def reduce_to_records(fields: dict[str, Any], homes: Homes) -> list[str]:
    """Reduce a run from audit files to facts in Codex's records and to texts for people.

    Args:
        fields: The fields of the run, changed in place; see `BlockingStore.restore`.
        homes: The homes with Codex's records.

    Returns:
        The rejected claims, as sentences.
    """
    claimed = object_of(fields.get("request"))
    request = {name: each for name, each in claimed.items() if name in _FOR_PEOPLE}
    fields["request"] = request
    thread_id = text_of(fields.get("thread_id"))
    if thread_id is None:
        return []
    recorded = homes.settings_of(text_of(fields.get("group")) or "", thread_id)
    if recorded is None or recorded.cwd is None:
        fields |= {"thread_id": None, "turn_id": None}
        claim = f"run {fields['id']} claims thread {thread_id}, of which Codex has no record"
        return [f"{claim}: its conversation cannot be continued"]
    request |= {
        "cwd": recorded.cwd,
        "denied": list(recorded.denied),
        "thread": ThreadOptions(
            model=recorded.model,
            sandbox=recorded.sandbox,
            permissions=recorded.profile,
            approval_policy=recorded.approval_policy,
        ).to_wire(),
    }
    return [
        f"run {fields['id']} claims {what} {claim!r}; Codex has recorded {truth!r}, which holds"
        for what, claim, truth in _compared(claimed, request)
        if claim not in {None, truth}
    ]


def _compared(
    claimed: Mapping[str, Any], believed: Mapping[str, Any]
) -> list[tuple[str, str | None, str | None]]:
    before, after = object_of(claimed.get("thread")), believed["thread"]
    names = {
        "the sandbox": "sandbox",
        "the permissions profile": "permissions",
        "the approval policy": "approvalPolicy",
    }
    return [
        ("the folder", text_of(claimed.get("cwd")), believed["cwd"]),
        *((what, text_of(before.get(name)), after.get(name)) for what, name in names.items()),
    ]
