"""What the container of Codex is called by, from the arguments: its image, engine and workspace.

Imports nothing heavy: a relay finds its supervisor by them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

from codexmcp.errors import ConfigurationError

ENGINES = ("docker", "podman")

_NAME_CHARACTERS = 12


def image_of(arguments: argparse.Namespace) -> str | None:
    """Return the image to run Codex in; None to run it here."""
    image: str | None = getattr(arguments, "in_container", None)
    return image


def workspace_of(arguments: argparse.Namespace) -> Path:
    """Return the folder that a container sees."""
    # The same path holds outside and inside, so it must not lead through links.
    return Path(os.path.realpath(arguments.workspace or _cwd(arguments) or Path.cwd()))


def engine_of(arguments: argparse.Namespace) -> Path:
    """Return the engine's client.

    Raises:
        ConfigurationError: There is none.
    """
    from shutil import which  # noqa: PLC0415 - 5 ms, and most clients need no engine

    named: str | None = arguments.container_engine
    for name in (named,) if named else ENGINES:
        found = which(name)
        if found is not None:
            return Path(found).absolute()
    raise ConfigurationError(
        f"--in-container needs {named or 'docker or podman'}, which is not on PATH; install it, or "
        "name another by --container-engine"
    )


def conversations_name(workspace: Path) -> str:
    """Return what tells apart where the conversations of a workspace's containers lie.

    Not the image: a newer one goes on with what an older one has begun.
    """
    return hashlib.sha256(os.fsencode(workspace)).hexdigest()[:_NAME_CHARACTERS]


def container_words(arguments: argparse.Namespace) -> list[str]:
    """Return the options of the container as words of a command line; none without one."""
    image = image_of(arguments)
    if image is None:
        return []
    engine = engine_of(arguments).name
    workspace = str(workspace_of(arguments))
    return ["--in-container", image, "--workspace", workspace, "--container-engine", engine]


def _cwd(arguments: argparse.Namespace) -> Path | None:
    # `codexmcp serve` works nowhere itself.
    cwd: Path | None = getattr(arguments, "cwd", None)
    return cwd
