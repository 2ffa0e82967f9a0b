"""Where the supervisor of a Codex home and a set of credentials listens.

Pure but for the names of folders. Imports nothing heavy: a relay needs it before anything else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.runs.groups import group_id

_ID_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Address:
    """The files of one supervisor.

    Attributes:
        folder: Where they lie; for nobody but us.
        id: Tells supervisors of other homes or credentials apart.
    """

    folder: Path
    id: str

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / f"{self.id}.sock"

    @property
    def codex_socket(self) -> Path:
        """Where its app-server listens."""
        return self.folder / f"{self.id}.codex.sock"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.folder / f"{self.id}.lock"

    @property
    def start_lock(self) -> Path:
        """Locked by the one client that starts it."""
        return self.folder / f"{self.id}.start"

    @property
    def log(self) -> Path:
        """What it has to say when it was started on demand."""
        return self.folder / f"{self.id}.log"


def address_of(
    home: Path,
    identity: Sequence[str | None],
    env: Mapping[str, str],
    conversations: str = "",
) -> Address:
    """Return where the supervisor of a home listens.

    Args:
        home: The Codex home.
        identity: What else has to be the same for clients to share a supervisor: key, endpoint,
            binary, settings. None of it can be read off the address.
        env: The environment, for the runtime folder.
        conversations: Where conversations lie that are not in the home, as those of a container
            are not; see `runs.groups`.
    """
    parts = [os.path.realpath(home), *(part or "" for part in identity)]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return Address(runtime_folder(env), group_id(digest[:_ID_CHARACTERS], conversations))


def runtime_folder(env: Mapping[str, str]) -> Path:
    """Return the folder for sockets of this user."""
    given = env.get("XDG_RUNTIME_DIR")
    if given and os.path.isdir(given):  # noqa: PTH112 - pathlib's own look costs a relay time
        return Path(given) / "codexmcp"
    return Path(env.get("TMPDIR") or "/tmp") / f"codexmcp-{os.geteuid()}"  # noqa: S108 - checked
