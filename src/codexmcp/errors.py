"""The error classes of codexmcp, and their exit codes.

CodexMCPError (1)
├── UsageError (2)                 invalid arguments
├── ConfigurationError (78)        the environment of the program needs a fix first
│   ├── CredentialsError           no key and no login
│   ├── CodexBinaryError           Codex is missing, not executable or too old
│   └── ForeignFileError           a socket or its folder belongs to another user
├── AppServerError (1)             `codex app-server` refused or failed
│   ├── RequestError               an error as the answer to a request
│   ├── AppServerClosedError       app-server ended, or never started
│   └── ProtocolError              a violation of the protocol
│       └── StructureError         a JSON text is too large, wide or deep
├── RunError (1)                   a supervised run
│   ├── RunNotFoundError           no such run
│   ├── StateError                 the run's state forbids the operation
│   ├── RunLostError               the run was cut off
│   ├── RunRefusedError            the policy of the caller forbids the run
│   ├── StoreError                 the store of runs cannot be read or written
│   │   └── StoreCorruptError      the store must be rebuilt
│   └── AuditError (78)            the audit files cannot be written
├── WorkError (1)                  the work was tried and failed
│   └── TurnFailedError            a turn of Codex, whose thread can be continued
├── WorkspaceError (1)             a tool for files, search or git refused or failed
├── DeadlineError (124)            a time limit was reached
└── InterruptedByUserError (130)   SIGINT or SIGTERM; 143 for a SIGTERM from init

Every message says: the event, the object, and the remedy. This module imports only `data_classes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Self

from codexmcp.data_classes import dataclass, fields


class ExitCode(IntEnum):
    """Exit codes of the programs.

    DONE: success.
    FAILED: the work failed or was refused; a check found a fault or a difference.
    USAGE: wrong usage: an unknown option, a missing argument, an invalid value.
    NOT_RUNNING: `serve --status` and `serve --stop`: no server is running.
    CONFIGURATION: configuration, credentials, a folder or Codex itself is missing or unusable; the
        message names the remedy.
    TIMEOUT: a time limit was reached.
    INTERRUPTED: interrupted by SIGINT or SIGTERM.
    TERMINATED: interrupted by SIGTERM as an MCP server or as the program of a container.

    Source: 2 is argparse's; 3 is the code of init scripts for a stopped service; 78 is EX_CONFIG of
    sysexits.h; 124 is timeout(1)'s; 130 and 143 are 128 + SIGINT and SIGTERM by shell convention.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    CONFIGURATION = 78
    TIMEOUT = 124
    INTERRUPTED = 130
    TERMINATED = 143


def exit_code_of(error: CodexMCPError | None) -> ExitCode:
    """Return the exit code for an error; None: success."""
    return ExitCode.DONE if error is None else error.exit_code


class CodexMCPError(Exception):
    """Base class of codexmcp's errors."""

    exit_code: ExitCode = ExitCode.FAILED


class UsageError(CodexMCPError):
    """Invalid arguments of a command or a call."""

    exit_code = ExitCode.USAGE


class ConfigurationError(CodexMCPError):
    """Something outside the program must be fixed first."""

    exit_code = ExitCode.CONFIGURATION


class CredentialsError(ConfigurationError):
    """No key and no login."""


class CodexBinaryError(ConfigurationError):
    """The Codex binary is missing, cannot be started, or is too old."""


class ForeignFileError(ConfigurationError):
    """A socket, its folder or the process behind it belongs to another user."""


class AppServerError(CodexMCPError):
    """`codex app-server` refused or failed."""


class RequestError(AppServerError):
    """The peer answered a request with a JSON-RPC error.

    Args:
        method: The request's method, for example `thread/start`.
        code: The JSON-RPC error code.
        message: The peer's message.
        data: The error's `data` member. None: absent.
    """

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method} was refused: {message}")
        self.method = method
        self.code = code
        self.message = message
        self.data = data


class AppServerClosedError(AppServerError):
    """The app-server ended, or never started.

    Args:
        reason: One line for the user.
        stderr_tail: The last lines of stderr; may be empty.
    """

    def __init__(self, reason: str, stderr_tail: str = "") -> None:
        super().__init__(f"{reason}\n{stderr_tail}" if stderr_tail else reason)
        self.reason = reason
        self.stderr_tail = stderr_tail


