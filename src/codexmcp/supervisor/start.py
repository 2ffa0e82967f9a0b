"""Finds the supervisor, or starts it, from a client that wants to be served soon.

Imports nothing heavy and no event loop. Promises that of many clients at once one starts it and
all are served.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import stat
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codexmcp.errors import ConfigurationError, DeadlineError
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.hello import MAX_BYTES, Hello, check_welcome

START_TIMEOUT_S = 30.0
"""Bound on the start of a supervisor, which takes 0.2 s, and on waiting for another's start."""

WELCOME_TIMEOUT_S = 10.0

RETURN_S = 5.0
"""How long one that systemd or a person had started is waited for after its end. Source: our unit
has systemd start it again after 2 s, and not any more once it has found another in its place."""

_TRIES = 5
_POLL_S = 0.02
_MAX_LOG_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Starter:
    """How to start a supervisor.

    Attributes:
        argv: Its command line; `--ready-fd N` is added.
        env: Its environment, without secrets.
        key: The API key, which it reads from its stdin; None for none.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    key: str | None = field(default=None, repr=False)


def connect(address: Address, hello: Hello, starter: Starter | None) -> socket.socket:
    """Return a connection to the supervisor that has taken the client in.

    Args:
        address: Where it listens.
        hello: Who connects.
        starter: How to start it when there is none; None gives up then.

    Raises:
        ConfigurationError: There is none, it cannot be started, or it turned the client away.
        UsageError: It cannot use the client's arguments.
        DeadlineError: It does not answer.
    """
    return Way(address, hello, starter).connect()


class Way:
    """The way of a client to its supervisor, to be gone again when that has ended."""

    def __init__(self, address: Address, hello: Hello, starter: Starter | None) -> None:
        self._address = address
        self._hello = hello
        self._starter = starter
        self._comes_back = False

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
            connection = _dial(self._address) or self._awaited() or self._started()
            kept = _taken_in(connection, self._hello)
            if kept is not None:
                self._comes_back = kept
                return connection
            # It was just ending when we came.
            connection.close()
        raise ConfigurationError(
            f"the supervisor at {self._address.socket} ends as soon as it is asked; its log is "
            f"{self._address.log}"
        )

    def _awaited(self) -> socket.socket | None:
        """Wait for one that is started again by whoever keeps it: ours would be in its place."""
        deadline = time.monotonic() + (RETURN_S if self._comes_back else 0.0)
        while time.monotonic() < deadline:
            time.sleep(_POLL_S)
            if (connection := _dial(self._address)) is not None:
                return connection
        return None

    def _started(self) -> socket.socket:
        if self._starter is None:
            raise ConfigurationError(
                "no supervisor runs for this Codex home and these credentials; start one with "
                "`codexmcp serve`, or connect with `codexmcp mcp-server --shared`"
            )
        with _only_one(self._address):
            # Another client may have started it while we waited.
            return _dial(self._address) or _start(self._address, self._starter)


def _dial(address: Address) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(WELCOME_TIMEOUT_S)
    try:
        connection.connect(os.fspath(address.socket))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError:
        connection.close()
        raise
    return connection


def _taken_in(connection: socket.socket, hello: Hello) -> bool | None:
    """Introduce the client; return whether the supervisor is kept, or None if it is ending."""
    try:
        connection.sendall(hello.to_line())
        line = b""
        while not line.endswith(b"\n") and len(line) < MAX_BYTES:
            # One byte at a time: what follows belongs to the protocol.
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
    """Hold off other clients that want to start the supervisor while the block runs."""
    _make_folder(address.folder)
    deadline = time.monotonic() + START_TIMEOUT_S
    with address.start_lock.open("a") as lock:
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
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the folder {folder} for sockets: {error.strerror}; set XDG_RUNTIME_DIR "
            "to a folder of your own"
        ) from error
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_ours or stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigurationError(
            f"the folder {folder} is not for you alone, so others could take the supervisor's "
            "place; remove it or set XDG_RUNTIME_DIR to a folder of your own"
        )


def _start(address: Address, starter: Starter) -> socket.socket:
    """Start the supervisor, and return a connection to it once it listens."""
    import subprocess  # noqa: PLC0415 - 10 ms, and most clients find a supervisor

    ready, tell = os.pipe()
    try:
        with _open_log(address.log) as log:
            # It outlives us: nobody here waits for it, and no signal to our group reaches it.
            process = subprocess.Popen(
                [*starter.argv, "--ready-fd", str(tell)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=dict(starter.env),
                cwd="/",
                pass_fds=(tell,),
                start_new_session=True,
            )
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
    connection = _dial(address)
    if connection is None:
        raise ConfigurationError(f"the supervisor ended at once; its log is {address.log}")
    return connection


def _await_ready(ready: int, address: Address) -> None:
    """Wait until the supervisor says `ok`, or why it cannot start."""
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
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    if os.fstat(fd).st_size > _MAX_LOG_BYTES:
        os.ftruncate(fd, 0)
    return _closing(fd)


@contextlib.contextmanager
def _closing(fd: int) -> Generator[int, None, None]:
    try:
        yield fd
    finally:
        os.close(fd)
