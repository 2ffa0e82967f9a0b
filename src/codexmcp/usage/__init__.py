"""Token usage and costs, from Codex's rollouts and the store of runs.

Owns the index of rollouts and the price table. Imports nothing above `runs`.
"""