class ProtocolError(AppServerError):
    """The peer violated the protocol, for example by an endless line."""


class StructureError(ProtocolError):
    """A JSON text exceeds a bound on size, parts or nesting."""


class RunErrorKind(StrEnum):
    """Refusals of a use case of runs. The remedy differs by front, so each front words its own."""

    NOT_FOUND = "not_found"
    NOT_IN_STORE = "not_in_store"
    NO_THREAD = "no_thread"
    IN_CONTAINER = "in_container"
    OUTSIDE_CONTAINER = "outside_container"
    NO_TURN = "no_turn"
    OVER = "over"
    WORKED_ON_ELSEWHERE = "worked_on_elsewhere"
    STILL_STOPPING = "still_stopping"
    NO_RESULT = "no_result"
    DRAINING = "draining"
    NO_QUESTION = "no_question"
    OTHER_POLICY = "other_policy"


@dataclass(frozen=True, slots=True)
class RunErrorFields:
    """The subject of a refusal; empty fields do not apply.

    Attributes:
        run_id: The run.
        state: Its state.
        cwd: Its folder.
        approval_id: The question.
    """

    run_id: str = ""
    state: str = ""
    cwd: str = ""
    approval_id: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class RunError(CodexMCPError):
    """Base class of the errors about supervised runs.

    Args:
        message: What happened, without the words of a front if there is a kind.
        kind: The refusal; None for an error whose message is complete.
        fields: Its subject.
    """

    def __init__(
        self,
        message: str,
        kind: RunErrorKind | None = None,
        fields: RunErrorFields | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.fields = fields or RunErrorFields()

    def advised(self, remedies: Mapping[RunErrorKind, str]) -> Self:
        """Return the error with a front's remedy, which makes its message complete.

        Args:
            remedies: By kind, with the names of fields in braces.
        """
        if self.kind is None:
            return self
        remedy = remedies[self.kind].format(**self.fields.to_json())
        return type(self)(f"{self}; {remedy}", self.kind, self.fields)

    def to_json(self) -> dict[str, object]:
        """Return kind and fields as JSON; see `run_error_of`."""
        return {"kind": self.kind, "fields": self.fields.to_json()}


def run_error_of(message: str, kind: object, given: Mapping[str, object]) -> RunError | None:
    """Return the error that another process has sent; None for an unknown kind.

    Args:
        message: Its message.
        kind: Its kind; see `RunError.to_json`.
        given: Its fields.
    """
    if not isinstance(kind, str) or kind not in {*RunErrorKind}:
        return None
    names = [each.name for each in fields(RunErrorFields)]
    texts = {name: str(given.get(name, "")) for name in names}
    return RunError(message, RunErrorKind(kind), RunErrorFields(**texts))


class RunNotFoundError(RunError):
    """No such run."""


class StateError(RunError):
    """The state of a run forbids the operation."""


class RunLostError(RunError):
    """A run was cut off, and its end is unknown."""


class RunRefusedError(RunError):
    """A run is outside of the policy of its caller."""


class StoreError(RunError):
    """The store of runs cannot be read or written."""


class StoreCorruptError(StoreError):
    """The store of runs is damaged and must be rebuilt from the audit files."""


class AuditError(RunError):
    """The audit files of a run cannot be written."""

    exit_code = ExitCode.CONFIGURATION


class WorkError(CodexMCPError):
    """The work was tried and failed."""


class TurnFailedError(WorkError):
    """A turn of Codex failed, or did not begin.

    Args:
        thread_id: Its thread, which can be continued.
        reason: Codex's own message, or the fault of its answer.
    """

    def __init__(self, thread_id: str, reason: str) -> None:
        super().__init__(reason)
        self.thread_id = thread_id


class WorkspaceError(CodexMCPError):
    """A workspace tool refused or failed."""


class DeadlineError(CodexMCPError):
    """A time limit was reached before the end of the work."""

    exit_code = ExitCode.TIMEOUT


class InterruptedByUserError(CodexMCPError):
    """SIGINT or SIGTERM ended the work.

    Args:
        message: The event.
        exit_code: The code for the sender of the signal.
    """

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
