"""Config, memories and skills of Codex, Claude Code and Cursor from a single repository.

The wanted contents of a client's folder are computed whole (`wanted`), compared with the current
and the deployed contents (`manifest`, `deployed`, `planning`), and only then written (`writing`).
"""
