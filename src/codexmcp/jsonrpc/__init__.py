"""JSON-RPC over newline-delimited JSON, the wire format of `codex app-server` and of MCP on stdio.

`framing` and `messages` are pure. `connection` binds them to an asyncio byte stream. `pipes` makes
byte streams of a child's pipes and of this process's stdin and stdout.
"""
