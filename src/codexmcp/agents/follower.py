"""Follow a run: record and show every step, and end a hopeless run."""

from __future__ import annotations

from codexmcp.agents.alarm import Alarm
from codexmcp.agents.display import Display
from codexmcp.agents.progress import AgentProgress, ProgressKind
from codexmcp.agents.record import AgentRecord
from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkError

NETWORK_WAITS = 4
"""Bound on Codex's consecutive connection failures, reached after about a minute.

Source: Codex 0.163.0 never gives up after a refused connection; it reports "Reconnecting... waiting
for network" at growing intervals.
"""


@dataclass(slots=True)
class Follower:
    """Process the steps of a run.

    Attributes:
        record: Receives the facts.
        display: Shows the steps.
        alarm: Ends the run.
    """

    record: AgentRecord
    display: Display
    alarm: Alarm
    _network_waits: int = 0

    def step(self, step: AgentProgress) -> None:
        """Process a step."""
        self.record.note(step)
        self.display.show(step)
        self._check_network(step)

    def _check_network(self, step: AgentProgress) -> None:
        waits = step.kind is ProgressKind.WARNING and "waiting for network" in step.text
        self._network_waits = self._network_waits + 1 if waits else 0
        if self._network_waits >= NETWORK_WAITS:
            self.alarm.ring(
                WorkError(
                    f"Codex cannot reach its model: {step.text}; check the network and the "
                    "endpoint, then continue with --resume"
                )
            )
