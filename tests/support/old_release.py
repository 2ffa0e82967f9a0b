"""codexmcp 0.1.0, built as its users have it, from the history of this repository."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.builds import CHECKOUT, cache_folder

COMMIT = "416cf567c499f0e1692c02a1c95186ec1c5e6a76"
"""The last one whose store of runs has version 1."""

_TIMEOUT_S = 110.0


def old_release() -> Path:
    """Return a folder with the installed wheel; build it once.

    It is without its dependencies, which are today's: a program finds it by PYTHONPATH, before the
    checkout.
    """
    cache = cache_folder()
    folder = cache / f"codexmcp-{COMMIT[:12]}"
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    source, partial = (folder.with_name(f"{folder.name}.{end}") for end in ("source", "partial"))
    for each in (source, partial):
        shutil.rmtree(each, ignore_errors=True)
    source.mkdir()
    archive = source.with_suffix(".tar")
    uv = os.environ.get("UV", "uv")
    wheels = str(source / "wheels")
    for command in (
        ["git", "archive", "--output", str(archive), COMMIT],
        ["tar", "-xf", str(archive), "-C", str(source)],
        [uv, "build", "--quiet", "--wheel", "--out-dir", wheels, str(source)],
    ):
        subprocess.run(command, check=True, timeout=_TIMEOUT_S, cwd=CHECKOUT)
    (wheel,) = Path(wheels).glob("*.whl")
    target = ["--no-deps", "--python", sys.executable, "--target", str(partial)]
    subprocess.run([uv, "pip", "install", "--quiet", *target, str(wheel)], check=True)
    shutil.rmtree(source)
    archive.unlink()
    # Renamed at the end, so that an installation which was cut off is not taken for a whole one.
    partial.rename(folder)
