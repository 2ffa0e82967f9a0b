"""Where the tests find builds of Codex: the pinned one, and others by their version."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from codex_cli_bin import bundled_codex_path

CHECKOUT = Path(__file__).resolve().parents[2]

_INSTALL_TIMEOUT_S = 110.0


def pinned_codex() -> Path:
    """Return the binary of the Codex that the lock file pins."""
    return Path(bundled_codex_path())


def codex_build(version: str) -> Path:
    """Return the binary of a version of the `openai-codex-cli-bin` wheel; install it once.

    The folder is `CODEXMCP_TEST_CACHE`, or `.cache/codex-builds` in the checkout.
    """
    named = os.environ.get("CODEXMCP_TEST_CACHE")
    cache = Path(named) if named else CHECKOUT / ".cache" / "codex-builds"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / version
    # Test workers are processes of their own, and only one of them may install.
    with (cache / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(version, folder)
    return folder / "codex_cli_bin" / "bin" / "codex"


def _install(version: str, folder: Path) -> None:
    # Renamed at the end, so that an installation which was cut off is not taken for a whole one.
    partial = folder.with_name(f"{version}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    package = f"openai-codex-cli-bin=={version}"
    # `uv run` names its own program in UV, which need not be on PATH.
    uv = os.environ.get("UV", "uv")
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(partial), package],
        check=True,
        timeout=_INSTALL_TIMEOUT_S,
    )
    partial.rename(folder)
