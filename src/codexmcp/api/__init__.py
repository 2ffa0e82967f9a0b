"""The public Python API: `from codexmcp import Codex, Runs`.

A facade: turns are done by `codex` and `policy`, supervised runs by `supervisor`.
"""
