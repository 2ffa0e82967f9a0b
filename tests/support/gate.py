"""A supervisor that a client starts, and whose start takes as long as a test wants."""

from __future__ import annotations

import os
from pathlib import Path

SLOW = """\
import os, sys
if "serve" in sys.orig_argv and "--ready-fd" in sys.orig_argv:
    open(os.environ["GATE"]).read()
"""


class Gate:
    """Holds back the start of a supervisor until it is opened.

    Attributes:
        env: The variables of whoever starts it.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(SLOW)
        self._pipe = folder / "gate"
        os.mkfifo(self._pipe)
        self.env = {"PYTHONPATH": str(folder), "GATE": str(self._pipe)}

    def open(self) -> None:
        """Let the one that waits go on, once it waits."""
        self._pipe.write_text("")
