from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from codexmcp.supervisor import listening
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.listening import SocketWatch
from codexmcp.supervisor.registry import AddressClaim, entry

BOUND_S = 20.0


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short, because the path of a socket is bounded.
    with tempfile.TemporaryDirectory(prefix="cml-") as made:
        yield Path(made)


class Place:
    """The place of a supervisor in a folder, and what is told while it listens."""

    def __init__(self, folder: Path) -> None:
        self.address = Address(folder / "run", "x", folder / "registry")
        self.moved: asyncio.Queue[Path] = asyncio.Queue()
        self.served: list[str] = []
        self.restored = asyncio.Event()

    async def serve(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served.append("a client")
        writer.write(b"hello\n")
        try:
            await asyncio.Event().wait()
        finally:
            writer.close()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[AddressClaim]:
        async with listening.claimed(self.address, asyncio.Event()) as claim:
            assert claim is not None
            watch = SocketWatch(self.moved.put, self.restored.set)
            async with listening.listening(self.address, claim, self.serve, watch):
                yield claim


async def greeted(path: str | Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    line = await asyncio.wait_for(reader.readline(), BOUND_S)
    writer.close()
    return line


async def test_the_entry_tells_where_clients_are_taken_and_is_free_at_the_end(
    folder: Path,
) -> None:
    place = Place(folder)
    async with place.opened():
        found = entry(place.address.lock)
        assert found is not None
        assert found.process is not None
        assert (found.id, found.process.pid) == ("x", os.getpid())
        assert await greeted(found.socket) == b"hello\n"
    assert entry(place.address.lock) is None
    assert not place.address.socket.exists()


async def test_a_supervisor_whose_folder_cannot_be_made_again_listens_in_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = folder / "other"
    monkeypatch.setattr(listening, "other_folder", lambda: other)
    monkeypatch.setattr(listening, "WATCH_S", 0.01)
    place = Place(folder)
    async with place.opened():
        place.address.socket.unlink()
        place.address.folder.rmdir()
        # As a runtime folder that root has removed: nobody else can make it.
        place.address.folder.touch()
        moved = await asyncio.wait_for(place.moved.get(), BOUND_S)
        assert moved == other / "x.sock"
        assert await greeted(moved) == b"hello\n"
        found = entry(place.address.lock)
        assert found is not None
        assert found.socket == str(moved)


@pytest.mark.parametrize("steps", range(6))
async def test_a_client_that_comes_as_the_supervisor_closes_is_not_served_afterwards(
    folder: Path, steps: int
) -> None:
    place = Place(folder)
    with socket.socket(socket.AF_UNIX) as client:
        async with place.opened():
            # The kernel takes it at once, and the event loop is so far with it when the block ends.
            client.connect(str(place.address.socket))
            for _ in range(steps):
                await asyncio.sleep(0)
        before = list(place.served)
        for _ in range(20):
            await asyncio.sleep(0)
    assert place.served == before


async def test_a_claim_that_another_process_has_taken_over_does_not_hold(folder: Path) -> None:
    place = Place(folder)
    async with place.opened() as claim:
        place.address.lock.unlink()
        rival = AddressClaim.take(place.address.lock)
        assert rival is not None
        assert not claim.keep()
        rival.release()
        assert claim.keep()
        found = entry(place.address.lock)
        assert found is not None
        assert found.socket == str(place.address.socket)
