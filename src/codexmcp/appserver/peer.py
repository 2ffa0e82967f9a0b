"""The connection's port to the peer process."""

from __future__ import annotations

from typing import Protocol

from codexmcp.jsonrpc.connection import ByteStream


class Peer(Protocol):
    """The process behind an `AppServer`; implemented by `Child`."""

    @property
    def pid(self) -> int:
        """Process id."""
        ...

    @property
    def stream(self) -> ByteStream:
        """The transport: stdin and stdout, or a socket."""
        ...

    @property
    def stderr_tail(self) -> str:
        """The last lines of stderr."""
        ...

    async def last_words(self) -> str:
        """Return the last lines of stderr, after the end of stderr."""
        ...

    def read_stderr(self) -> None:
        """Read stderr up to now."""
        ...

    def describe_exit(self) -> str:
        """Return a line about the exit."""
        ...

    async def exited(self, timeout_s: float) -> bool:
        """Wait for the exit; return False after the bound."""
        ...

    async def stop(self) -> None:
        """End the process and all its descendants."""
        ...
