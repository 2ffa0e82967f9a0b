"""The MCP tools of supervised runs: small answers, the work itself goes on elsewhere.

Must not hand out paths, logs or what runs where: a model needs handles and results.
"""
