"""Deployment to a Codex home: profiles, MCP servers, skills and the repository behind them.

Writes into a home only on a user's request, by a plan made beforehand.
"""
