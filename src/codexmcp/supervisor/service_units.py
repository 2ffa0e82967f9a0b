"""Files for systemd or launchd to keep `codexmcp serve` running.

Pure. Promises: a service manager reads back each value unchanged, with any characters; the file
holds no secrets, because the service reads secrets from a separate file.
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError

UNIT_NAME = "codexmcp.service"
LABEL = "dev.codexmcp.serve"
MARK = "Made by codexmcp, which replaces it when the service is installed again."
"""In every file made here; a file without the mark is never overwritten."""

KILL_MARGIN_S = 60.0
"""Bound on the end of the service after the drain timeout, in seconds."""


@dataclass(frozen=True, slots=True)
class Service:
    """A program under a service manager.

    Attributes:
        argv: The program's absolute path and arguments.
        env: Variables in addition to the environment of the service manager. No secrets.
        unset: Variables to remove from the environment of the service manager.
        secrets: The file with secrets, `NAME=value` in each line. The file may be missing.
        cwd: The working directory.
        drain_s: Bound on the end of runs, in seconds.
        log: The file for output under launchd; systemd has a journal.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    unset: Sequence[str]
    secrets: Path
    cwd: Path
    drain_s: float
    log: Path


def is_ours(text: str) -> bool:
    """Return True for a file made here."""
    return MARK in text


def systemd_unit(service: Service) -> str:
    """Return a unit for systemd's user manager.

    Raises:
        ConfigurationError: A path or an argument cannot be written in a unit.

    Source: systemd.service(5), systemd.exec(5) and systemd.syntax(7), version 252.
    """
    program, *arguments = service.argv
    # systemd expands no variables in the program's path.
    words = [_quoted(program), *(_quoted(word).replace("$", "$$") for word in arguments)]
    environment = [
        f"Environment={_quoted(f'{name}={value}')}" for name, value in service.env.items()
    ]
    unset = [f"UnsetEnvironment={' '.join(service.unset)}"] if service.unset else []
    lines = [
        f"# {MARK}",
        "# Your own changes belong into `systemctl --user edit codexmcp`.",
        "[Unit]",
        "Description=Codex, its runs and its MCP server (codexmcp)",
        "StartLimitIntervalSec=300",
        "StartLimitBurst=5",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={' '.join(words)}",
        f"WorkingDirectory={_path(service.cwd)}",
        *environment,
        *unset,
        f"EnvironmentFile=-{_path(service.secrets)}",
        "Restart=on-failure",
        "RestartSec=2",
        "# A restart fixes neither wrong options nor a wrong configuration.",
        "RestartPreventExitStatus=2 78",
        "# It lets its runs end; a signal to all processes would end Codex under them.",
        "KillMode=mixed",
        f"TimeoutStopSec={service.drain_s + KILL_MARGIN_S:g}",
        "# A command out of memory ends alone; the other runs continue.",
        "OOMPolicy=continue",
        "# A core file could hold a key.",
        "LimitCORE=0",
        "# Not set, because Codex's own sandbox needs user namespaces, mounts and seccomp filters:",
        "# NoNewPrivileges, Private*, Protect*, Restrict*, LockPersonality, SystemCallFilter.",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "".join(f"{line}\n" for line in lines)


def launchd_plist(service: Service) -> str:
    """Return a property list for launchd.

    Raises:
        ConfigurationError: A path or an argument cannot be written in a property list.

    Source: launchd.plist(5).
    """
    for text in (*service.argv, *service.env.values(), str(service.cwd), str(service.secrets)):
        _expect_writable(text)
    # launchd has no setting for a file of variables.
    script = 'set -a; if [ -r "$0" ]; then . "$0"; fi; set +a; exec "$@"'
    unsetting = "".join(f"unset {name}; " for name in service.unset)
    fields = {
        "Label": LABEL,
        "ProgramArguments": [
            "/bin/sh",
            "-c",
            unsetting + script,
            str(service.secrets),
            *service.argv,
        ],
        "EnvironmentVariables": dict(service.env),
        "WorkingDirectory": str(service.cwd),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": int(service.drain_s + KILL_MARGIN_S),
        "HardResourceLimits": {"Core": 0},
        "StandardOutPath": str(service.log),
        "StandardErrorPath": str(service.log),
    }
    text = plistlib.dumps(fields, sort_keys=False).decode()
    return text.replace("<plist", f"<!-- {MARK} -->\n<plist", 1)


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "%": "%%"}


def _quoted(text: str) -> str:
    _expect_writable(text)
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def _path(path: Path) -> str:
    """Return a path for a line without quotes."""
    text = str(path)
    _expect_writable(text)
    if text != text.strip() or text.endswith("\\") or "\n" in text or "\t" in text:
        raise ConfigurationError(
            f"systemd cannot be given the path {text!r}: it ends in a space or backslash, or has a "
            "line end in it; use a folder with another name"
        )
    return text.replace("%", "%%")


def _expect_writable(text: str) -> None:
    if any(letter < " " and letter not in "\n\t" for letter in text) or not _is_unicode(text):
        raise ConfigurationError(
            f"a service's file cannot hold {text!r}: it has a control character or is not valid "
            "UTF-8; use another name or value"
        )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x7f" not in text
