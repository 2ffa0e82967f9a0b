"""The surroundings of a command of `codexmcp runs`: settings, folder, and runs of the home."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.run_settings import RunSettings, read_run_settings
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.settings import Settings, load_settings
from codexmcp.supervisor.directory import RunDirectory, pointer_dir


@dataclass(frozen=True, slots=True)
class Place:
    """The surroundings of a command; the environment is without keys."""

    settings: Settings
    run_settings: RunSettings
    env: Mapping[str, str]
    cwd: Path
    directory: RunDirectory

    def folders(self, given: Path | None = None) -> list[str]:
        """Return the paths of a project folder, with and without links.

        Args:
            given: The folder; None means the working directory.
        """
        folder = Path(os.path.abspath(self.cwd / (given or Path()).expanduser()))  # noqa: PTH100 - keeps links
        return list(dict.fromkeys([str(folder), os.path.realpath(folder)]))

    def audit_folders(self, given: Path | None = None) -> list[Path]:
        """Return the possible folders of audit files of a project folder."""
        named = self.run_settings.run_dir
        own = [default_audit_dir(Path(folder)) for folder in self.folders(given)]
        return own if named is None else [*own, named]


@contextlib.contextmanager
def opened_place() -> Generator[Place, None, None]:
    """Provide the surroundings of this process while the block runs.

    Raises:
        ConfigurationError: A setting cannot be used.
    """
    env = dict(os.environ)
    settings = load_settings(env)
    with RunDirectory(pointer_dir(settings, env)) as directory:
        yield Place(settings, read_run_settings(env), env, Path.cwd(), directory)
