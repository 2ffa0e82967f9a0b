"""Codex at work: threads, turns with their trees, and the desk, their owner.

`desk` is the only way to run a turn; the MCP tools and the runs both use it.
"""
