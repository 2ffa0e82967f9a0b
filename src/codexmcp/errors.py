"""The one tree of errors that codexmcp raises, and the exit code of each.

CodexMCPError (1)
├── UsageError (2)                 the arguments cannot be used as given
├── ConfigurationError (78)        the surroundings must be put right first
│   ├── CredentialsError           no way to authenticate
│   └── CodexBinaryError           Codex is missing, not executable or too old
├── AppServerError (1)             `codex app-server` refused or failed
│   ├── RequestError               it answered a request with an error
│   ├── AppServerClosedError       it ended, or never came up
│   └── ProtocolError              it sent what the protocol does not allow
├── RunError (1)                   something about a supervised run
│   ├── RunNotFoundError           there is no such run
│   ├── StateError                 it stands in the way of what was asked
│   ├── StoreError                 the store of runs cannot be read or written
│   │   └── StoreCorruptError      it must be rebuilt
│   └── AuditError (78)            its audit files cannot be written
├── WorkError (1)                  the work was tried and failed
├── WorkspaceError (1)             a tool for files, search or git refuses, or could not do it
├── DeadlineError (124)            a bound on time was reached
└── InterruptedByUserError (130)   SIGINT or SIGTERM; 143 when it is init that sends SIGTERM

Every message says what happened, to what, and what the user can do now. This module imports
nothing from the package.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller.

    Source: 2 is argparse's; 3 is what init scripts say of a stopped service; 78 is EX_CONFIG of
    sysexits.h; 124 is what timeout(1) returns; 130 and 143 are 128 + SIGINT and SIGTERM by shell
    convention.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    CONFIGURATION = 78
    TIMEOUT = 124
    INTERRUPTED = 130
    TERMINATED = 143


class CodexMCPError(Exception):
    """Base of every error that codexmcp raises on purpose."""

    exit_code: ExitCode = ExitCode.FAILED


class UsageError(CodexMCPError):
    """The arguments of a command or call cannot be used as given."""

    exit_code = ExitCode.USAGE


class ConfigurationError(CodexMCPError):
    """Something outside the program must be put right before it can work."""

    exit_code = ExitCode.CONFIGURATION


class CredentialsError(ConfigurationError):
    """There is no key and no login to authenticate with."""


class CodexBinaryError(ConfigurationError):
    """The Codex binary is missing, cannot be started, or is too old."""


class AppServerError(CodexMCPError):
    """`codex app-server` refused or failed."""


class RequestError(AppServerError):
    """The peer answered a request with a JSON-RPC error.

    Args:
        method: The request's method, such as `thread/start`.
        code: The JSON-RPC error code.
        message: The server's own message.
        data: What the error carries beside it; None for nothing.
    """

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method} was refused: {message}")
        self.method = method
        self.code = code
        self.message = message
        self.data = data


class AppServerClosedError(AppServerError):
    """The app-server ended, or never came up.

    Args:
        reason: One line that says what happened.
        stderr_tail: The last lines that it wrote to stderr; empty when there were none.
    """

    def __init__(self, reason: str, stderr_tail: str = "") -> None:
        super().__init__(f"{reason}\n{stderr_tail}" if stderr_tail else reason)
        self.reason = reason
        self.stderr_tail = stderr_tail


class ProtocolError(AppServerError):
    """The peer sent what the protocol does not allow, such as a line without end."""


class RunError(CodexMCPError):
    """Something about a supervised run."""


class RunNotFoundError(RunError):
    """There is no such run."""


class StateError(RunError):
    """The state of a run stands in the way of what was asked."""


class StoreError(RunError):
    """The store of runs cannot be read or written."""


class StoreCorruptError(StoreError):
    """The store of runs is damaged and must be rebuilt from the audit files."""


class AuditError(RunError):
    """The audit files of a run cannot be written."""

    exit_code = ExitCode.CONFIGURATION


class WorkError(CodexMCPError):
    """The work was tried and failed."""


class WorkspaceError(CodexMCPError):
    """A tool of the workspace refuses, or could not do, what it was asked for."""


class DeadlineError(CodexMCPError):
    """A bound on time was reached before the work was done."""

    exit_code = ExitCode.TIMEOUT


class InterruptedByUserError(CodexMCPError):
    """SIGINT or SIGTERM ended the work.

    Args:
        message: What happened.
        exit_code: The code that the sender of the signal knows.
    """

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
