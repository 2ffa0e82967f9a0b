"""Causes and remedies of a failed start of app-server, on the host or in a container."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.errors import AppServerClosedError

_LIMITS_REFUSED = re.compile(r"rlimit.*(?:not permitted|denied)", re.IGNORECASE)
_UNKNOWN_FEATURE = re.compile(r"Unknown feature flag: (\S+)")
_REFUSAL = re.compile(r"^Error: (.+)$", re.MULTILINE)
_BACKTRACE = "\nStack backtrace:"

_BLOCK_BYTES = 4096
"""Required free space. Source: an empty file can be created on a full disk."""


def did_not_start(
    options: LaunchOptions, cause: AppServerClosedError, how: str = "as an app-server"
) -> AppServerClosedError:
    """Return the error for a failed start, with cause and remedy.

    Args:
        options: The launch options.
        cause: The end of the process.
        how: The mode of the start, for the message.
    """
    said = cause.stderr_tail.partition(_BACKTRACE)[0].strip()
    if options.prefix is not None:
        reason = f"Codex did not start in its container: {cause.reason}"
        remedy = _remedy_of_engine(said)
        return AppServerClosedError(f"{reason}; {remedy}" if remedy else reason, said)
    fault = why_unwritable(options.home) if options.home is not None else None
    if fault is not None:
        return AppServerClosedError(f"Codex did not start: {unwritable_home(options.home, fault)}")
    refusal = _REFUSAL.search(said)
    if refusal is not None:
        return AppServerClosedError(f"Codex did not start: {refusal[1]}; {_remedy(refusal[1])}")
    return AppServerClosedError(
        f"{options.codex} did not start {how}: {cause.reason}; name a working Codex in CODEX_BIN, "
        "or unset it to use the one that comes with codexmcp",
        said,
    )


def why_unwritable(folder: Path) -> str | None:
    """Return the fault of a folder that cannot be written to; None if writable.

    Writes and removes a file of some kilobytes.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".codexmcp-") as file:
            file.write(os.urandom(_BLOCK_BYTES))
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return None


def unwritable_home(home: Path | None, fault: str) -> str:
    """Return the fault of an unwritable Codex home, with the remedy.

    Args:
        home: The home.
        fault: The result of `why_unwritable`.
    """
    return (
        f"Codex cannot write to its home {home}: {fault}; make it writable or free space there, or "
        "name another in CODEX_HOME"
    )


def _remedy(refusal: str) -> str:
    """Return the remedy for a refusal of Codex."""
    if feature := _UNKNOWN_FEATURE.search(refusal):
        return (
            f"leave --enable or --disable {feature[1]} out; `codexmcp codex features list` names "
            "the features of this Codex"
        )
    return "correct the setting, in config.toml or among the arguments"


def _remedy_of_engine(said: str) -> str:
    """Return the remedy for an engine's error; empty if the error already has one."""
    if _LIMITS_REFUSED.search(said):
        # Source: podman as root asks for 1048576 files and processes by default (4.3.1).
        return (
            "podman asks for higher limits than this machine grants: write `default_ulimits = []` "
            "under [containers] in containers.conf, to keep the limits of this machine"
        )
    return ""


def informative_lines(stderr: str) -> str:
    """Return the informative part of app-server's last words."""
    # Codex prints this at every start without a bubblewrap on PATH, and uses its own.
    return "\n".join(line for line in stderr.splitlines() if "find bubblewrap" not in line)
