"""What a human does to runs, by way of their supervisor.

All calls block, and are bounded. The store is only read; each call looks at it anew, because what
the screen shows may be a second old.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codexmcp.appserver.remote import TuiCommand
from codexmcp.errors import ConfigurationError, StateError
from codexmcp.jsonvalues import list_of, object_of, text_of
from codexmcp.picker.audit import audit_lines
from codexmcp.runs.run import Run
from codexmcp.supervisor.asking import ask, call_tool
from codexmcp.supervisor.attaching import attach_command, connect_to
from codexmcp.supervisor.directory import RunDirectory
from codexmcp.supervisor.methods import ANSWER, INTERRUPT

RELAY_END_S = 5.0
"""How long a relay may take to end, in seconds."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that a run waits with.

    Attributes:
        id: Names it to the supervisor.
        text: What is asked.
        count: How many questions the run has.
    """

    id: str
    text: str
    count: int


class Attachment:
    """A thread that is held ready to be shown, until closed.

    Args:
        command: What shows it.
        stack: What holds it.
    """

    def __init__(self, command: TuiCommand, stack: contextlib.ExitStack) -> None:
        self.command = command
        self._stack = stack

    def close(self) -> None:
        """Let go of the thread."""
        self._stack.close()


class Actions:
    """What can be done to the runs of a directory.

    Args:
        folder: The folder of the store.
        cwd: Our working directory.
        env: Our environment.
    """

    def __init__(self, folder: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._cwd = cwd
        self._env = env

    def audit(self, run_id: str) -> list[str]:
        """Return the audit of a run, as lines to read.

        Raises:
            CodexMCPError: There is no such run any more, or the store cannot be read.
        """
        return audit_lines(self._get(run_id))

    def interrupt(self, run_id: str) -> str:
        """Interrupt a run, or withdraw it from the queue; return how it stands then.

        Raises:
            CodexMCPError: It cannot be done; the message says why.
        """
        run = self._get(run_id)
        if run.state.is_over:
            raise StateError(f"run {run_id} is over already: {run.state}")
        with self._connection(run) as connection:
            return text_of(ask(connection, INTERRUPT, {"runId": run_id}).get("status")) or ""

    def question(self, run_id: str) -> Question | None:
        """Return the first question that a run waits with; None when it has none.

        Raises:
            CodexMCPError: It cannot be asked; the message says why.
        """
        run = self._get(run_id)
        if not run.state.is_active:
            return None
        with self._connection(run) as connection:
            told = call_tool(connection, "codex_approvals", {"run_id": run_id})
        waiting = [object_of(each) for each in list_of(told.get("approvals"))]
        if not waiting:
            return None
        first = waiting[0]
        question_id, text = text_of(first.get("approvalId")), text_of(first.get("question"))
        return Question(question_id or "", text or "", len(waiting))

    def answer(self, run_id: str, question_id: str, decision: str) -> None:
        """Answer a question.

        Args:
            run_id: The run that waits.
            question_id: The question.
            decision: `accept`, `accept_for_session`, `decline` or `cancel`.

        Raises:
            CodexMCPError: It does not wait any more, or cannot be answered.
        """
        with self._connection(self._get(run_id)) as connection:
            ask(connection, ANSWER, {"approvalId": question_id, "decision": decision})

    def attach(self, run_id: str) -> Attachment:
        """Have the thread of a run held ready to be shown.

        Raises:
            CodexMCPError: It cannot be; the message says why.
        """
        run = self._get(run_id)
        if run.thread_id is None:
            why = "it ended before it had one" if run.state.is_over else "try again when it runs"
            raise StateError(f"run {run_id} has no thread to attach to ({run.state}): {why}")
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(self._connection(run))
            command = attach_command(connection, run, self._folder, self._env)
            return Attachment(command, stack.pop_all())

    def _get(self, run_id: str) -> Run:
        with RunDirectory(self._folder) as directory:
            return directory.get(run_id)

    @contextlib.contextmanager
    def _connection(self, run: Run) -> Generator[socket.socket, None, None]:
        """Be connected to who can act on a run; start a supervisor when nobody can."""
        with RunDirectory(self._folder) as directory:
            owner = directory.owner_of(run)
        try:
            if owner is None:
                with _relayed(self._cwd, self._env) as connection:
                    yield connection
            else:
                with connect_to(owner, self._cwd, self._env) as connection:
                    yield connection
        except ConnectionError as error:
            raise ConfigurationError(
                "the supervisor ended; try again, and another one is started"
            ) from error


@contextlib.contextmanager
def _relayed(cwd: Path, env: Mapping[str, str]) -> Generator[socket.socket, None, None]:
    """Be connected to the supervisor for our credentials, which is started if need be.

    The relay of `codexmcp mcp-server --shared` knows how: a frontend decides where it listens.
    """
    ours, its = socket.socketpair()
    argv = [sys.executable, "-P", "-m", "codexmcp", "mcp-server", "--shared"]
    with ours, tempfile.TemporaryFile() as said:
        with its:
            end = its.fileno()
            relay = subprocess.Popen(
                argv, stdin=end, stdout=end, stderr=said, cwd=cwd, env=dict(env)
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
    """Wait for a relay's end; killing it loses nothing."""
    try:
        relay.wait(RELAY_END_S)
    except subprocess.TimeoutExpired:
        relay.kill()
        relay.wait()
