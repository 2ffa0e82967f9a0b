"""Names of the supervisor's methods beside MCP, for both sides of a connection."""

from __future__ import annotations

STATUS = "codexmcp/status"
STOP = "codexmcp/stop"
START = "codexmcp/start"
RESUME = "codexmcp/resume"
FORK = "codexmcp/fork"
STEER = "codexmcp/steer"
APPROVALS = "codexmcp/approvals"
ATTACH = "codexmcp/attach"
INTERRUPT = "codexmcp/interrupt"
ANSWER = "codexmcp/answer"

ALL = frozenset({STATUS, STOP, START, RESUME, FORK, STEER, APPROVALS, ATTACH, INTERRUPT, ANSWER})
