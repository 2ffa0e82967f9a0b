from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codexmcp.codex.recorded import RecordedSettings, find_rollouts_by_thread, read_settings
from codexmcp.codex.unpacking import zstd

THREAD = "01a22f73-2430-7d33-90a2-2473721d5cd2"
DENIED = {"path": {"type": "path", "path": "/secret"}, "access": "deny"}
ROOT = {"path": {"type": "special", "value": {"kind": "root"}}, "access": "read"}


def turn(**fields: Any) -> dict[str, Any]:
    """Return an entry as 0.163.0 writes it, as far as it is read."""
    payload = {
        "cwd": "/w",
        "approval_policy": "never",
        "sandbox_policy": {"type": "workspace-write", "network_access": False},
        "permission_profile": {"type": "managed", "file_system": {"entries": [ROOT]}},
        "model": "m",
        **fields,
    }
    return {"timestamp": "2026-12-01T00:00:00.000Z", "type": "turn_context", "payload": payload}


def rollout(folder: Path, *entries: object, end: str = "\n") -> Path:
    path = folder / f"rollout-2026-12-01T00-00-00-{THREAD}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, entries)) + end)
    return path


def test_the_last_turn_counts(tmp_path: Path) -> None:
    narrower = turn(sandbox_policy={"type": "read-only"})
    said = {"type": "response_item", "payload": {"text": json.dumps(turn(cwd="/forged"))}}
    path = rollout(tmp_path, turn(), narrower, said)
    assert read_settings(path) == RecordedSettings("/w", "read-only", None, "never", "m")


@pytest.mark.parametrize("extends", [":workspace", ":read-only"])
def test_a_profile_of_ours_is_a_mode_with_denied_files(tmp_path: Path, extends: str) -> None:
    entry = turn(
        permission_profile={"type": "managed", "file_system": {"entries": [DENIED, ROOT]}},
        active_permission_profile={"id": "codexmcp", "extends": extends},
    )
    found = read_settings(rollout(tmp_path, entry))
    assert found is not None
    mode = {":workspace": "workspace-write", ":read-only": "read-only"}[extends]
    assert (found.sandbox, found.profile, found.denied) == (mode, None, ("/secret",))


@pytest.mark.parametrize(("profile", "own"), [("mine", "mine"), (":workspace", None)])
def test_a_profile_of_the_users_own_is_told_from_those_of_codex(
    tmp_path: Path, profile: str, own: str | None
) -> None:
    entry = turn(active_permission_profile={"id": profile})
    found = read_settings(rollout(tmp_path, entry))
    assert found is not None
    assert found.profile == own


def test_what_no_build_takes_back_is_left_out(tmp_path: Path) -> None:
    entry = turn(approval_policy={"granular": {}}, sandbox_policy={"type": "external-sandbox"})
    found = read_settings(rollout(tmp_path, entry))
    assert found is not None
    assert (found.sandbox, found.approval_policy) == (None, None)


def test_a_compressed_rollout_is_read_too(tmp_path: Path) -> None:
    path = rollout(tmp_path, turn(), turn(cwd="/later"))
    path.with_name(f"{path.name}.zst").write_bytes(zstd.compress(path.read_bytes()))
    path.unlink()
    found = read_settings(path)
    assert found is not None
    assert found.cwd == "/later"
    packed = path.with_name(f"{path.name}.zst")
    packed.write_bytes(packed.read_bytes()[:-8])
    assert read_settings(path) is None


@pytest.mark.parametrize("entries", [(), ({"type": "session_meta"},)])
def test_a_thread_without_a_turn_has_no_settings(tmp_path: Path, entries: tuple[object]) -> None:
    assert read_settings(rollout(tmp_path, *entries)) is None
    assert read_settings(tmp_path / "gone.jsonl") is None


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = rollout(tmp_path, turn(), end='\n{"timestamp":"t","type":"turn_context","payl')
    found = read_settings(path)
    assert found is not None
    assert found.cwd == "/w"


def test_rollouts_are_found_by_their_threads(tmp_path: Path) -> None:
    path = rollout(tmp_path / "sessions/2026/12/01", turn())
    archived = tmp_path / "archived_sessions" / path.name.replace(THREAD, THREAD[::-1])
    archived.parent.mkdir()
    packed = archived.with_name(f"{archived.name}.zst")
    packed.touch()
    (archived.parent / "notes.txt").touch()
    assert find_rollouts_by_thread(tmp_path) == {THREAD: path, THREAD[::-1]: packed}
