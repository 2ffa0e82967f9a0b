"""The newest Codex of the npm registry, installed once into a cache.

Without the registry `newest_npm_build` raises, and the tests of the build `newest` fail: a skip
would hide for months that nobody looks at new releases. Whoever cannot reach it says so by
deselecting them, `-k "not newest"`, and pytest reports how many tests that left out.
"""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.node import NPM, environment

PACKAGE = "@openai/codex"
_TIMEOUT_S = 100.0
_REMEDY = 'make the npm registry reachable, or leave these tests out with -k "not newest"'


class NpmError(Exception):
    """The newest Codex could not be installed; the message says why and what to do."""


@functools.cache
def newest_npm_build() -> Path:
    """Return the native binary of the newest release.

    Raises:
        NpmError: The registry cannot be reached.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codexmcp-tests"
    cache.mkdir(parents=True, exist_ok=True)
    with _lock(cache / "npm.lock"):
        version = _npm("view", f"{PACKAGE}@latest", "version").strip()
        prefix = cache / f"npm-{version}"
        if not prefix.exists():
            # Installed aside and renamed, so that an install that was cut off is never used.
            aside = cache / f"npm-{version}.{os.getpid()}"
            _npm("install", "--no-audit", "--no-fund", f"--prefix={aside}", f"{PACKAGE}@{version}")
            aside.rename(prefix)
    return native_binary(prefix)


def native_binary(prefix: Path) -> Path:
    """Return the native binary below an npm prefix.

    The package's own `codex` is a Node wrapper; a platform package beside it holds the program.

    Raises:
        NpmError: There is none for this platform.
    """
    found = sorted(prefix.glob("node_modules/@openai/codex-*/vendor/*/bin/codex"))
    if not found:
        raise NpmError(f"{PACKAGE} below {prefix} has no native binary for this platform")
    return found[0]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _npm(*arguments: str) -> str:
    try:
        done = subprocess.run(
            [*NPM, *arguments],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise NpmError(f"npm {arguments[0]} took over {_TIMEOUT_S:g} s; {_REMEDY}") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise NpmError(f"npm {arguments[0]} failed: {last[0]}; {_REMEDY}") from None
    return done.stdout
