"""Tokens and costs of the past, from Codex's rollouts and the store of runs.

Owns the index of rollouts and the price table. Imports nothing above `runs`.
"""
