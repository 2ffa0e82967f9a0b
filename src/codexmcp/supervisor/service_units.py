"""The files by which systemd or launchd keep `codexmcp serve` running.

Pure. Promises: what a service manager reads back is what was put in, whatever characters it has; no
secret is in a file, those are in a file of their own that the service reads.
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import ConfigurationError

UNIT_NAME = "codexmcp.service"
LABEL = "dev.codexmcp.serve"
MARK = "Made by codexmcp, which replaces it when the service is installed again."
"""In every file of ours, so that no other one is overwritten."""

KILL_MARGIN_S = 60.0
"""What ending takes beyond the drain timeout, at most."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is to be kept running.

    Attributes:
        argv: The program's absolute path and its arguments.
        env: What its environment has beside what the service manager gives it. No secrets.
        unset: What its environment must not have, though the service manager may give it.
        secrets: The file with its secrets, `NAME=value` in each line; it may be missing.
        cwd: Its working directory.
        drain_s: How long it may take to end its runs, in seconds.
        log: Where launchd writes what it says; systemd has its journal.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    unset: Sequence[str]
    secrets: Path
    cwd: Path
    drain_s: float
    log: Path


def is_ours(text: str) -> bool:
    """Return whether a file was made here."""
    return MARK in text


def systemd_unit(service: Service) -> str:
    """Return a unit for systemd's user manager.

    Raises:
        ConfigurationError: A path or an argument cannot be written in a unit.

    Source: systemd.service(5), systemd.exec(5) and systemd.syntax(7), version 252.
    """
    program, *arguments = service.argv
    # A variable is never looked for in the program's path.
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
        "# What must be put right first is not mended by starting again.",
        "RestartPreventExitStatus=2 78",
        "# It lets its runs end; a signal to all processes would end Codex under them.",
        "KillMode=mixed",
        f"TimeoutStopSec={service.drain_s + KILL_MARGIN_S:g}",
        "# A command of a run that takes too much memory is no reason to end all others.",
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
        ConfigurationError: A path or an argument cannot be written in it.

    Source: launchd.plist(5).
    """
    for text in (*service.argv, *service.env.values(), str(service.cwd), str(service.secrets)):
        _expect_writable(text)
    # launchd knows no file of variables.
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
    """Return a path for a line that knows no quotes."""
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
