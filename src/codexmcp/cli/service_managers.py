"""systemd's user manager and launchd: the file of a service, its start and its end."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from codexmcp.data_classes import dataclass
from codexmcp.supervisor.service_units import (
    LABEL,
    UNIT_NAME,
    Service,
    launchd_plist,
    systemd_unit,
)

_TIMEOUT_S = 120.0
"""On one command: stopping a service may take its runs' drain timeout."""


@dataclass(frozen=True, slots=True)
class ManagerOutcome:
    """The outcome of a step: lines about finished work, and commands left to the user."""

    done: Sequence[str] = ()
    left: Sequence[str] = ()


class ServiceManager(Protocol):
    """A manager of services of the user."""

    @property
    def path(self) -> Path:
        """The service's file."""
        ...

    def text(self, service: Service) -> str:
        """Return the text of the file."""
        ...

    def start(self, *, is_elsewhere: bool) -> ManagerOutcome:
        """Have the service started now and at each login.

        Args:
            is_elsewhere: Another supervisor runs in place of the service.
        """
        ...

    def stop(self) -> ManagerOutcome:
        """Have the service ended and disabled."""
        ...

    def removed(self) -> ManagerOutcome:
        """Report the removal of the file to the manager."""
        ...


class Systemd:
    """systemd's user manager.

    Args:
        env: Our environment.
        home: The user's home.
    """

    def __init__(self, env: Mapping[str, str], home: Path) -> None:
        self._env = env
        config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
        self._folder = config / "systemd" / "user"

    @property
    def path(self) -> Path:
        """The service's file."""
        return self._folder / UNIT_NAME

    def text(self, service: Service) -> str:
        """Return the text of the file."""
        return systemd_unit(service)

    def start(self, *, is_elsewhere: bool) -> ManagerOutcome:
        """Have the service started now and at each login."""
        reload, start = ["daemon-reload"], ["enable", "--now", UNIT_NAME]
        lingering = "to have it run while you are not logged in: loginctl enable-linger"
        if not self._answers():
            return ManagerOutcome(left=[_shown(reload), _shown(start), lingering])
        is_active = self._systemctl("is-active", "--quiet", UNIT_NAME) is None
        if is_elsewhere and not is_active:
            start = ["enable", UNIT_NAME]
        failed = [
            f"{_shown(words)} failed: {error}"
            for words in (reload, start)
            if (error := self._systemctl(*words)) is not None
        ]
        if failed:
            return ManagerOutcome(left=[*failed, f"journalctl --user -u {UNIT_NAME}"])
        if is_active:
            again = f"{_shown(['restart', UNIT_NAME])}, for the new file; its runs are drained"
            return ManagerOutcome(["it was running already"], [again])
        if is_elsewhere:
            first = f"codexmcp serve --stop && {_shown(['start', UNIT_NAME])}"
            return ManagerOutcome(
                ["it starts at the next login; another supervisor is running"], [first]
            )
        return ManagerOutcome(["it is started, now and at each login"], [lingering])

    def stop(self) -> ManagerOutcome:
        """Have the service ended and disabled."""
        words = ["disable", "--now", UNIT_NAME]
        if self._answers():
            error = self._systemctl(*words)
            if error is None:
                return ManagerOutcome(["it is ended"])
            return ManagerOutcome(left=[f"{_shown(words)} failed: {error}"])
        # What `enable` makes; without it systemd complains of a missing unit.
        (self._folder / "default.target.wants" / UNIT_NAME).unlink(missing_ok=True)
        return ManagerOutcome(left=["codexmcp serve --stop"])

    def removed(self) -> ManagerOutcome:
        """Report the removal of the file to the manager."""
        words = ["daemon-reload"]
        if self._answers() and self._systemctl(*words) is None:
            return ManagerOutcome()
        return ManagerOutcome(left=[_shown(words)])

    def _answers(self) -> bool:
        return self._systemctl("show-environment") is None

    def _systemctl(self, *words: str) -> str | None:
        """Run systemctl; return its error."""
        return _failure(["systemctl", "--user", *words], self._env)


class Launchd:
    """launchd's domain of the user.

    Args:
        env: Our environment.
        home: The user's home.
    """

    def __init__(self, env: Mapping[str, str], home: Path) -> None:
        self._env = env
        self._home = home
        self._domain = f"gui/{os.getuid()}"

    @property
    def path(self) -> Path:
        """The service's file."""
        return self._home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def text(self, service: Service) -> str:
        """Return the text of the file."""
        return launchd_plist(service)

    def start(self, *, is_elsewhere: bool) -> ManagerOutcome:
        """Have the service started now and at each login."""
        words = ["launchctl", "bootstrap", self._domain, str(self.path)]
        if is_elsewhere:
            replace = f"launchctl bootout {self._domain}/{LABEL}"
            return ManagerOutcome(
                ["it starts at the next login; a supervisor is running"],
                [f"{replace} || codexmcp serve --stop; {' '.join(words)}"],
            )
        error = _failure(words, self._env)
        if error is not None:
            return ManagerOutcome(left=[f"{' '.join(words)} failed: {error}"])
        return ManagerOutcome(["it is started, now and at each login"])

    def stop(self) -> ManagerOutcome:
        """Have the service ended and disabled."""
        words = ["launchctl", "bootout", f"{self._domain}/{LABEL}"]
        error = _failure(words, self._env)
        if error is not None:
            return ManagerOutcome(left=[f"{' '.join(words)} failed: {error}"])
        return ManagerOutcome(["it is ended"])

    def removed(self) -> ManagerOutcome:
        """Report the removal of the file to the manager."""
        return ManagerOutcome()


def _failure(argv: Sequence[str], env: Mapping[str, str]) -> str | None:
    """Run a command; return its error, None after success."""
    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        return f"{argv[0]} is not installed"
    try:
        ran = subprocess.run(
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=dict(env),
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = (ran.stderr or ran.stdout).strip()
    return None if ran.returncode == 0 else said or f"exit code {ran.returncode}"


def _shown(words: Sequence[str]) -> str:
    return " ".join(["systemctl", "--user", *words])
