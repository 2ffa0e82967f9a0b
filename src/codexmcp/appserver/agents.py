"""Trees of threads on a connection: sub-agents, and their running turns and commands.

Pure. A tree is a thread with all its descendants.

Source: a parent's item `subAgentActivity` names a sub-agent's thread before the first event of a
turn there; on other surfaces, `collabAgentToolCall` and `thread/started` name the thread (measured
on 0.153.4, 0.163.0 and 0.171.0).
"""

from __future__ import annotations

from collections.abc import Iterator

from codexmcp.appserver.events import Event, ItemStarted, parse_item
from codexmcp.jsonvalues import list_of, object_of, text_of

MAX_THREADS = 20_000
"""Number of remembered relations; the oldest are dropped. Codex runs four sub-agents at once."""


MAX_SLEEP_MS = 12 * 3600 * 1000
"""Codex's longest sleep of an agent."""


_TOLD_BY = frozenset(
    {
        "turn/started",
        "turn/completed",
        "thread/started",
        "thread/closed",
        "item/started",
        "item/completed",
    }
)


class Agents:
    """State of threads and sub-agents, from the events of a connection."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._children: dict[str, list[str]] = {}
        self._paths: dict[str, str] = {}
        self._turns: dict[str, str] = {}
        self._commands: dict[str, set[str]] = {}

    def note(self, event: Event) -> None:
        """Update the state by an event of any thread."""
        # A cheap test first: a message may have 20,000 pieces.
        if event.method in _TOLD_BY:
            self._note(event)

    def parent(self, thread_id: str) -> str | None:
        """Return a thread's parent; None for a root."""
        return self._parents.get(thread_id)

    def lineage(self, thread_id: str) -> Iterator[str]:
        """Yield a thread, its parent, and so on up to the root of the tree."""
        above: str | None = thread_id
        while above is not None:
            yield above
            above = self._parents.get(above)

    def tree(self, thread_id: str) -> list[str]:
        """Return a thread and its descendants, parents first."""
        found = [thread_id]
        for each in found:
            found += [child for child in self._children.get(each, ()) if child not in found]
        return found

    def path(self, thread_id: str) -> str:
        """Return the path of a sub-agent, for example `/root/tests`; empty for a root."""
        if thread_id not in self._parents:
            return ""
        return self._paths.get(thread_id) or thread_id

    def turn(self, thread_id: str) -> str | None:
        """Return the id of a thread's running turn; None without a turn.

        Empty for a new sub-agent whose first turn is about to begin.
        """
        return self._turns.get(thread_id)

    def busy(self, thread_id: str) -> list[str]:
        """Return the threads of a tree with a running turn, from the root down."""
        return [each for each in self.tree(thread_id) if each in self._turns]

    def has_command(self, thread_id: str) -> bool:
        """Return whether a thread has a running command."""
        return bool(self._commands.get(thread_id))

    def has_commands(self, thread_id: str) -> bool:
        """Return whether a tree has a running command."""
        return any(map(self.has_command, self.tree(thread_id)))

    def mark_idle(self, thread_id: str) -> None:
        """Record a thread as idle, after an unreported end of its turn."""
        self._turns.pop(thread_id, None)

    def forget(self, thread_id: str) -> None:
        """Forget a tree, because its threads are no longer loaded."""
        for each in self.tree(thread_id)[::-1]:
            self._turns.pop(each, None)
            self._commands.pop(each, None)
            self._paths.pop(each, None)
            self._children.pop(each, None)
            parent = self._parents.pop(each, None)
            if parent is not None and each in (siblings := self._children.get(parent, [])):
                siblings.remove(each)

    def _note(self, event: Event) -> None:
        match event.method:
            case "turn/started":
                self._turns[event.thread_id] = event.turn_id
            case "turn/completed":
                if self._turns.get(event.thread_id) in {"", event.turn_id}:
                    del self._turns[event.thread_id]
            case "thread/started":
                thread = object_of(event.params.get("thread"))
                self._relate(text_of(thread.get("parentThreadId")), text_of(thread.get("id")))
            case "thread/closed":
                self._turns.pop(event.thread_id, None)
                self._commands.pop(event.thread_id, None)
            case _:
                self._note_item(event)

    def _note_item(self, event: Event) -> None:
        fields = object_of(event.params.get("item"))
        match fields.get("type"):
            case "subAgentActivity":
                child, path = text_of(fields.get("agentThreadId")), text_of(fields.get("agentPath"))
                if self._relate(event.thread_id, child) and child is not None:
                    self._paths[child] = path or child
                    if fields.get("kind") == "started":
                        self._turns.setdefault(child, "")
            case "commandExecution":
                open_ones = self._commands.setdefault(event.thread_id, set())
                item_id = str(fields.get("id"))
                if event.method == "item/started":
                    open_ones.add(item_id)
                else:
                    open_ones.discard(item_id)
            case "collabAgentToolCall":
                for child in list_of(fields.get("receiverThreadIds")):
                    self._relate(text_of(fields.get("senderThreadId")), text_of(child))
            case _:
                pass

    def _relate(self, parent: str | None, child: str | None) -> bool:
        """Record the parent of a thread, unless known; return whether the relation is new.

        A thread never becomes its own ancestor, so every lineage ends.
        """
        if not parent or not child or child in self._parents or child in self.lineage(parent):
            return False
        self._parents[child] = parent
        self._children.setdefault(parent, []).append(child)
        if len(self._parents) > MAX_THREADS:
            self.forget(next(iter(self._parents)))
        return True


def sleeps_s(event: Event) -> float:
    """Return the announced sleep of an agent, in seconds; 0.0 for any other event.

    Source: the tool `clock.sleep` of 0.163.0 is an item `sleep` with `durationMs`.
    """
    if not isinstance(event, ItemStarted) or event.method != "item/started":
        return 0.0
    item = parse_item(event.params.get("item"))
    duration = item.raw.get("durationMs")
    if item.type != "sleep" or isinstance(duration, bool) or not isinstance(duration, int):
        return 0.0
    return min(duration, MAX_SLEEP_MS) / 1000
