"""The picker `codex-runs`: looks at runs in the terminal, attaches to them and acts on them.

The only part that imports `textual`. Promises to write nothing itself: runs are changed by their
supervisor alone.
"""

from __future__ import annotations

from codexmcp.picker.program import main

__all__ = ["main"]
