"""The MCP server that takes the place of `codex mcp-server`.

`arguments`, `policy`, `results` and `codex_events` are pure; `calls` runs a call on an app-server;
`protocol` speaks MCP; `stdio` is the door. The protocol layer is our own JSON-RPC peer rather than
the MCP SDK: the drop-in must answer as the removed server did, byte for byte, and start in time.
"""
