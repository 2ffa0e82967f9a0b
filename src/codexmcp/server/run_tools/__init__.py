"""The MCP tools of supervised runs: short answers, with the work elsewhere.

Must not expose paths, logs or process details: a model needs handles and results.
"""
