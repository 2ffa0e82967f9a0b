"""The supervisor: the process that owns Codex and its runs when they must outlive a client.

`relay` and `start` are what a client runs; they import nothing heavy. Everything else is the
supervisor itself.
"""
