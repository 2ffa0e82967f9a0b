"""The liveness port: owners of runs, and certainty about their death."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from codexmcp.runs.store import Owner


class Held(Protocol):
    """The life of an owner, held by its process."""

    @property
    def owner(self) -> Owner:
        """The owner."""
        ...

    def release(self) -> None:
        """Give up all runs. `Liveness.dead` then includes the owner, even in the process's life."""
        ...


class Liveness(Protocol):
    """Life and death of the owners of a store."""

    async def take(self, *, socket: str, group: str) -> Held:
        """Become an owner, alive for all other processes from now on.

        Args:
            socket: Path of the owner's socket; empty without a socket.
            group: The group of the owner's runs.

        Raises:
            StoreError: The owner cannot be announced.
        """
        ...

    async def dead(self, owners: Sequence[Owner]) -> list[Owner]:
        """Return the owners that have certainly ended; in doubt an owner lives."""
        ...

    async def forget(self, owner: Owner) -> None:
        """Remove the traces of an ended owner."""
        ...
