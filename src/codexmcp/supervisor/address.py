"""The address of the supervisor of a Codex home and a set of credentials.

Pure except for the lookup of folders. Imports nothing heavy, because a relay begins here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.runs.groups import group_id

WRAPPER_NAME = "mcp-wrapper"
"""Name of the folder for the store of runs in a Codex home. Source: Codex MCP Sidecar's name."""

_ID_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Address:
    """The files of one supervisor.

    Attributes:
        folder: The runtime folder with the sockets, private to this user.
        id: Different for each home and set of credentials.
        registry: The folder with an entry for each supervisor of the home, see `registry`.
            None: the search uses the socket alone.
    """

    folder: Path
    id: str
    registry: Path | None = None

    @property
    def socket(self) -> Path:
        """The socket of the supervisor."""
        return self.folder / f"{self.id}.sock"

    @property
    def codex_socket(self) -> Path:
        """The socket of the app-server."""
        return self.folder / f"{self.id}.codex.sock"

    @property
    def lock(self) -> Path:
        """The supervisor's entry in the registry, locked for the life of the supervisor."""
        return (self.registry or self.folder) / f"{self.id}.lock"

    @property
    def start_lock(self) -> Path:
        """The file locked by a client during the start of the supervisor."""
        return (self.registry or self.folder) / f"{self.id}.start"

    @property
    def log(self) -> Path:
        """The log of a supervisor started on demand."""
        return self.folder / f"{self.id}.log"


def address_of(
    home: Path,
    identity: Sequence[str | None],
    env: Mapping[str, str],
    conversations: str = "",
) -> Address:
    """Return the address of the supervisor of a home.

    Args:
        home: The Codex home.
        identity: Key, endpoint, binary and settings, equal for all clients of a supervisor. The
            address does not reveal them.
        env: The environment, for the runtime folder.
        conversations: The place of conversations outside the home, for example in a container; see
            `runs.groups`.
    """
    real_home = os.path.realpath(home)
    parts = [real_home, *(part or "" for part in identity)]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    group = group_id(digest[:_ID_CHARACTERS], conversations)
    return Address(runtime_folder(env), group, registry_of(Path(real_home)))


def registry_of(home: Path) -> Path:
    """Return the folder with the registry of a Codex home."""
    return home / WRAPPER_NAME / "supervisors"


def other_folder() -> Path:
    """Return the runtime folder for a supervisor after the loss of its own, as at a logout."""
    return Path(f"/tmp/codexmcp-{os.geteuid()}")  # noqa: S108 - checked


def runtime_folder(env: Mapping[str, str]) -> Path:
    """Return the folder for sockets of this user."""
    given = env.get("XDG_RUNTIME_DIR")
    if given and os.path.isdir(given):  # noqa: PTH112 - pathlib's own look costs a relay time
        return Path(given) / "codexmcp"
    return Path(env.get("TMPDIR") or "/tmp") / f"codexmcp-{os.geteuid()}"  # noqa: S108 - checked
