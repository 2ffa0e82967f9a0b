"""Start and end of every program.

Promises: Ctrl-C shows no traceback, from the first import on; a failed write to stdout ends in a
one-line error and an exit code; a deleted working directory is an error with a remedy; the number
of a closed standard descriptor is never reused for a file. Imports nothing slow, because Ctrl-C is
handled only from `run_program` on.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

TYPE_CHECKING = False  # typing takes 3 ms
if TYPE_CHECKING:
    from typing import NoReturn

    from _typeshed import ReadableBuffer

Work = Callable[[], "int | None"]


def run_program(name: str, load: Callable[[], Work]) -> int:
    """Run a program and return the exit code.

    Args:
        name: Prefix of error messages.
        load: Parses the arguments, imports the modules for them, and returns the work. During
            `load`, Ctrl-C ends the process at once, because an import may swallow or print the
            interrupt.
    """
    try:
        from codexmcp.errors import CodexMCPError, ExitCode  # noqa: PLC0415 - covered from here on

        _guard_streams()
        code: int | None
        try:
            with _LeavingAtOnce():
                work = load()
            _check_working_directory()
            code = work()
        except CodexMCPError as error:
            sys.stderr.write(f"{name}: {error}\n")
            code = error.exit_code
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else None
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        return _finished(name, ExitCode.DONE if code is None else code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        _forget_interrupts()


def leave(name: str, code: int) -> NoReturn:
    """End the process without interpreter shutdown.

    Args:
        name: See `run_program`.
        code: The exit code.
    """
    os._exit(_finished(name, code))


def is_output_lost() -> bool:
    """Return whether a write to stdout has failed; later output is dropped."""
    return _failure() is not None


def was_closed(fd: int) -> bool:
    """Return whether a standard descriptor was closed at the start of the program."""
    return fd in _closed


_INTERRUPTED = 130
"""`ExitCode.INTERRUPTED`, usable before `errors` is imported."""


def _forget_interrupts() -> None:
    """Let `python -m` end with the exit code of the program after a handled Ctrl-C.

    Source: CPython notes a KeyboardInterrupt that leaves code from a string, as of a named tuple,
    and then ends `python -m` by SIGINT even if the interrupt is handled outside. Each execution of
    a string resets the note.
    """
    exec("")  # noqa: S102 - an empty string


def _finished(name: str, code: int) -> int:
    """Flush the output and return the exit code, with lost output counted as a failure.

    A reader that closes early, for example `head`, is no failure.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    failure = _failure()
    if failure is None or isinstance(failure, BrokenPipeError):
        return code
    reason = "stdout is closed" if was_closed(1) else failure.strerror
    sys.stderr.write(f"{name}: cannot write the output: {reason}; send it elsewhere\n")
    sys.stderr.flush()
    return code or 1


def _failure() -> OSError | None:
    stdout = _guarded.get(1)
    return None if stdout is None else stdout.failure


def _check_working_directory() -> None:
    from codexmcp.errors import ConfigurationError  # noqa: PLC0415 - see `run_program`

    try:
        os.getcwd()  # noqa: PTH109 - pathlib is another import
    except OSError as error:
        raise ConfigurationError(
            f"the working directory cannot be used: {error.strerror}; change to a folder that "
            "exists, then try again"
        ) from None


class _LossyFile(io.FileIO):
    """A standard stream that drops unwritable data and keeps the error."""

    failure: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write as much as possible; never fail."""
        size = memoryview(data).nbytes
        if self.failure is not None:
            return size
        try:
            written = super().write(data)
            while written is None:
                # Another process has made the descriptor non-blocking.
                _wait_until_writable(self.fileno())
                written = super().write(data)
        except OSError as error:
            self.failure = error
            return size
        return written


def _wait_until_writable(fd: int) -> None:
    import select  # noqa: PLC0415 - rarely needed

    select.select([], [fd], [])


_closed: set[int] = set()
"""Standard descriptors that were closed at the start of the program."""

_guarded: dict[int, _LossyFile] = {}
"""The standard streams that never fail, by descriptor."""


def _guard_streams() -> None:
    """Replace stdout and stderr, except a stream that is already replaced, for example by a test.

    A closed descriptor is opened on /dev/null: otherwise the next opened file would get the number,
    and the output of a library or a child would be written to that file. Writes to stdout still
    fail.
    """
    if sys.stdin is None:
        _open_null(0, os.O_RDONLY)
    for fd, name, flags in ((1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        stream = getattr(sys, name)
        if stream is None:
            _open_null(fd, flags)
        elif stream is not getattr(sys, f"__{name}__"):
            continue
        raw = _guarded[fd] = _LossyFile(fd, "w", closefd=False)
        guarded = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=getattr(stream, "encoding", "utf-8"),
            # A terminal without Unicode gets escapes instead of an error.
            errors="backslashreplace",
            line_buffering=fd == 2 or raw.isatty(),  # noqa: PLR2004 - stderr
        )
        setattr(sys, name, guarded)


def _open_null(fd: int, flags: int) -> None:
    _closed.add(fd)
    opened = os.open(os.devnull, flags)
    if opened != fd:
        os.dup2(opened, fd)
        os.close(opened)


class _LeavingAtOnce:
    """Context in which Ctrl-C ends the process at once, unless SIGINT is ignored."""

    def __enter__(self) -> None:
        import signal  # noqa: PLC0415 - see `run_program`

        self._default = signal.getsignal(signal.SIGINT)
        if self._default is signal.default_int_handler:
            signal.signal(signal.SIGINT, _leave)

    def __exit__(self, *_error: object) -> None:
        import signal  # noqa: PLC0415 - see `run_program`

        if self._default is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._default)


def _leave(_number: int, _frame: object) -> None:
    os._exit(_INTERRUPTED)
