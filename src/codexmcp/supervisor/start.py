"""The connection of a client to the supervisor, with a start if necessary.

Imports nothing heavy and no event loop, because the client waits. Promises: of several clients at
once a single client starts the supervisor, and all clients get a connection.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from codexmcp import own_files
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import ConfigurationError, DeadlineError, ForeignFileError
from codexmcp.network import direct_to_loopback
from codexmcp.own_files import make_private_folder, open_lock
from codexmcp.supervisor import registry
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.hello import MAX_BYTES, Hello, check_welcome
from codexmcp.supervisor.registry import ALREADY_RUNS, SupervisorEntry

START_TIMEOUT_S = 30.0
"""Bound on the start of a supervisor, by this or another client. The start takes 0.2 s."""

WELCOME_TIMEOUT_S = 10.0

RETURN_S = 5.0
"""Bound on the wait for the restart of a kept supervisor, started by systemd or a person. Source:
with our unit systemd starts a supervisor again after 2 s, but not after finding another supervisor
at the address."""

REACH_S = 20.0
"""Bound on the wait for a living but unreachable supervisor. An ending supervisor takes some
seconds, a supervisor with a lost socket takes a second."""

_TRIES = 5
_POLL_S = 0.02
_MAX_LOG_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Starter:
    """The command to start a supervisor.

    Attributes:
        argv: The command line; `--ready-fd N` is added.
        env: The environment, without secrets.
        key: The API key, passed by stdin; None: no key.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    key: str | None = field(default=None, repr=False)


def connect(address: Address, hello: Hello, starter: Starter | None) -> socket.socket:
    """Return a connection to the supervisor after the welcome.

    Args:
        address: The address of the supervisor.
        hello: The client's greeting.
        starter: The command to start a missing supervisor; None: no start.

    Raises:
        ConfigurationError: No supervisor runs or can be started, or the supervisor refused the
            client.
        UsageError: The supervisor cannot use the client's arguments.
        DeadlineError: The supervisor does not answer.
    """
    return SupervisorConnector(address, hello, starter).connect()


class SupervisorConnector:
    """Connects a client to the supervisor, again after the end of a supervisor."""

    def __init__(self, address: Address, hello: Hello, starter: Starter | None) -> None:
        self._address = address
        self._hello = hello
        self._starter = starter
        self._comes_back = False
        self._foreign: ForeignFileError | None = None

    def connect(self) -> socket.socket:
        """Return a connection to the supervisor; see `connect`."""
        try:
            return self._connected()
        except OSError as error:
            raise ConfigurationError(
                f"cannot connect to the supervisor at {self._address.socket}, nor start one: "
                f"{error}; see that the files there are yours and that neither disk space nor "
                "descriptors (`ulimit -n`) have run out"
            ) from error

    def _connected(self) -> socket.socket:
        for _ in range(_TRIES):
            connection = self._dialled() or self._listed() or self._awaited() or self._started()
            kept = _taken_in(connection, self._hello)
            if kept is not None:
                self._comes_back = kept
                return connection
            # The supervisor was ending.
            connection.close()
        raise ConfigurationError(
            f"the supervisor at {self._address.socket} ends as soon as it is asked; its log is "
            f"{self._address.log}"
        )

    def _dialled(self, path: Path | None = None) -> socket.socket | None:
        """Connect to a socket, by default the address's; return None on failure.

        A foreign socket is no error yet, because the supervisor may listen elsewhere. The
        error is kept in case no supervisor is found.
        """
        try:
            return own_files.connect(path or self._address.socket, WELCOME_TIMEOUT_S)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except ForeignFileError as error:
            self._foreign = error
            return None

    def _listed(self) -> socket.socket | None:
        """Find a living supervisor by the registry; return None without an entry.

        The supervisor may listen in another runtime folder, may soon replace a deleted socket, or
        may be starting or ending.
        """
        deadline = time.monotonic() + REACH_S
        while self._address.registry and (entry := registry.entry(self._address.lock)):
            for path in (self._address.socket, Path(entry.socket)):
                if entry.socket and (connection := self._dialled(path)) is not None:
                    return connection
            if time.monotonic() > deadline:
                raise self._foreign or _unreachable(entry)
            time.sleep(_POLL_S)
        return None

    def _awaited(self) -> socket.socket | None:
        """Wait for the restart of a kept supervisor, because a start here would take its place."""
        deadline = time.monotonic() + (RETURN_S if self._comes_back else 0.0)
        while time.monotonic() < deadline:
            time.sleep(_POLL_S)
            if (connection := self._dialled()) is not None:
                return connection
        return None

    def _started(self) -> socket.socket:
        if self._starter is None:
            raise self._foreign or ConfigurationError(
                "no supervisor runs for this Codex home and these credentials; start one with "
                "`codexmcp serve`, or connect with `codexmcp mcp-server --shared`"
            )
        with _only_one(self._address):
            # Another client may have started a supervisor during the wait for the lock.
            if (connection := self._dialled() or self._listed()) is not None:
                return connection
            try:
                return _start(self._address, self._starter)
            except ConfigurationError as error:
                if ALREADY_RUNS not in str(error):
                    raise
                # The other supervisor lives, and soon replaces its deleted files.
                connection = self._returned()
                if connection is None:
                    raise
                return connection

    def _returned(self) -> socket.socket | None:
        """Wait for a living supervisor without socket and entry; return None after `REACH_S`."""
        deadline = time.monotonic() + REACH_S
        while time.monotonic() < deadline:
            if (connection := self._dialled() or self._listed()) is not None:
                return connection
            time.sleep(_POLL_S)
        return None


