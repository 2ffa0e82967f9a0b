"""The folders of one run, and what a server finds in them."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from codexmcp.codex.binary import package_version
from tests.conformance.builds import Build
from tests.conformance.normalise import Names

CONFIG = """\
{model}model_provider = "t"
{more}
[model_providers.t]
name = "t"
base_url = "{base_url}"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""


@dataclass(slots=True)
class Stage:
    """The folders of one run, and the gate that holds its model back."""

    root: Path
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def home(self) -> Path:
        """The Codex home."""
        return self.root / "home"

    @property
    def project(self) -> Path:
        """The server's working directory."""
        return self.root / "project"

    def prepare(self, base_url: str, more_config: str = "", *, catalogue: bool = False) -> None:
        """Make the folders, and the very same config.toml for every server.

        Args:
            base_url: The model's.
            more_config: Added to config.toml.
            catalogue: Whether the build's own default model is asked; else one that it does not
                know, which gets plain tools.
        """
        self.home.mkdir()
        self.project.mkdir()
        more = more_config.replace("<project>", str(self.project))
        more = more.replace("<home>", str(self.home))
        model = "" if catalogue else 'model = "rehearsal"\n'
        text = CONFIG.format(base_url=base_url, model=model, more=more)
        (self.home / "config.toml").write_text(text)

    def environment(self, build: Build) -> dict[str, str]:
        """Return the server's environment, without anything of the developer's."""
        own = {"HOME": str(self.root), "CODEX_HOME": str(self.home), "PATH": os.environ["PATH"]}
        own |= {"CODEXMCP_ENV_FILE": os.devnull, "LANG": "C.UTF-8"}
        return {**own, **build.environment()}

    def names(self, build: Build) -> Names:
        """Return the names of this run's paths and of the version under test."""
        places = {
            str(self.home): "<home>",
            str(self.project): "<project>",
            str(self.root): "<root>",
        }
        # Codex's diffs name files below the system's temporary folder without that folder.
        places[f"{self.root.name}/project"] = "<project>"
        version = package_version(build.codex())
        assert version is not None
        return Names({**places, version: "<version>"})


@asynccontextmanager
async def set_up() -> AsyncIterator[Stage]:
    """Make the folders of one run, and remove them at the end."""
    root = _new_folder()
    try:
        yield Stage(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _new_folder() -> Path:
    # Commands may write to /tmp, and a home there is protected by a permissions profile, which
    # the removed server did not have. With a system bwrap the sandbox fails for such a home.
    parent = Path.home() / ".cache"
    parent.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="conformance-", dir=parent)).resolve()
