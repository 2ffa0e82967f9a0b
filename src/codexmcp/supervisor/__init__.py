"""The supervisor: the process that owns Codex and the runs, so that runs outlive a client.

A client runs `relay` and `start`, without heavy imports. All other modules run in the supervisor.
"""
