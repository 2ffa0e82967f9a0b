"""The MCP server that takes the place of `codex mcp-server`.

`arguments`, `policy`, `results` and `codex_events` are pure; `engine` runs calls on an app-server,
`call` is one of them as its client sees it; `protocol` speaks MCP; `stdio` is the door; the tools
of supervised runs are in `run_tools`. The protocol layer is our own JSON-RPC peer rather than
the MCP SDK: the drop-in must answer as the removed server did, byte for byte, and start in time.
"""
