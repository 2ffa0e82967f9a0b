"""The tools that clients of the HTTP server get beside the runs: files, portfolio, git, extension.

Knows nothing of MCP or HTTP. Everything it touches lies in folders that the server was given.
"""
