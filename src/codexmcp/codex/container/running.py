"""Codex in a container: the sockets out to the model and in to Codex, and the container's removal.

Owns the mounted folder of sockets, and the container after its client's end. Promises: after the
block, the container is gone; leftovers of a killed owner are removed at the next start.
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
from pathlib import Path
from urllib.parse import urlsplit

from codexmcp.appserver.child import Child
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.codex.access import provider_overrides
from codexmcp.codex.container.home import container_home
from codexmcp.codex.container.inside import join
from codexmcp.codex.container.options import (
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
from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import ConfigurationError

logger = logging.getLogger(__name__)

ENGINE_TIMEOUT_S = 20.0
"""Bound on a request to the engine; a request took 0.05 s here, a removal 0.3 s."""

_Forward = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class ServingContainer:
    """Launch options for an app-server that listens inside a container.

    Attributes:
        launch: The launch options.
        socket: The socket for access from outside, after the start.
    """

    launch: LaunchOptions
    socket: Path


@contextlib.asynccontextmanager
async def in_container(
    launch: LaunchOptions, options: ContainerOptions, endpoint: str, shown_as: str
) -> AsyncGenerator[LaunchOptions, None]:
    """Yield launch options for app-server in a container; the container is gone after the block.

    Args:
        launch: Launch options for the host.
        options: The container.
        endpoint: The model's endpoint on the host, without a key.
        shown_as: The user's endpoint, for error messages.

    Raises:
        ConfigurationError: The socket to the model or the Codex home cannot be created.
    """
    within = _contained(launch, options, endpoint, shown_as, serves=False)
    async with within as (contained, _):
        yield contained


@contextlib.asynccontextmanager
async def serving_in_container(
    launch: LaunchOptions, options: ContainerOptions, endpoint: str, shown_as: str
) -> AsyncGenerator[ServingContainer, None]:
    """Yield launch options for an app-server that listens in a container; see `in_container`."""
    within = _contained(launch, options, endpoint, shown_as, serves=True)
    async with within as (contained, box):
        socket = box / SERVED_FOLDER / CODEX_SOCKET_NAME
        yield ServingContainer(replace(contained, listen=CODEX_LISTENS), socket)


@contextlib.asynccontextmanager
async def _contained(
    launch: LaunchOptions, options: ContainerOptions, endpoint: str, shown_as: str, *, serves: bool
) -> AsyncGenerator[tuple[LaunchOptions, Path], None]:
    await remove_abandoned(options.engine, launch.env)
    owner = this_owner()
    async with contextlib.AsyncExitStack() as stack:
        if options.home is not None:
            await stack.enter_async_context(container_home(options.home))
        box = await stack.enter_async_context(_way_out(endpoint, owner))
        _make_folders(options, box)
        inside = endpoint_inside(endpoint)
        overrides = (*launch.overrides, *provider_overrides(inside))
        names: list[str] = []

        def prefix() -> list[str]:
            # The engine may still be removing the container, with the name, of an earlier start.
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
                aliases={inside: shown_as},
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
    """Return this process's owner id, unique until reboot within the pid namespace."""
    return _owner_name(os.getpid()) or f"0-0-{os.getpid()}-0"


def is_abandoned(owner: str) -> bool:
    """Return whether an owner has certainly ended: a process visible from here."""
    try:
        boot, namespace, pid, _ = owner.split("-")
        ours = this_owner().split("-")
        return [boot, namespace] == ours[:2] != ["0", "0"] and _owner_name(int(pid)) != owner
    except ValueError:
        return False


async def remove_abandoned(engine: Path, env: Mapping[str, str]) -> None:
    """Remove containers and sockets of killed owners."""
    listing = ("ps", "--all", f"--filter=name={NAME_PREFIX}", "--format={{.Names}}")
    listed = await _ask(engine, env, *listing)
    owners = {name: owner_of(name) for name in listed.split()}
    left = [name for name, owner in owners.items() if owner is not None and is_abandoned(owner)]
    if left:
        logger.warning("removing abandoned containers: %s", " ".join(left))
        await _remove(engine, env, left)
    _remove_abandoned_boxes()


def _remove_abandoned_boxes() -> None:
    for box in Path(tempfile.gettempdir()).glob(f"{NAME_PREFIX}*"):
        box_owner = owner_of(box.name)
        if box_owner is not None and is_abandoned(box_owner):
            shutil.rmtree(box, ignore_errors=True)


@contextlib.asynccontextmanager
async def _way_out(endpoint: str, owner: str) -> AsyncGenerator[Path, None]:
    """Forward connections from a socket to the model; yield the socket's folder."""
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
            f"cannot create the socket {socket} from the container to the model: {error}; set "
            "TMPDIR to a writable folder with a short path"
        ) from error


def _make_folders(options: ContainerOptions, box: Path) -> None:
    """Create mounted folders and mount points: the engine would create these as root."""
    for folder in (*options.masked, *hidden_folders(options, box)):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"cannot create the folder {folder} for the container: {error.strerror}; make the "
                "parent folder writable"
            ) from error


async def _remove(engine: Path, env: Mapping[str, str], names: list[str]) -> None:
    # After a just noticed exit, the engine may still be removing the container.
    for name in names:
        # One by one. Source: podman 4.3.1 removes none when one of several is not there.
        await _ask(engine, env, "rm", "--force", name)


async def _ask(engine: Path, env: Mapping[str, str], *args: str) -> str:
    """Return the engine's output; empty after a failure, which Codex's start will report."""
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
