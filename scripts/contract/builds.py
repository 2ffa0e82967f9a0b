"""The schemas of builds that the tests install."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from codexmcp.appserver.schema import FILE, Schema
from tests.support.builds import codex_build

_TIMEOUT_S = 30.0


def schemas_of(versions: Iterable[str]) -> dict[str, Schema]:
    """Return the schemas of builds by version."""
    return {version: schema_of(codex_build(version)) for version in versions}


@cache
def schema_of(codex: Path) -> Schema:
    """Return the schema of a build."""
    with TemporaryDirectory() as folder:
        words = ("app-server", "generate-json-schema", "--experimental", "--out", folder)
        environment = {"HOME": folder, "CODEX_HOME": folder}
        subprocess.run([codex, *words], env=environment, check=True, timeout=_TIMEOUT_S)
        return Schema(json.loads((Path(folder) / FILE).read_text()))
