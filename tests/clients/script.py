"""What the scripted models of these tests say, beyond the test kit's words."""

from __future__ import annotations

from codexmcp.testing import ShellCall
from tests.support.model_steps import escalated

ASKED_COMMAND = "touch allowed.txt"
# Renamed, so that whoever finds the file finds the process's id in it.
LONG_COMMAND = "echo $$ > pid; mv pid pid.txt; exec sleep 600"


def asking() -> ShellCall:
    """Return a call of a command that Codex does not run without a question."""
    return escalated(ASKED_COMMAND, "It is needed.")