def _unreachable(entry: SupervisorEntry) -> DeadlineError:
    pid = entry.process.pid if entry.process else "unknown"
    where = " on another host or in another container" if entry.is_elsewhere else ""
    return DeadlineError(
        f"the supervisor (process {pid}{where}) takes no clients at "
        f"{entry.socket or 'any socket'} within {REACH_S:g} s; it may be ending, stuck, or out of "
        "reach from here: try again, or end it with `codexmcp serve --stop`"
    )


def _taken_in(connection: socket.socket, hello: Hello) -> bool | None:
    """Send the greeting; return True for a kept supervisor, None for an ending supervisor."""
    try:
        connection.sendall(hello.to_line())
        line = b""
        while not line.endswith(b"\n") and len(line) < MAX_BYTES:
            # One byte at a time: the bytes after the line are for the protocol.
            byte = connection.recv(1)
            if not byte:
                return None
            line += byte
    except TimeoutError:
        raise DeadlineError(
            f"the supervisor does not answer within {WELCOME_TIMEOUT_S:g} s; it may be stuck: "
            "`codexmcp serve --stop` ends it"
        ) from None
    except ConnectionError:
        return None
    kept = check_welcome(line)
    connection.settimeout(None)
    return kept


@contextlib.contextmanager
def _only_one(address: Address) -> Generator[None, None, None]:
    """Hold the lock on the start of the supervisor during the block."""
    _make_folder(address.folder)
    address.start_lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    with _closing(open_lock(address.start_lock)) as lock:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                raise DeadlineError(
                    f"another client has been starting the supervisor for {START_TIMEOUT_S:g} s; "
                    f"end it and try again ({address.start_lock})"
                )
            time.sleep(_POLL_S)
        yield


def _make_folder(folder: Path) -> None:
    try:
        make_private_folder(folder)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the folder {folder} for sockets: {error.strerror}; set XDG_RUNTIME_DIR "
            "to a folder of your own"
        ) from error


def _start(address: Address, starter: Starter) -> socket.socket:
    """Start the supervisor, and return a connection to the listening supervisor."""
    import subprocess  # noqa: PLC0415 - 10 ms, and most clients find a supervisor
    import threading  # noqa: PLC0415 - as above

    ready, tell = os.pipe()
    try:
        with _open_log(address.log) as log:
            # The supervisor may outlive this process, and gets no signals to this process group.
            process = subprocess.Popen(
                [*starter.argv, "--ready-fd", str(tell)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=direct_to_loopback(starter.env),
                cwd="/",
                pass_fds=(tell,),
                start_new_session=True,
            )
        # Reaps an ended supervisor, for the case of a longer life of this process.
        threading.Thread(target=process.wait, name="codexmcp-supervisor", daemon=True).start()
        os.close(tell)
        tell = -1
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write((starter.key or "").encode() + b"\n")
            process.stdin.close()
        _await_ready(ready, address)
    except OSError as error:
        raise ConfigurationError(
            f"cannot start the supervisor: {error.strerror} ({starter.argv[0]})"
        ) from error
    finally:
        os.close(ready)
        if tell >= 0:
            os.close(tell)
    try:
        return own_files.connect(address.socket, WELCOME_TIMEOUT_S)
    except (FileNotFoundError, ConnectionRefusedError):
        raise ConfigurationError(
            f"the supervisor ended at once; its log is {address.log}"
        ) from None


def _await_ready(ready: int, address: Address) -> None:
    """Wait until the supervisor reports `ok`, or the reason of a failed start."""
    told, deadline = b"", time.monotonic() + START_TIMEOUT_S
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([ready], [], [], left_s)[0]:
            raise DeadlineError(
                f"the supervisor did not start within {START_TIMEOUT_S:g} s; its log is "
                f"{address.log}"
            )
        data = os.read(ready, 65536)
        told += data
        if not data or told.endswith(b"\n"):
            break
    text = told.decode(errors="replace").strip()
    if text != "ok":
        raise ConfigurationError(text or f"the supervisor did not start; its log is {address.log}")


def _open_log(path: Path) -> contextlib.AbstractContextManager[int]:
    fd = open_lock(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if os.fstat(fd).st_size > _MAX_LOG_BYTES:
        os.ftruncate(fd, 0)
    return _closing(fd)


@contextlib.contextmanager
def _closing(fd: int) -> Generator[int, None, None]:
    try:
        yield fd
    finally:
        os.close(fd)
