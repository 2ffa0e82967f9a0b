"""JSON-RPC over newline-delimited JSON, as both `codex app-server` and MCP's stdio speak it.

`framing` and `messages` are pure; `connection` binds them to an asyncio byte stream, and `pipes`
makes such a stream of a child's pipes, or of this process's own stdin and stdout.
"""
