"""The methods of the supervisor beside MCP's, by name, for those who ask and those who answer."""

from __future__ import annotations

STATUS = "codexmcp/status"
STOP = "codexmcp/stop"
ATTACH = "codexmcp/attach"
INTERRUPT = "codexmcp/interrupt"
ANSWER = "codexmcp/answer"
