"""Where a command of `codexmcp runs` works: the settings, the folder and the runs of its home."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.run_settings import RunSettings, read_run_settings
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.settings import Settings, load_settings
from codexmcp.supervisor.directory import RunDirectory, pointer_dir


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works.

    Attributes:
        settings: What the environment says.
        run_settings: What it says about runs.
        env: The environment, without keys.
        cwd: The working directory.
        directory: The runs of the Codex home.
    """

    settings: Settings
    run_settings: RunSettings
    env: Mapping[str, str]
    cwd: Path
    directory: RunDirectory

    def folders(self, given: Path | None = None) -> list[str]:
        """Return the names under which runs may know a project folder.

        Args:
            given: The folder; None means the working directory.
        """
        folder = Path(os.path.abspath(self.cwd / (given or Path()).expanduser()))  # noqa: PTH100 - keeps links
        return list(dict.fromkeys([str(folder), os.path.realpath(folder)]))

    def audit_folders(self, given: Path | None = None) -> list[Path]:
        """Return the folders where audit files of a project folder may lie."""
        named = self.run_settings.run_dir
        own = [default_audit_dir(Path(folder)) for folder in self.folders(given)]
        return own if named is None else [*own, named]


@contextlib.contextmanager
def opened_place() -> Generator[Place, None, None]:
    """Give the place of this process, while the block runs.

    Raises:
        ConfigurationError: A setting cannot be used, or the working directory is gone.
    """
    env = dict(os.environ)
    settings = load_settings(env)
    try:
        cwd = Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError(
            "the working directory does not exist any more; change to one that does"
        ) from None
    with RunDirectory(pointer_dir(settings, env)) as directory:
        yield Place(settings, read_run_settings(env), env, cwd, directory)
