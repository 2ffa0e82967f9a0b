"""Engine, workspace and conversations of a container, from the options of Codex.

Imports nothing heavy, because every server reads it at its start.
"""

from __future__ import annotations

import os
from pathlib import Path

from codexmcp.cli.options.parts import CodexFlags
from codexmcp.data_classes import replace
from codexmcp.errors import ConfigurationError

_ENGINES = ("docker", "podman")
_NAME_CHARACTERS = 12


def located(codex: CodexFlags, cwd: Path | None = None) -> CodexFlags:
    """Return the options with workspace and engine of the container, if there is a container.

    Args:
        codex: The options of Codex.
        cwd: The working directory of the calls, if it is fixed.

    Raises:
        ConfigurationError: There is no engine.
    """
    if codex.in_container is None:
        return replace(codex, workspace=None, container_engine=None, allow_credentials=False)
    # The same path holds outside and inside, so it must not lead through links.
    workspace = Path(os.path.realpath(codex.workspace or cwd or Path.cwd()))
    return replace(codex, workspace=workspace, container_engine=engine_of(codex).name)


def engine_of(codex: CodexFlags) -> Path:
    """Return the engine's client.

    Raises:
        ConfigurationError: There is none.
    """
    from shutil import which  # noqa: PLC0415 - 5 ms, and most clients need no engine

    named = codex.container_engine
    for name in (named,) if named else _ENGINES:
        found = which(name)
        if found is not None:
            return Path(found).absolute()
    raise ConfigurationError(
        f"--in-container needs {named or 'docker or podman'}, which is not on PATH; install it, or "
        "name another by --container-engine"
    )


def conversations_name(workspace: Path) -> str:
    """Return the name of the conversations of a workspace's containers, whatever their image."""
    import hashlib  # noqa: PLC0415 - 3 ms, and only for containers

    return hashlib.sha256(os.fsencode(workspace)).hexdigest()[:_NAME_CHARACTERS]
