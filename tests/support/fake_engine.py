"""A program: a container engine whose containers are processes of this machine.

They outlive its client, as those of an engine do whose daemon was killed, until they are removed.
A name is never free again: to a real engine's removal that takes long, any later start comes first.
FAKE_ENGINE names the folder where their process ids are kept, CODEX_BIN the Codex of the image.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexmcp.codex.container import inside

FOLDER = "FAKE_ENGINE"
_INSIDE = "inside"
_CANNOT_RUN = 125
_CHUNK_BYTES = 65536


def install(folder: Path, codex: Path) -> tuple[Path, dict[str, str]]:
    """Return the engine's client, made in a folder, and the environment that it needs."""
    client = folder / "docker"
    client.write_text(f'#!/bin/sh\nexec {sys.executable} -P {__file__} "$@"\n')
    client.chmod(0o755)
    return client, {FOLDER: str(folder), "CODEX_BIN": str(codex)}


def containers(folder: Path) -> list[int]:
    """Return the process ids of the containers there are."""
    return [int(file.name) for file in folder.iterdir() if file.name.isdecimal()]


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Do what a client of the engine is asked for."""
    folder = Path(env[FOLDER])
    match argv[0]:
        case "run":
            return _run(argv, folder, env["CODEX_BIN"])
        case "rm":
            _remove(folder, argv[2:])
        case _:
            pass
    return 0


def _remove(folder: Path, names: Sequence[str]) -> None:
    gone = [folder / f"{name}.gone" for name in names]
    # Source: podman 4.3.1 removes none, and ends with 0, when one of them is not there.
    if any(each.exists() for each in gone):
        return
    for each in gone:
        each.touch()
    for pid in containers(folder):
        os.killpg(pid, signal.SIGKILL)
        (folder / str(pid)).unlink()


def _run(argv: Sequence[str], folder: Path, codex: str) -> int:
    (name,) = (word.removeprefix("--name=") for word in argv if word.startswith("--name="))
    try:
        (folder / name).touch(exist_ok=False)
    except FileExistsError:
        sys.stderr.write(f"Error: the name {name} is in use by another container\n")
        return _CANNOT_RUN
    mount = next(word for word in argv if word.endswith("dst=/run/codexmcp,readonly"))
    box = mount.split("src=")[1].split(",")[0]
    words = [*argv[argv.index("codexmcp.codex.container.inside") + 1 :]]
    words[words.index("codex")] = codex
    # Not the other way round: the box itself lies in such a folder.
    for there, path in (("/tmp/codexmcp/", f"{box}/own/"), ("/run/codexmcp/", f"{box}/")):
        words = [word.replace(there, path) for word in words]
    words = [word.replace("--port=8377", "--port=0") for word in words]
    # The container has both ends of what is its stderr, so that it outlives its client.
    told, stderr = os.pipe()
    container = subprocess.Popen(
        # Its stdin has another end that lives on, as with an engine's daemon.
        [
            "/bin/sh",
            "-c",
            'sleep 600 2>/dev/null | "$@"',
            "sh",
            sys.executable,
            "-P",
            __file__,
            _INSIDE,
            *words,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        pass_fds=[told],
        start_new_session=True,
    )
    os.close(stderr)
    (folder / str(container.pid)).touch()
    while said := os.read(told, _CHUNK_BYTES):
        os.write(2, said)
    return container.wait()


def _work_inside(words: Sequence[str]) -> int:
    inside.comes_from_outside = _is_anybody
    return inside.main(words)


def _is_anybody(connection: socket.socket) -> bool:
    # All are of this machine here, the container as well.
    return connection.fileno() >= 0


if __name__ == "__main__":
    if sys.argv[1] == _INSIDE:
        sys.exit(_work_inside(sys.argv[2:]))
    sys.exit(main(sys.argv[1:], os.environ))
