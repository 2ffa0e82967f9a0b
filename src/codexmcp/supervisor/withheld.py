"""Files and folders withheld from commands of runs and from tools with access to files.

The only such list, made from the settings. Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codexmcp.codex.config import default_home
from codexmcp.run_settings import read_run_settings
from codexmcp.settings import Settings, agentos_folder, http_token_files
from codexmcp.supervisor.address import other_folder, runtime_folder
from codexmcp.supervisor.directory import pointer_dir


def secret_files(settings: Settings, env: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files with secrets, unreadable for sandboxed commands and tools.

    Raises:
        ConfigurationError: A setting for runs cannot be used.
    """
    home = settings.codex_home or default_home()
    files = (
        home / "auth.json",
        *settings.secret_files,
        *http_token_files(env),
        *read_run_settings(env).withheld,
    )
    return tuple(dict.fromkeys(files))


def served_to_nobody(settings: Settings, env: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """Return all paths closed to tools: files with secrets, and files and folders of the server.

    Args:
        settings: The settings.
        env: The environment.
        cwd: The folder at the start of the server.

    Raises:
        ConfigurationError: A setting for runs cannot be used.
    """
    audit = read_run_settings(env).run_dir
    folders = (
        settings.codex_home or default_home(),
        agentos_folder(env),
        pointer_dir(settings, env),
        *(() if audit is None else (audit,)),
        runtime_folder(env),
        other_folder(),
    )
    return (*secret_files(settings, env), cwd / ".env", *dict.fromkeys(folders))
