"""What `main.py` and `newway.py` share: an agent of the OpenAI Agents SDK that works through Codex.

`progress`, `record` and `files` are pure or nearly so; `display` prints; `workplace` sets the
surroundings up; `mcp_approach` and `tool_approach` are the two ways to Codex; `program` is an entry
point, and `running` runs it.
"""
