"""`codexmcp serve --install` and `--uninstall`: a service of the user, by systemd or launchd.

Promises: another's file is left alone, a dry run changes nothing, and no secret is written.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codexmcp.cli.options.serve import ActionFlags, ServeOptions
from codexmcp.cli.service_managers import Launchd, ManagerOutcome, ServiceManager, Systemd
from codexmcp.codex.config import default_home, provider_key_variables
from codexmcp.command_line import words_of
from codexmcp.data_classes import replace
from codexmcp.errors import ConfigurationError, ExitCode, UsageError
from codexmcp.home.atomic_write import put
from codexmcp.runs.audit.secret_shapes import SHAPES
from codexmcp.secret_like import holds_secret, names_secret
from codexmcp.settings import KEY_FILE_VARIABLE, Settings, load_settings, secret_values
from codexmcp.supervisor.service_environment import names_in, secrets_of, service_environment
from codexmcp.supervisor.service_units import Service, is_ours

_VARIABLES = ("env_key", "env_var")
"""Ends of the names of settings whose value is the name of a variable with a secret."""

_LONG_ENOUGH = 8
"""Characters. Shorter values, such as that of a switch, occur anywhere."""


def install(options: ServeOptions, is_running: Callable[[], bool]) -> int:
    """Install the service.

    Args:
        options: The options of `codexmcp serve`.
        is_running: Returns whether a supervisor of this home and these credentials runs.

    Raises:
        ConfigurationError: A file or a value cannot be used; then nothing is changed.
        UsageError: A service cannot have one of the options.
    """
    env = dict(os.environ)
    manager = _manager(env, sys.platform)
    service = _service(options, env)
    text = manager.text(service)
    _expect_no_secret(service.argv, text, env)
    _expect_no_foreign_file(manager.path, force=options.action.force)
    notes = _notes(service, env)
    if options.action.dry_run:
        sys.stdout.write(text)
        _say([f"this would be {manager.path}", *notes])
        return ExitCode.DONE
    _write(manager.path, text)
    _tell(f"{manager.path} is written", manager.start(is_elsewhere=is_running()), notes)
    return ExitCode.DONE


def _manager(env: Mapping[str, str], platform: str) -> ServiceManager:
    home = Path(env.get("HOME") or Path.home())
    if platform == "darwin":
        return Launchd(env, home)
    if platform == "linux":
        return Systemd(env, home)
    raise ConfigurationError(
        f"a service can be installed for systemd and launchd, and {platform} has neither; have "
        "`codexmcp serve` started by what this system has for that"
    )


def uninstall(action: ActionFlags) -> int:
    """End the service and remove its file.

    Raises:
        ConfigurationError: The file is of somebody else, or cannot be removed.
    """
    manager = _manager(dict(os.environ), sys.platform)
    if not manager.path.exists() and not manager.path.is_symlink():
        _say([f"no service is installed: there is no {manager.path}"])
        return ExitCode.NOT_RUNNING
    _expect_no_foreign_file(manager.path, force=action.force)
    if action.dry_run:
        _say([f"this would end the service and remove {manager.path}"])
        return ExitCode.DONE
    stopped = manager.stop()
    try:
        manager.path.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"cannot remove {manager.path}: {error.strerror}; remove it by hand"
        ) from None
    removed = manager.removed()
    done = ManagerOutcome([*stopped.done, *removed.done], [*stopped.left, *removed.left])
    _tell(f"{manager.path} is removed", done, [])
    return ExitCode.DONE


def _service(options: ServeOptions, env: dict[str, str]) -> Service:
    if options.key_stdin or options.ready_fd is not None:
        raise UsageError("--key-stdin and --ready-fd are not for a service; leave them out")
    settings = load_settings(dict(env))
    user_home = Path(env.get("HOME") or Path.home())
    config = Path(env.get("XDG_CONFIG_HOME") or user_home / ".config")
    given, unset = service_environment(
        env,
        settings.codex_home or default_home(),
        runtime=_runtime_folder(env),
        key_file=_lasting_key_file(settings, env),
    )
    words = words_of(replace(options, action=ActionFlags()))
    return Service(
        argv=[sys.executable, "-P", "-m", "codexmcp", "serve", *words],
        env=given,
        unset=unset,
        secrets=config / "codexmcp" / "service.env",
        cwd=Path.cwd(),
        drain_s=options.drain_timeout,
        log=user_home / "Library" / "Logs" / "codexmcp.log",
    )


def _runtime_folder(env: Mapping[str, str]) -> Path | None:
    """Return the folder for sockets that a service of the user has."""
    given = env.get("XDG_RUNTIME_DIR")
    # Source: pam_systemd(8) makes it at the first login.
    folder = Path(given) if given else Path(f"/run/user/{os.geteuid()}")
    return folder if folder.is_dir() else None


def _lasting_key_file(settings: Settings, env: Mapping[str, str]) -> Path | None:
    if not env.get(KEY_FILE_VARIABLE) or settings.key_file is None:
        return None
    # A pipe, such as a shell's <(...), is gone when the service starts.
    return settings.key_file if settings.key_file.is_file() else None


def _expect_no_secret(words: Sequence[str], text: str, env: Mapping[str, str]) -> None:
    settings = [word.partition("=")[0].rpartition(".")[2] for word in words if "=" in word]
    named = [
        name
        for name in settings
        if names_secret(name) and not name.startswith("-") and not name.endswith(_VARIABLES)
    ]
    values = [value for value in secret_values(None, env) if len(value) >= _LONG_ENOUGH]
    if named or holds_secret(text, SHAPES) or any(value in text for value in values):
        raise ConfigurationError(
            f"the service's file would hold a secret{f' ({named[0]})' if named else ''}; name a "
            "variable instead (`env_key`, `bearer_token_env_var`) and put that into the service's "
            "file of secrets"
        )


def _expect_no_foreign_file(path: Path, *, force: bool) -> None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if not path.is_symlink():
            return
        text = ""
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}; move it away") from None
    if not force and (path.is_symlink() or not is_ours(text)):
        raise ConfigurationError(
            f"{path} was not made by codexmcp; move it away, or give --force to have it replaced"
        )


def _notes(service: Service, env: Mapping[str, str]) -> list[str]:
    """Return notes for the user.

    Raises:
        ConfigurationError: Other users may read the file of secrets.
    """
    notes = [f"it works in {service.cwd}, with this shell's settings and PATH; reinstall to change"]
    kept = _kept(service.secrets)
    missing = [name for name in _secrets_needed(service, env) if name not in kept]
    if missing:
        notes.append(
            f"this shell has {', '.join(missing)}, which no service sees; so that it does, and "
            f"clients of this shell find it, write NAME=value lines to {service.secrets}, for you "
            "alone (chmod 600)"
        )
    if not env.get("XDG_RUNTIME_DIR") and "XDG_RUNTIME_DIR" in service.env:
        notes.append(
            "clients of shells without XDG_RUNTIME_DIR, such as this one, do not find it; set it "
            f"to {service.env['XDG_RUNTIME_DIR']}"
        )
    if "/archive-v0/" in sys.executable or "/builds-v0/" in sys.executable:
        notes.append(
            f"{sys.executable} belongs to uv's cache, which may be emptied; install codexmcp for "
            "good with `uv tool install codexmcp-agents`, and install the service again"
        )
    return notes


def _secrets_needed(service: Service, env: Mapping[str, str]) -> list[str]:
    try:
        config = Path(service.env["CODEX_HOME"], "config.toml").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        config = ""
    return secrets_of(env, provider_key_variables(config))


def _kept(path: Path) -> set[str]:
    """Return the names in the file of secrets."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}; repair or remove it") from None
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError(
            f"{path} holds secrets and others may read it; run `chmod 600 {path}`"
        )
    return names_in(text)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        put(str(path), text.encode())
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror}; make its folder writable for you"
        ) from None


def _tell(first: str, outcome: ManagerOutcome, notes: Sequence[str]) -> None:
    _say([first, *outcome.done, *(f"now run: {left}" for left in outcome.left), *notes])


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        sys.stderr.write(f"codexmcp: {line}\n")
