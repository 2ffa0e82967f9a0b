"""Give Codex one task from a script without an event loop."""

from codexmcp import SyncCodex

with SyncCodex(sandbox="workspace-write") as codex:
    print(codex.run("Run `uname -sr` and tell me which system this is.").message)
