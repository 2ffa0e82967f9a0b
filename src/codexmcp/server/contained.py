"""Codex in a container: the way out to the model, the way in, and the container's end.

Owns the folder of sockets that is mounted into the container, and the container once its client is
gone. Promises: when the block ends the container is gone; what an owner that was killed has left
behind goes when the next one starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from codexmcp.appserver.child import Child
from codexmcp.appserver.container import (
    CODEX_LISTENS,
    CODEX_SOCKET_NAME,
    NAME_PREFIX,
    SERVED_FOLDER,
    SOCKET_NAME,
    ContainerOptions,
    container_argv,
    container_name,
    endpoint_inside,
    hidden_folders,
    owner_of,
)
from codexmcp.appserver.inside import join
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.errors import ConfigurationError
from codexmcp.home.access import provider_overrides
from codexmcp.home.container_home import container_home

logger = logging.getLogger(__name__)

ENGINE_TIMEOUT_S = 20.0
"""Bound on a request to the engine; it took 0.05 s here, a removal 0.3 s."""

_Forward = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class ServingContainer:
    """How to start an app-server in a container that listens there.

    Attributes:
        launch: How to start it.
        socket: Where it is reached from here, once it has started.
    """

    launch: LaunchOptions
    socket: Path


@contextlib.asynccontextmanager
async def in_container(
    launch: LaunchOptions, options: ContainerOptions, endpoint: str
) -> AsyncGenerator[LaunchOptions, None]:
    """Yield how to start app-server in a container, which is gone after the block.

    Args:
        launch: How it would be started here.
        options: The container.
        endpoint: Where the model is reached from here, without a key.

    Raises:
        ConfigurationError: The way to the model or its Codex home cannot be made.
    """
    async with _contained(launch, options, endpoint, serves=False) as (contained, _):
        yield contained


@contextlib.asynccontextmanager
async def serving_in_container(
    launch: LaunchOptions, options: ContainerOptions, endpoint: str
) -> AsyncGenerator[ServingContainer, None]:
    """Yield how to start an app-server that listens in a container; see `in_container`."""
    async with _contained(launch, options, endpoint, serves=True) as (contained, box):
        socket = box / SERVED_FOLDER / CODEX_SOCKET_NAME
        yield ServingContainer(replace(contained, listen=CODEX_LISTENS), socket)


@contextlib.asynccontextmanager
async def _contained(
    launch: LaunchOptions, options: ContainerOptions, endpoint: str, *, serves: bool
) -> AsyncGenerator[tuple[LaunchOptions, Path], None]:
    await remove_abandoned(options.engine, launch.env)
    owner = this_owner()
    async with contextlib.AsyncExitStack() as stack:
        if options.home is not None:
            await stack.enter_async_context(container_home(options.home))
        box = await stack.enter_async_context(_way_out(endpoint, owner))
        _make_folders(options, box)
        overrides = (*launch.overrides, *provider_overrides(endpoint_inside(endpoint)))
        names: list[str] = []

        def prefix() -> list[str]:
            # The engine may still be removing what an earlier start has left, name and all.
            number = next(_numbers)
            names.append(container_name(owner, number))
            return container_argv(options, owner, number, box, serves=serves)

        async def clear() -> None:
            await _remove(options.engine, launch.env, names)

        try:
            # The Codex of the image.
            contained = replace(
                launch,
                codex=Path("codex"),
                overrides=overrides,
                # Source: podman leaves a file there when memory runs out (conmon 2.1.6).
                cwd=box,
                prefix=prefix,
                clear=clear,
                prefixed_home=options.home,
            )
            yield contained, box
        finally:
            await asyncio.shield(clear())


def this_owner() -> str:
    """Return what names this process for as long as the machine is up, within its namespace."""
    return _owner_name(os.getpid()) or f"0-0-{os.getpid()}-0"


def is_abandoned(owner: str) -> bool:
    """Return whether an owner has surely ended: it was a process that we could see."""
    try:
        boot, namespace, pid, _ = owner.split("-")
        ours = this_owner().split("-")
        return [boot, namespace] == ours[:2] != ["0", "0"] and _owner_name(int(pid)) != owner
    except ValueError:
        return False


async def remove_abandoned(engine: Path, env: Mapping[str, str]) -> None:
    """Remove containers and sockets whose owner was killed together with all that it started."""
    listing = ("ps", "--all", f"--filter=name={NAME_PREFIX}", "--format={{.Names}}")
    listed = await _ask(engine, env, *listing)
    owners = {name: owner_of(name) for name in listed.split()}
    left = [name for name, owner in owners.items() if owner is not None and is_abandoned(owner)]
    if left:
        logger.warning("removing containers that were left behind: %s", " ".join(left))
        await _remove(engine, env, left)
    _remove_abandoned_boxes()


def _remove_abandoned_boxes() -> None:
    for box in Path(tempfile.gettempdir()).glob(f"{NAME_PREFIX}*"):
        box_owner = owner_of(box.name)
        if box_owner is not None and is_abandoned(box_owner):
            shutil.rmtree(box, ignore_errors=True)


@contextlib.asynccontextmanager
async def _way_out(endpoint: str, owner: str) -> AsyncGenerator[Path, None]:
    """Lead what comes to a socket on to the model; yield the socket's folder."""
    url = urlsplit(endpoint)
    host, port = url.hostname or "", url.port or 80

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await join(reader, writer, *await asyncio.open_connection(host, port))
        writer.close()

    box = Path(tempfile.gettempdir()) / container_name(owner, next(_numbers))
    try:
        server = await _listen(box, forward)
        try:
            yield box
        finally:
            server.close()
    finally:
        shutil.rmtree(box, ignore_errors=True)


async def _listen(box: Path, forward: _Forward) -> asyncio.Server:
    socket = box / SOCKET_NAME
    try:
        for folder in (box, box / SERVED_FOLDER):
            folder.mkdir(mode=0o700)
        return await asyncio.start_unix_server(forward, socket)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the socket {socket}, which leads from the container to the model: "
            f"{error}; set TMPDIR to a folder with a short path that can be written to"
        ) from error


def _make_folders(options: ContainerOptions, box: Path) -> None:
    """Make what is mounted or mounted over: the engine would make it as root."""
    for folder in (*options.masked, *hidden_folders(options, box)):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"cannot make the folder {folder}, which the container needs: {error.strerror}; "
                "see that the folder above it can be written to"
            ) from error


async def _remove(engine: Path, env: Mapping[str, str], names: list[str]) -> None:
    # An exit that was just noticed may still be under removal by the engine itself.
    for name in names:
        # One by one. Source: podman 4.3.1 removes none when one of several is not there.
        await _ask(engine, env, "rm", "--force", name)


async def _ask(engine: Path, env: Mapping[str, str], *args: str) -> str:
    """Return what the engine prints; nothing when it cannot be asked, as Codex's start will say."""
    child = await Child.start([str(engine), *args], env=env)
    try:
        async with asyncio.timeout(ENGINE_TIMEOUT_S):
            return (await child.stdout.read()).decode(errors="replace")
    except TimeoutError:
        logger.warning("%s %s took more than %g s", engine, args[0], ENGINE_TIMEOUT_S)
        return ""
    finally:
        await asyncio.shield(child.stop())


def _owner_name(pid: int) -> str | None:
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        # The second field, the name in parentheses, may hold spaces; the start is the 22nd.
        started = status.rpartition(")")[2].split()[19]
        return f"{boot[:8]}-{namespace}-{pid}-{started}"
    return None
