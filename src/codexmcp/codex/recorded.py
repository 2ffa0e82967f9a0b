"""The settings of a thread's last turn, from Codex's rollout.

Reads only files below the Codex home. Audit files of runs are no source: sandboxed commands can
write to such files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from codexmcp.codex.permissions import MODES_BY_BASE, PROFILE
from codexmcp.codex.reverse_lines import reversed_lines
from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import dig, list_of, object_of, text_of
from codexmcp.settings import SANDBOX_MODES

FOLDERS = ("sessions", "archived_sessions")
"""Source: Codex's folders for rollouts and archived rollouts (0.136.0 to 0.171.0)."""

PACKED_SUFFIX = ".zst"
"""The suffix of compressed rollouts. With its feature `local_thread_store_compression`, Codex
compresses rollouts unchanged for a week. Codex unpacks a file before writing, and prefers the
plain file if both exist. Source: Codex 0.153.4, 0.163.0 and 0.169.0."""

_HEAD_BYTES = 256
_ID_LENGTH = 36
_POLICIES = frozenset({"untrusted", "on-request", "never"})
"""Approval policies accepted by all supported builds; `on-failure` and tables are excluded."""


@dataclass(frozen=True, slots=True)
class RecordedSettings:
    """The settings of a thread's last turn. None: not recorded.

    Attributes:
        cwd: Absolute path of the working directory.
        sandbox: The sandbox mode.
        profile: The user's own permissions profile in place of the mode.
        approval_policy: The approval policy.
        model: The model.
        denied: Absolute paths that commands could not read.
        workspace_write: The effective `[sandbox_workspace_write]` settings.
    """

    cwd: str | None = None
    sandbox: str | None = None
    profile: str | None = None
    approval_policy: str | None = None
    model: str | None = None
    denied: tuple[str, ...] = ()
    workspace_write: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_settings(rollout: Path) -> RecordedSettings | None:
    """Return the settings of the last turn in a rollout; None if not recorded.

    Args:
        rollout: The rollout, with or without the suffix of compression.

    Source: the entry `turn_context` of each turn (0.153.4, 0.163.0, 0.171.0).
    """
    plain = rollout.with_name(rollout.name.removesuffix(PACKED_SUFFIX))
    try:
        lines = _plain_lines(plain) if plain.exists() else _packed_lines(plain)
        for line in lines:
            if b'"turn_context"' in line[:_HEAD_BYTES] and (found := _settings(line)) is not None:
                return found
    except OSError:
        pass
    return None


def find_rollouts_by_thread(home: Path) -> dict[str, Path]:
    """Return the rollouts of a home by thread id.

    Source: the names are `rollout-TIME-ID.jsonl`.
    """
    found: dict[str, Path] = {}
    for folder in FOLDERS:
        for parent, _, names in os.walk(home / folder):
            for name in names:
                stem = name.removesuffix(PACKED_SUFFIX).removesuffix(".jsonl")
                if name.startswith("rollout-") and stem != name:
                    found[stem[-_ID_LENGTH:]] = Path(parent, name)
    return found


def _plain_lines(rollout: Path) -> Iterator[bytes]:
    """Yield the lines of a rollout, last line first."""
    descriptor = os.open(rollout, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        yield from reversed_lines(descriptor)
    finally:
        os.close(descriptor)


def _packed_lines(plain: Path) -> Iterator[bytes]:
    """Yield the last `turn_context` of a compressed rollout, read from the beginning."""
    from codexmcp.codex.unpacking import DamagedError, unpacked  # noqa: PLC0415 - rarely needed

    last = b""
    with plain.with_name(plain.name + PACKED_SUFFIX).open("rb") as packed:
        try:
            for line in unpacked(packed):
                last = line if b'"turn_context"' in line[:_HEAD_BYTES] else last
        except DamagedError:
            # Entries after the damage may be narrower.
            return
    yield last


def _settings(line: bytes) -> RecordedSettings | None:
    try:
        entry = object_of(json.loads(line))
    except (ValueError, RecursionError):
        return None
    if entry.get("type") != "turn_context":
        return None
    turn = object_of(entry.get("payload"))
    policy = object_of(turn.get("sandbox_policy"))
    profile = text_of(dig(turn, "active_permission_profile", "id"))
    base = text_of(dig(turn, "active_permission_profile", "extends"))
    is_own = profile is not None and profile != PROFILE and not profile.startswith(":")
    approval = text_of(turn.get("approval_policy"))
    mode = MODES_BY_BASE.get(base or "") if profile == PROFILE else text_of(policy.get("type"))
    return RecordedSettings(
        cwd=text_of(turn.get("cwd")),
        sandbox=mode if mode in SANDBOX_MODES else None,
        profile=profile if is_own else None,
        approval_policy=approval if approval in _POLICIES else None,
        model=text_of(turn.get("model")),
        denied=tuple(_denied(turn)),
        workspace_write=_workspace_write(policy),
    )


def _workspace_write(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mode's settings, without git folders.

    Source: Codex records a profile's writable paths as writable roots, without the protected paths
    inside (0.163.0). A resume decides again on access to the git folder.
    """
    table = {name: policy[name] for name in _WORKSPACE_WRITE if name in policy}
    if "writable_roots" in table:
        roots = [root for root in list_of(table["writable_roots"]) if isinstance(root, str)]
        table["writable_roots"] = [root for root in roots if ".git" not in PurePath(root).parts]
    return table


_WORKSPACE_WRITE = (
    "writable_roots",
    "network_access",
    "exclude_tmpdir_env_var",
    "exclude_slash_tmp",
)


def _denied(turn: Mapping[str, Any]) -> Iterator[str]:
    for entry in list_of(dig(turn, "permission_profile", "file_system", "entries")):
        path = text_of(dig(entry, "path", "path"))
        if path is not None and object_of(entry).get("access") == "deny":
            yield path
