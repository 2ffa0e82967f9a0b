"""A person's actions on runs, done by the supervisor.

All calls block, with a bound. The store is only read, and read again by each call, because the
screen may be a second old.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from codexmcp.appserver.remote import TuiCommand
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import (
    ConfigurationError,
    RunError,
    RunErrorFields,
    RunErrorKind,
    StateError,
)
from codexmcp.jsonvalues import list_of, object_of, text_of
from codexmcp.network import direct_to_loopback
from codexmcp.picker.audit import audit_lines
from codexmcp.picker.remedies import REMEDIES
from codexmcp.runs.run import Run
from codexmcp.supervisor.asking import ask, worded_refusals
from codexmcp.supervisor.attaching import attach_command, connect_to
from codexmcp.supervisor.directory import RunDirectory
from codexmcp.supervisor.methods import ANSWER, APPROVALS, INTERRUPT, RESUME, START, STEER

RELAY_END_S = 5.0
"""Bound on the end of a relay, in seconds."""

_ENDED = "the supervisor ended; try again, and a new one is started"


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """An open question of a run.

    Attributes:
        id: The id for the supervisor.
        text: The question.
        count: Number of open questions of the run.
        agent: The path of the sub-agent with the question; empty for the root thread.
        form: The JSON Schema of a form; empty without a form.
        url: The address to open; empty without an address.
    """

    id: str
    text: str
    count: int
    agent: str = ""
    form: Mapping[str, Any] = field(default_factory=dict[str, Any])
    url: str = ""


class Attachment:
    """A thread, loaded for display until `close`.

    Args:
        command: Shows the thread.
        stack: Holds the thread.
    """

    def __init__(self, command: TuiCommand, stack: contextlib.ExitStack) -> None:
        self.command = command
        self._stack = stack

    def close(self) -> None:
        """Release the thread."""
        self._stack.close()


class Actions:
    """Actions on the runs of a directory.

    Args:
        folder: The folder of the store.
        cwd: The working directory of this process.
        env: The environment of this process.
    """

    def __init__(self, folder: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._cwd = cwd
        self._env = env

    def audit(self, run_id: str) -> list[str]:
        """Return the audit of a run as lines of text.

        Raises:
            CodexMCPError: The run is unknown now, or the store cannot be read.
        """
        return audit_lines(self._get(run_id))

    def interrupt(self, run_id: str) -> str:
        """Interrupt a running or queued run; return the new state.

        Raises:
            CodexMCPError: The run cannot be interrupted, with the reason in the message.
        """
        run = self._get(run_id)
        if run.state.is_over:
            raise _refusal(run, f"is over already: {run.state}", RunErrorKind.OVER)
        with self._connection(run) as connection:
            return text_of(ask(connection, INTERRUPT, {"runId": run_id}).get("status")) or ""

    def steer(self, run_id: str, text: str) -> None:
        """Send a message to a working run.

        Raises:
            CodexMCPError: The run has no turn now, with the reason in the message.
        """
        with self._connection(self._get(run_id)) as connection:
            ask(connection, STEER, {"run_id": run_id, "prompt": text})

    def resume(self, run_id: str, prompt: str) -> str:
        """Give an ended run a further prompt; return the id of the new run.

        Raises:
            CodexMCPError: The run cannot be resumed, with the reason in the message.
        """
        with self._connection(self._get(run_id)) as connection:
            handle = ask(connection, RESUME, {"run_id": run_id, "prompt": prompt})
        return text_of(handle.get("runId")) or ""

    def start(self, prompt: str, folder: str) -> str:
        """Start a run in a folder; return its id.

        Raises:
            CodexMCPError: The run cannot be started, with the reason in the message.
        """
        with worded_refusals(REMEDIES, _ENDED), _relayed(self._cwd, self._env) as connection:
            handle = ask(connection, START, {"prompt": prompt, "cwd": folder})
        return text_of(handle.get("runId")) or ""

    def question(self, run_id: str) -> OpenQuestion | None:
        """Return the first open question of a run; None without a question.

        Raises:
            CodexMCPError: The supervisor cannot be asked, with the reason in the message.
        """
        run = self._get(run_id)
        if not run.state.is_active:
            return None
        with self._connection(run) as connection:
            told = ask(connection, APPROVALS, {"run_id": run_id})
        waiting = [object_of(each) for each in list_of(told.get("approvals"))]
        if not waiting:
            return None
        first = waiting[0]
        names = ("approvalId", "question", "agent", "url")
        question_id, text, agent, url = (text_of(first.get(name)) or "" for name in names)
        form = object_of(first.get("requestedSchema"))
        return OpenQuestion(question_id, text, len(waiting), agent, form, url)

    def answer(
        self, run_id: str, question_id: str, decision: str, content: Mapping[str, Any]
    ) -> None:
        """Answer a question.

        Args:
            run_id: The waiting run.
            question_id: The question.
            decision: `accept`, `accept_for_session`, `decline` or `cancel`.
            content: The values for the form.

        Raises:
            CodexMCPError: The question is closed, or cannot be answered.
        """
        with self._connection(self._get(run_id)) as connection:
            given = {"approvalId": question_id, "decision": decision, "content": content}
            ask(connection, ANSWER, given)

    def attach(self, run_id: str) -> Attachment:
        """Load the thread of a run for display.

        Raises:
            CodexMCPError: The thread cannot be loaded, with the reason in the message.
        """
        run = self._get(run_id)
        if run.thread_id is None:
            kind = RunErrorKind.NO_THREAD if run.state.is_over else RunErrorKind.NO_TURN
            raise _refusal(run, f"has no thread to attach to ({run.state})", kind)
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(self._connection(run))
            command = attach_command(connection, run, self._folder, self._env)
            return Attachment(command, stack.pop_all())

    def _get(self, run_id: str) -> Run:
        with RunDirectory(self._folder) as directory:
            return directory.get(run_id)

    @contextlib.contextmanager
    def _connection(self, run: Run) -> Generator[socket.socket, None, None]:
        """Connect to the owner able to act on a run; start a supervisor without such an owner."""
        with RunDirectory(self._folder) as directory:
            owner = directory.owner_of(run)
        opening = (
            _relayed(self._cwd, self._env)
            if owner is None
            else connect_to(owner, self._cwd, self._env)
        )
        with worded_refusals(REMEDIES, _ENDED), opening as connection:
            yield connection


def _refusal(run: Run, what: str, kind: RunErrorKind) -> RunError:
    fields = RunErrorFields(run.id, run.state, run.request.cwd)
    return StateError(f"run {run.id} {what}", kind, fields).advised(REMEDIES)


@contextlib.contextmanager
def _relayed(cwd: Path, env: Mapping[str, str]) -> Generator[socket.socket, None, None]:
    """Connect to the supervisor for our credentials, after a start if necessary.

    By the relay of `codexmcp mcp-server --shared`, because a frontend decides the address.
    """
    ours, its = socket.socketpair()
    argv = [sys.executable, "-P", "-m", "codexmcp", "mcp-server", "--shared"]
    with ours, tempfile.TemporaryFile() as said:
        with its:
            end = its.fileno()
            relay = subprocess.Popen(
                argv, stdin=end, stdout=end, stderr=said, cwd=cwd, env=direct_to_loopback(env)
            )
        try:
            yield ours
        except ConnectionError as error:
            _end(relay)
            said.seek(0)
            reason = said.read().decode(errors="replace").strip().removeprefix("codexmcp: ")
            raise ConfigurationError(reason or "no supervisor can be started") from error
        finally:
            ours.close()
            _end(relay)


def _end(relay: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a relay, then kill the relay; a killed relay loses nothing."""
    try:
        relay.wait(RELAY_END_S)
    except subprocess.TimeoutExpired:
        relay.kill()
        relay.wait()
