"""The table of all scenarios."""

from __future__ import annotations

from tests.conformance.scenario import Scenario
from tests.conformance.scenarios.agents import agents
from tests.conformance.scenarios.approvals import approvals
from tests.conformance.scenarios.catalogue import catalogue
from tests.conformance.scenarios.commands import commands
from tests.conformance.scenarios.endings import endings
from tests.conformance.scenarios.initialization import initialization
from tests.conformance.scenarios.items import items
from tests.conformance.scenarios.mapping import mapping
from tests.conformance.scenarios.mcp_tools import mcp_tools
from tests.conformance.scenarios.model_errors import model_errors
from tests.conformance.scenarios.results import results

SCENARIOS: tuple[Scenario, ...] = (
    *initialization(),
    *results(),
    *mapping(),
    *model_errors(),
    *commands(),
    *items(),
    *mcp_tools(),
    *endings(),
    *approvals(),
    *catalogue(),
    *agents(),
)
