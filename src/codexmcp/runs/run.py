"""A run and its request, as values.

Pure. The store and the audit files keep `RunRequest.to_json`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.events import TokenUsage
from codexmcp.data_classes import dataclass, field, fields
from codexmcp.jsonvalues import is_object, list_of, object_of
from codexmcp.runs.states import Phase, RunState

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_run_id(text: str) -> bool:
    """Return whether a text is usable as the id of a run, which is also the name of its files."""
    return _RUN_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOptions:
    """Options that pass unchanged from the caller to the record and the engine.

    Attributes:
        name: Title for people. None: the beginning of the prompt.
        retries: Number of automatic continuations of a lost run.
        on_children: Treatment of sub-agents at work after the root's end: `wait` or `stop`.
        goal_tokens: Token budget of a goal set by the model. None: goals are off.
        tool: `codex` for a run in place of a call of `codex` or `codex-reply`: the result has the
            form of these tools. None: any other run.
    """

    name: str | None = None
    retries: int = 0
    on_children: str = "wait"
    goal_tokens: int | None = None
    tool: str | None = None

    def execution_options(self) -> dict[str, Any]:
        """Return these options by name, as arguments of a class derived from this class."""
        return {each.name: getattr(self, each.name) for each in fields(ExecutionOptions)}


@dataclass(frozen=True, slots=True)
class RunRequest(ExecutionOptions):
    """The request of a run. Never changes.

    Attributes:
        prompt: The input of the turn.
        cwd: Absolute path of the working folder.
        audit_dir: Absolute path of the folder of the audit files.
        env: The environment of commands, without secrets.
        thread: Options of the thread, in the wire format of `thread/start`, without `cwd`.
        denied: Absolute paths unreadable for commands.
        effort: Reasoning effort, such as `low`.
        images: Absolute paths of local images.
        output_schema: JSON Schema of the final message.
        timeout_s: Bound on the run from the beginning of work, in seconds. None: unbounded.
        idle_timeout_s: Bound on the time without a sign of life, in seconds. None: unbounded.
        continues: The run with the thread to continue. None: a new thread.
        forks: The thread to fork. None: no fork.
        forks_after: The last turn in the fork. None: all turns.
    """

    prompt: str
    cwd: str
    audit_dir: str
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    thread: Mapping[str, Any] = field(default_factory=dict[str, Any])
    denied: tuple[str, ...] = ()
    effort: str | None = None
    images: tuple[str, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    timeout_s: float | None = None
    idle_timeout_s: float | None = None
    continues: str | None = None
    forks: str | None = None
    forks_after: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON, without fields at their defaults."""
        values: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in _TUPLES:
            values[name] = list(values[name])
        # 0.0 seconds differ from no bound, and a prompt may be empty.
        kept = {name for name, each in values.items() if each or type(each) is float} | _REQUIRED
        kept -= {"on_children"} if self.on_children == "wait" else set()
        return {name: each for name, each in values.items() if name in kept}

    @classmethod
    def from_json(cls, value: object) -> RunRequest:
        """Return the request in a decoded object. Unknown fields are ignored.

        Raises:
            ValueError: The object has no prompt or no folder.
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
    {
        "prompt",
        "cwd",
        "audit_dir",
        "name",
        "effort",
        "continues",
        "forks",
        "forks_after",
        "on_children",
        "tool",
    }
)
_REQUIRED = frozenset({"prompt", "cwd", "audit_dir"})
_TUPLES = ("images", "denied")
_OBJECTS = frozenset({"env", "thread", "output_schema"})
_NUMBERS = frozenset({"timeout_s", "idle_timeout_s", "retries", "goal_tokens"})


def _fits(name: str, value: object) -> bool:
    """Return whether a stored field still has its type."""
    if name in _TEXTS:
        return isinstance(value, str)
    if name in _OBJECTS:
        return is_object(value)
    if name in _NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return True


@dataclass(frozen=True, slots=True)
class Origin:
    """The run to resume or fork.

    Attributes:
        run_id: The run.
        thread_id: The thread.
        cwd: The working folder.
        request: The request.
        turn_id: The turn, after its end. None: not ended.
    """

    run_id: str
    thread_id: str
    cwd: str
    request: RunRequest
    turn_id: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitted run.

    Attributes:
        id: The run id.
        request: The request.
        group: The group of supervisors with the right credentials.
        created_at: Unix time, in seconds.
        thread_id: The thread to continue. None: a new thread, or a fork.
        key: Runs of one key are limited together; the folder by default.
        priority: Higher comes first.
        idempotency_key: A second submission with this key gets the first run. None: no key.
        delay_s: Shortest wait in the queue, in seconds.
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
    """The progress of an active run.

    Attributes:
        events: Number of Codex's events.
        usage: Tokens spent.
        last_step: The current step, in one short line; empty if unknown.
        updated_at: Unix time of the last event, in seconds. None: unknown; the store has no such
            column.
    """

    events: int = 0
    usage: TokenUsage = field(default_factory=TokenUsage)
    last_step: str = ""
    updated_at: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of an owner to change a claimed run, until the end of the attempt.

    Attributes:
        owner: The id of the owner.
        attempt: The number of the attempt, from 1.
    """

    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run in the store.

    Attributes:
        id: The run id.
        sequence: Position in the order of submission; unique in a store.
        request: The request.
        state: The state.
        group: The group of supervisors with the right credentials.
        key: Runs of one key are limited together.
        priority: Higher comes first.
        created_at: Unix time of the submission, in seconds.
        started_at: Beginning of the work. None: not begun.
        ended_at: The end. None: not ended.
        owner: The id of the present or last owner. None: never claimed.
        attempt: Number of begun attempts.
        thread_id: The thread. None: not known yet.
        turn_id: The turn. None: not sent yet.
        reason: The cause of the ending or of the wait; empty without a cause.
        message: The final message; empty until the end.
        progress: The progress so far.
        phase: The phase of the attempt. None: queued.
        retried: Number of times queued again after a loss.
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
    phase: Phase | None = None
    retried: int = 0

    @property
    def claim(self) -> Claim | None:
        """The claim of the present or last attempt. None: no attempt yet."""
        return None if self.owner is None else Claim(self.owner, self.attempt)

    @property
    def may_retry(self) -> bool:
        """The run has an automatic retry left."""
        return self.retried < self.request.retries

    @property
    def is_continued(self) -> bool:
        """An earlier attempt has sent the prompt, so the prompt is never sent again."""
        return self.retried > 0

    @property
    def title(self) -> str:
        """A readable name: the given name, or the beginning of the prompt."""
        text = " ".join((self.request.name or self.request.prompt).split())
        return text if len(text) <= _TITLE_CHARACTERS else f"{text[: _TITLE_CHARACTERS - 1]}…"


_TITLE_CHARACTERS = 80
