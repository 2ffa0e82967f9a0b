"""Codex's terminal interface on a terminal without a person, for a trial.

Owns the pseudo-terminal and the process. Promises: the interface ends with the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import termios

from codexmcp.appserver.remote import TuiCommand
from codexmcp.network import direct_to_loopback

_SIZE = struct.pack("HHHH", 40, 120, 0, 0)
_READ_BYTES = 65536
_POLL_S = 0.05

_ANSWERS = {
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[c": b"\x1b[?62c",
    b"\x1b]10;?": b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
}
"""Answers of a plain terminal to the questions of the interface at its start."""


async def shows(command: TuiCommand, text: str, timeout_s: float) -> bool:
    """Return whether the interface shows a text within a bound.

    Args:
        command: The interface.
        text: A text without spaces.
        timeout_s: The bound, in seconds.
    """
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, _SIZE)
        os.set_blocking(ours, False)
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            env=direct_to_loopback({**command.env, "TERM": "xterm-256color"}),
            cwd=command.cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
    except OSError:
        os.close(ours)
        return False
    finally:
        os.close(theirs)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await _appears(ours, text.encode(), process)
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        os.close(ours)


async def _appears(terminal: int, text: bytes, process: asyncio.subprocess.Process) -> bool:
    shown = b""
    while True:
        try:
            data = os.read(terminal, _READ_BYTES)
        except BlockingIOError:
            data = b""
        except OSError:
            return False  # The interface has closed its end.
        for question, answer in _ANSWERS.items():
            if question in data:
                os.write(terminal, answer)
        shown = shown[-_READ_BYTES:] + data
        if text in shown:
            return True
        if not data:
            if process.returncode is not None:
                return False
            await asyncio.sleep(_POLL_S)
