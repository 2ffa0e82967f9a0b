"""A run and what was asked of it, as values.

Pure. `RunRequest.to_json` is what the store and the audit files keep.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from codexmcp.appserver.events import TokenUsage
from codexmcp.jsonvalues import is_object, list_of, object_of
from codexmcp.runs.states import RunState

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_run_id(text: str) -> bool:
    """Return whether a text may be the id of a run, which is also the name of its files."""
    return _RUN_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run was asked to do. It never changes.

    Attributes:
        prompt: The input of its turn.
        cwd: Absolute path of the folder it works in.
        audit_dir: Absolute path of the folder of its audit files.
        name: What its caller calls it; None for nothing.
        env: The environment that its commands see, secrets left out.
        thread: Options of the thread, as `thread/start` takes them on the wire, without `cwd`.
        denied: Absolute paths that its commands must not read.
        effort: Reasoning effort, such as `low`.
        images: Absolute paths of local images.
        output_schema: JSON Schema that the final message must fit.
        timeout_s: Bound on the run once it works, in seconds; None means none.
        idle_timeout_s: Bound on the time without a sign of life, in seconds; None means none.
        retries: How often a lost run is taken up again by itself.
        continues: The run whose thread it continues; None for a new thread.
        forks: The thread that it works on a fork of; None for no fork.
        forks_after: The last turn that the fork shall have; None for all.
    """

    prompt: str
    cwd: str
    audit_dir: str
    name: str | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    thread: Mapping[str, Any] = field(default_factory=dict[str, Any])
    denied: tuple[str, ...] = ()
    effort: str | None = None
    images: tuple[str, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    timeout_s: float | None = None
    idle_timeout_s: float | None = None
    retries: int = 0
    continues: str | None = None
    forks: str | None = None
    forks_after: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON; what is at its default is left out."""
        values: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in _TUPLES:
            values[name] = list(values[name])
        # 0.0 seconds are something else than no bound, and a prompt may be empty.
        kept = {name for name, each in values.items() if each or type(each) is float} | _REQUIRED
        return {name: each for name, each in values.items() if name in kept}

    @classmethod
    def from_json(cls, value: object) -> RunRequest:
        """Return the request that a decoded object holds. Unknown fields are passed over.

        Raises:
            ValueError: It has no prompt or no folder.
        """
        known = {each.name for each in fields(cls)}
        given = {name: each for name, each in object_of(value).items() if name in known}
        if not isinstance(given.get("prompt"), str) or not isinstance(given.get("cwd"), str):
            raise ValueError("no prompt or no cwd in the request of a run")  # noqa: TRY004
        given.setdefault("audit_dir", "")
        for name in _TUPLES:
            if name in given:
                given[name] = tuple(map(str, list_of(given[name])))
        whole = {name: each for name, each in given.items() if _fits(name, each)}
        return cls(**whole)


_TEXTS = frozenset(
    {"prompt", "cwd", "audit_dir", "name", "effort", "continues", "forks", "forks_after"}
)
_REQUIRED = frozenset({"prompt", "cwd", "audit_dir"})
_TUPLES = ("images", "denied")
_OBJECTS = frozenset({"env", "thread", "output_schema"})
_NUMBERS = frozenset({"timeout_s", "idle_timeout_s", "retries"})


def _fits(name: str, value: object) -> bool:
    """Return whether a field that was written down has its type still."""
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _OBJECTS:
        return is_object(value)
    if name in _NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return True


@dataclass(frozen=True, slots=True)
class Submission:
    """A run that is handed in.

    Attributes:
        id: Its id.
        request: What it shall do.
        group: Which supervisors may work on it: those with its credentials.
        created_at: Unix time, in seconds.
        thread_id: The thread it continues; None for a new one, or a fork.
        key: Runs of one key are limited together; by default that is the folder.
        priority: The higher comes first.
        idempotency_key: A second submission with it gets the first one's run; None for no such.
        delay_s: How long it waits at least, in seconds.
    """

    id: str
    request: RunRequest
    group: str
    created_at: float
    thread_id: str | None = None
    key: str = ""
    priority: int = 0
    idempotency_key: str | None = None
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run under way has done so far.

    Attributes:
        events: Events of Codex.
        usage: Tokens spent.
        last_step: What it does, in one short line; empty when nothing is known.
    """

    events: int = 0
    usage: TokenUsage = field(default_factory=TokenUsage)
    last_step: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the store knows it.

    Attributes:
        id: Its id.
        sequence: Its place in the order of submission; unique in a store.
        request: What it was asked to do.
        state: How it stands.
        group: Which supervisors may work on it.
        key: Runs of one key are limited together.
        priority: The higher comes first.
        created_at: Unix time of its submission, in seconds.
        started_at: When work on it began; None before.
        ended_at: When it ended; None before.
        owner: The id of who works or last worked on it; None before.
        attempt: How often work on it was begun.
        thread_id: Its thread; None until that is known.
        turn_id: Its turn; None until it was sent.
        reason: Why it ended as it did, or why it waits; empty when there is nothing to say.
        message: The final message; empty until it ended.
        progress: What it has done so far.
    """

    id: str
    sequence: int
    request: RunRequest
    state: RunState
    group: str
    key: str
    priority: int
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    owner: str | None = None
    attempt: int = 0
    thread_id: str | None = None
    turn_id: str | None = None
    reason: str = ""
    message: str = ""
    progress: Progress = Progress()

    @property
    def goes_on_by_itself(self) -> bool:
        """Whether it was lost and may be taken up again."""
        return self.state is RunState.LOST and self.attempt <= self.request.retries

    @property
    def title(self) -> str:
        """A readable name: the one given, or the beginning of the prompt."""
        text = " ".join((self.request.name or self.request.prompt).split())
        return text if len(text) <= _TITLE_CHARACTERS else f"{text[: _TITLE_CHARACTERS - 1]}…"


_TITLE_CHARACTERS = 80
