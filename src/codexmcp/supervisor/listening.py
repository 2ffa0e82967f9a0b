"""The supervisor's presence: the entry in the home's registry, and the socket for clients.

Promises: an address has one supervisor; a deleted socket, runtime folder or entry is made again
within `WATCH_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from codexmcp.appserver.socket_file import prepare_socket
from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError
from codexmcp.runs.process_identity import ProcessLife
from codexmcp.supervisor import registry
from codexmcp.supervisor.address import Address, other_folder
from codexmcp.supervisor.hello import MAX_BYTES
from codexmcp.supervisor.registry import ALREADY_RUNS, AddressClaim, SupervisorEntry

logger = logging.getLogger(__name__)

WATCH_S = 1.0
"""Interval between checks of the socket and the entry."""

PREDECESSOR_S = 20.0
"""Bound on the wait for an ending predecessor. Codex, the key proxy and a container may delay the
end for some seconds. A client waits 30 s for the start of this supervisor."""

_POLL_S = 0.05
_BACKLOG = 128
_STEPS_TO_CLIENT = 5

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def claimed(
    address: Address, stopping: asyncio.Event
) -> AsyncGenerator[AddressClaim | None, None]:
    """Be the only supervisor of an address during the block; yield None if stopped before.

    Raises:
        ConfigurationError: The address has a supervisor, or the entry cannot be made.
    """
    try:
        deadline = time.monotonic() + PREDECESSOR_S
        while (claim := AddressClaim.take(address.lock)) is None:
            if stopping.is_set():
                yield None
                return
            _check_predecessor(registry.entry(address.lock), is_late=time.monotonic() > deadline)
            await asyncio.sleep(_POLL_S)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make {address.lock}: {error.strerror}; make its folder writable, because it "
            "shows clients which supervisor is theirs"
        ) from error
    try:
        yield claim
    finally:
        claim.release()


def taken(pid: int | None, *, is_elsewhere: bool = False) -> ConfigurationError:
    """Return the error for a second supervisor."""
    where = " on another host or in another container" if is_elsewhere else ""
    return ConfigurationError(
        f"{ALREADY_RUNS} (process {pid or 'unknown'}{where}); use that one, or end it with "
        "`codexmcp serve --stop`"
    )


def _check_predecessor(entry: SupervisorEntry | None, *, is_late: bool) -> None:
    if entry is None or entry.process is None:
        is_ending, pid = True, None
    else:
        # Without a socket a supervisor takes no more clients. An ended supervisor cannot hold the
        # lock: a client is reading the entry.
        is_ending = not entry.socket or entry.process.life() is ProcessLife.ENDED
        pid = entry.process.pid
    if is_late or not is_ending:
        raise taken(pid, is_elsewhere=entry is not None and entry.is_elsewhere)


@dataclass(frozen=True, slots=True)
class SocketWatch:
    """Actions after checks of the socket.

    Attributes:
        on_moved: Called with the new path after a move away from the address's socket.
        restore: Restores other files in the runtime folder.
    """

    on_moved: Callable[[Path], Awaitable[None]]
    restore: Callable[[], None]


@contextlib.asynccontextmanager
async def listening(
    address: Address, claim: AddressClaim, serve: Serve, watch: SocketWatch
) -> AsyncGenerator[set[asyncio.Task[None]], None]:
    """Take clients during the block, and end all clients after; yield the tasks of the clients.

    Args:
        address: The address of the supervisor.
        claim: The claim to the address.
        serve: Serves a client.
        watch: Actions after checks of the socket.

    Raises:
        ConfigurationError: The socket cannot be made.
    """
    listener = _Listener(address, claim, serve, watch)
    await listener.bind(address.socket)
    watching = asyncio.create_task(listener.watch())
    try:
        yield listener.clients
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        await listener.close()


class _Listener:
    def __init__(
        self, address: Address, claim: AddressClaim, serve: Serve, watch: SocketWatch
    ) -> None:
        self._address = address
        self._claim = claim
        self._serve = serve
        self._watch = watch
        self._server: asyncio.Server | None = None
        self._path = address.socket
        self._file: os.stat_result | None = None
        self._trouble = ""
        self.clients: set[asyncio.Task[None]] = set()

    async def bind(self, path: Path) -> None:
        await self._shut()
        prepare_socket(path)
        try:
            self._server = await asyncio.start_unix_server(
                self._on_client, path, backlog=_BACKLOG, limit=MAX_BYTES
            )
            self._publish(path)
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen at {path}: {error.strerror}; make its folder writable"
            ) from error

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self._look()
            except (ConfigurationError, OSError) as error:
                self._tell(str(error))
            except Exception:
                logger.exception("watching the socket failed")

    async def close(self) -> None:
        await self._shut()
        if self._is_there():
            self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._claim.tell("")
        while self.clients:
            for client in self.clients:
                client.cancel()
            await asyncio.wait(set(self.clients))

    async def _look(self) -> None:
        if not self._claim.keep():
            self._tell(f"{self._address.lock} was replaced, and another process has locked it")
        if not self._is_there():
            logger.warning("the socket %s is gone; listening again", self._path)
            await self._bind_again()
        self._watch.restore()

    async def _bind_again(self) -> None:
        try:
            await self.bind(self._address.socket)
        except (ConfigurationError, OSError) as error:
            # A logout removes the folder for good.
            self._tell(str(error))
            await self.bind(other_folder() / self._address.socket.name)
            await self._watch.on_moved(self._path)

    def _publish(self, path: Path) -> None:
        path.chmod(0o600)
        self._path, self._file = path, path.lstat()
        self._claim.tell(str(path))

    def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            # Accepted during the close; the parts behind the socket are about to end.
            writer.transport.abort()
            return
        client = asyncio.create_task(self._served(reader, writer))
        self.clients.add(client)
        client.add_done_callback(self.clients.discard)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer)

    def _is_there(self) -> bool:
        try:
            return self._file is not None and os.path.samestat(self._path.lstat(), self._file)
        except OSError:
            return False

    async def _shut(self) -> None:
        """Stop listening; connected clients stay."""
        server, self._server = self._server, None
        if server is None:
            return
        for each in server.sockets:
            asyncio.get_running_loop().remove_reader(each.fileno())
        # `_on_client` refuses a client accepted meanwhile. Source: asyncio (3.11) leaves an
        # accepted connection open when the server closes first.
        for _ in range(_STEPS_TO_CLIENT):
            await asyncio.sleep(0)
        server.close()

    def _tell(self, trouble: str) -> None:
        """Log a fault once, instead of at each check."""
        if trouble != self._trouble:
            logger.warning("%s", trouble)
        self._trouble = trouble
