from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.runs import ownership
from codexmcp.runs.ownership import Ownership, is_dead
from codexmcp.runs.process_identity import ProcessIdentity

SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@contextlib.contextmanager
def a_process() -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that ends with the block at the latest."""
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as process:
        yield process


def owner_id(process: ProcessIdentity) -> str:
    """Return the id of an owner that is a process, and whose lock file is gone."""
    return f"{'0' * 32}.{process}"


def lock(folder: Path, owner: str) -> Path:
    return folder / f"{owner}.lock"


@pytest.fixture
def here() -> ProcessIdentity:
    return ProcessIdentity.own()


def test_an_owner_lives_although_its_lock_file_or_the_whole_folder_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "owners"
    own = Ownership.take(folder, socket="", group="g")
    assert not is_dead(folder, own.owner.id)
    lock(folder, own.owner.id).unlink()
    assert not is_dead(folder, own.owner.id)
    folder.rmdir()
    assert not is_dead(folder, own.owner.id)
    own.release()


def test_an_owner_lives_although_another_file_has_taken_the_place_of_its_own(
    tmp_path: Path,
) -> None:
    own = Ownership.take(tmp_path, socket="", group="g")
    lock(tmp_path, own.owner.id).unlink()
    lock(tmp_path, own.owner.id).touch()
    assert not is_dead(tmp_path, own.owner.id)
    own.release()


def test_an_owner_that_gave_up_its_runs_is_dead_while_its_process_goes_on(tmp_path: Path) -> None:
    own = Ownership.take(tmp_path, socket="", group="g")
    own.release()
    assert is_dead(tmp_path, own.owner.id)


def test_an_owner_whose_process_has_ended_is_dead(tmp_path: Path, here: ProcessIdentity) -> None:
    with a_process() as process:
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        owner = owner_id(replace(here, pid=process.pid, start=stat[19]))
        assert not is_dead(tmp_path, owner)
    assert is_dead(tmp_path, owner)


def test_an_owner_that_waits_to_be_reaped_is_dead(tmp_path: Path, here: ProcessIdentity) -> None:
    with a_process() as process:
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        owner = owner_id(replace(here, pid=process.pid, start=stat[19]))
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(tmp_path, owner)


def test_a_later_process_with_the_same_id_is_not_the_owner(
    tmp_path: Path, here: ProcessIdentity
) -> None:
    assert is_dead(tmp_path, owner_id(replace(here, start="1")))


def test_the_owners_from_before_a_reboot_of_this_host_are_dead(
    tmp_path: Path, here: ProcessIdentity
) -> None:
    assert is_dead(tmp_path, owner_id(replace(here, boot="before")))


def test_an_owner_on_another_host_is_dead_only_where_no_other_host_can_be(
    tmp_path: Path, here: ProcessIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = owner_id(replace(here, boot="other", host="other"))
    lock(tmp_path, owner).touch()
    assert is_dead(tmp_path, owner)
    monkeypatch.setattr(ownership, "_LOCAL_TYPES", frozenset({"none"}))
    assert not is_dead(tmp_path, owner)


def test_an_owner_in_another_container_is_judged_by_its_lock_alone(
    tmp_path: Path, here: ProcessIdentity
) -> None:
    owner = owner_id(replace(here, pid=2**22 + 1, namespace="1"))
    assert not is_dead(tmp_path, owner)
    lock(tmp_path, owner).touch()
    assert is_dead(tmp_path, owner)


def test_an_owner_of_the_first_version_is_judged_by_its_lock_file(tmp_path: Path) -> None:
    assert is_dead(tmp_path, "0" * 32)
    lock(tmp_path, "0" * 32).touch()
    assert is_dead(tmp_path, "0" * 32)


def test_an_identity_is_read_back_as_it_was(here: ProcessIdentity) -> None:
    assert ProcessIdentity.parse(str(here)) == here
    assert ProcessIdentity.parse("") is None
    assert ProcessIdentity.parse("12-3") is None
