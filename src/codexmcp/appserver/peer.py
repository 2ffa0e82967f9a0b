"""What a connection needs to know of the process at its other end."""

from __future__ import annotations

from typing import Protocol

from codexmcp.jsonrpc.connection import ByteStream


class Peer(Protocol):
    """The process at the other end, as far as `AppServer` needs it; `Child` is one."""

    @property
    def pid(self) -> int:
        """Process id."""
        ...

    @property
    def stream(self) -> ByteStream:
        """What it is spoken to over: its stdin and stdout, or a socket."""
        ...

    @property
    def stderr_tail(self) -> str:
        """The last lines it wrote to stderr."""
        ...

    async def last_words(self) -> str:
        """Return the last lines it wrote to stderr, once no more are to come."""
        ...

    def describe_exit(self) -> str:
        """Return one line that says how it ended."""
        ...

    async def exited(self, timeout_s: float) -> bool:
        """Wait for its exit; return whether it came within the bound."""
        ...

    async def stop(self) -> None:
        """End it and all that it started."""
        ...
