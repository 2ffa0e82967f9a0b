"""One place for the config, memories and skills of Codex, Claude Code and Cursor: a repository.

What shall be in a client's folder is computed whole (`wanted`), compared with what is there and
what was deployed (`manifest`, `deployed`, `planning`), and only then written (`writing`).
"""
