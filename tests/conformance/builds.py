"""The servers under comparison: the removed one, and ours on each Codex build."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.builds import (
    NPM_VERSION,
    ORACLE_VERSION,
    codex_build,
    newest_codex,
    pinned_codex,
)


@dataclass(frozen=True, slots=True)
class Build:
    """A server to talk to.

    Attributes:
        name: How tests and the table of differences call it.
        codex: Finds the Codex binary; called when it is needed, as it may have to be installed.
        native: Whether this is the removed server itself.
        options: Options of ours.
    """

    name: str
    codex: Callable[[], Path]
    native: bool = False
    options: tuple[str, ...] = ()

    def command(self, options: Sequence[str] = ()) -> list[str]:
        """Return the command line of the server; `options` are for ours only."""
        if self.native:
            return [str(self.codex()), "mcp-server"]
        return [sys.executable, "-m", "codexmcp", "mcp-server", *self.options, *options]

    def environment(self) -> dict[str, str]:
        """Return the variables that the server needs besides everybody's."""
        return {} if self.native else {"CODEX_BIN": str(self.codex())}


ORACLE = Build("native", lambda: codex_build(ORACLE_VERSION), native=True)

# The three of ours that gate, all pinned: the oracle's own Codex, so that every difference is ours;
# the one that comes with the package; and a later one of npm. The newest release is played by
# `-m newest` alone: a change of Codex is seen, and turns no checkout red.
SAME = Build("same", lambda: codex_build(ORACLE_VERSION))
BUNDLED = Build("bundled", pinned_codex)
NPM = Build("npm", lambda: codex_build(NPM_VERSION))
NEWEST = Build("newest", newest_codex)

# The removed server to the letter, where ours adds something of its own.
STRICT = Build("strict", lambda: codex_build(ORACLE_VERSION), options=("--strict-compat",))

OURS = (SAME, BUNDLED, NPM, NEWEST)
