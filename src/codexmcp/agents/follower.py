"""Follows a run: every step is recorded and shown, and what cannot end well is ended."""

from __future__ import annotations

from dataclasses import dataclass

from codexmcp.agents.alarm import Alarm
from codexmcp.agents.display import Display
from codexmcp.agents.progress import Kind, Progress
from codexmcp.agents.record import Record
from codexmcp.agents.workplace import REHEARSAL_MODEL
from codexmcp.errors import WorkError

NETWORK_WAITS = 4
"""How often in a row Codex may find that it cannot connect, which takes it about a minute.

Source: Codex 0.163.0 never gives up a connection that is refused; it says "Reconnecting... waiting
for network" at growing distances.
"""


@dataclass(slots=True)
class Follower:
    """Takes the steps of a run.

    Attributes:
        record: Where facts are noted.
        display: Where steps are shown.
        alarm: Ends the run.
    """

    record: Record
    display: Display
    alarm: Alarm
    _network_waits: int = 0

    def step(self, step: Progress) -> None:
        """Take a step."""
        # Codex does not know the rehearsal's model, and nobody has to care.
        if step.kind is Kind.WARNING and f"`{REHEARSAL_MODEL}`" in step.text:
            return
        self.record.note(step)
        self.display.show(step)
        self._check_network(step)

    def _check_network(self, step: Progress) -> None:
        waits = step.kind is Kind.WARNING and "waiting for network" in step.text
        self._network_waits = self._network_waits + 1 if waits else 0
        if self._network_waits >= NETWORK_WAITS:
            self.alarm.ring(
                WorkError(
                    f"Codex cannot reach its model: {step.text}; check the network and the "
                    "endpoint, then continue with --resume"
                )
            )
