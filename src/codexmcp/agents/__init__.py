"""The common part of `main.py` and `newway.py`: an OpenAI Agents SDK agent with Codex as a tool.

`progress`, `record` and `files` are pure or nearly so; `display` prints; `workplace` prepares the
environment; `mcp_approach` and `tool_approach` are the two connections to Codex; `program` is an
entry point, and `running` runs the program.
"""
