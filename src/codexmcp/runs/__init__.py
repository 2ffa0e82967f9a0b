"""Supervised runs: their states, their store, their audit files, and the engine that works on them.

A run is one prompt given to one thread. It is recorded before it happens and outlives its caller.
Must not import `server`: knows no MCP.
"""
