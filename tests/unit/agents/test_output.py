from __future__ import annotations

import errno
import io

from codexmcp.agents.output import Output


class Broken(io.StringIO):
    """A stream on which every write fails."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


def test_a_line_is_written_and_flushed() -> None:
    stream = io.StringIO()
    output = Output(stream)
    output.write_line("a\udcffb")
    assert stream.getvalue() == "a?b\n"
    assert output.failure is None


def test_a_reader_that_went_away_is_no_failure() -> None:
    output = Output(Broken(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    output.write_line("a")
    output.write_line("b")
    assert isinstance(output.error, BrokenPipeError)
    assert output.failure is None


def test_a_full_disk_is_a_failure() -> None:
    output = Output(Broken(OSError(errno.ENOSPC, "No space left on device")))
    output.write_line("a")
    assert output.failure == "cannot write the output: No space left on device"


def test_a_stream_that_was_closed_from_the_start_takes_everything() -> None:
    output = Output(None)
    output.write_line("a")
    assert output.failure is None
    assert not output.is_terminal
