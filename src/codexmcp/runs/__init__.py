"""Supervised runs: their states, their store, their audit files, and their engine.

A run is one prompt for one thread, recorded before any work and independent of its caller. Must not
import `server`: MCP is unknown here.
"""
