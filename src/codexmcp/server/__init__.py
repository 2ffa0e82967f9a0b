"""The MCP server in place of `codex mcp-server`.

`results` and the `codex_*` modules are pure. `engine` runs calls on an app-server; `call` is the
client's side of a call; `protocol` speaks MCP; `stdio` is the entry point; `run_tools` has the
tools of supervised runs. The protocol layer is our own JSON-RPC peer instead of the MCP SDK: the
answers must equal the removed server's byte for byte, and the start must be fast.
"""
