from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from codexmcp.runs.audit.index import newest
from codexmcp.runs.audit.names import POINTER_INDEX, PROJECT_INDEX, default_audit_dir
from codexmcp.runs.audit.reading import read_records
from codexmcp.runs.audit.reconciling import reconcile
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.restoration import reconcile_folders
from codexmcp.runs.run import Run
from tests.support.audit import a_run, ended, open_trail, running
from tests.support.memory_store import MemoryStore
from tests.support.run_stores import ended as restorable


@pytest.fixture
def pointers(tmp_path: Path) -> Path:
    return tmp_path / "pointers"


def cut_off(project: Path, pointers: Path) -> Run:
    """Return an ended run whose files say that it is running."""
    run = a_run(project)
    with contextlib.closing(open_trail(run, pointers)) as trail:
        trail.state(running(run))
    return ended(run)


def corrected(run: Run, pointers: Path) -> list[str]:
    return reconcile([run], pointer_dir=pointers, redactor=Redactor())


def files_are_right(run: Run, pointers: Path) -> bool:
    folder = default_audit_dir(Path(run.request.cwd))
    indexed = newest(folder, PROJECT_INDEX, 9) + newest(pointers, POINTER_INDEX, 9)
    return (
        [entry.status for entry in indexed] == [run.state, run.state]
        and "State: **completed**" in (folder / f"{run.id}.md").read_text()
        and not list((folder / "active").iterdir())
    )


def test_files_that_a_kill_left_behind_the_store_are_corrected_once(
    project: Path, pointers: Path
) -> None:
    run = cut_off(project, pointers)
    assert corrected(run, pointers) == [run.id]
    assert files_are_right(run, pointers)
    assert corrected(run, pointers) == []


def test_an_active_run_gets_the_line_of_its_state_once(project: Path, pointers: Path) -> None:
    run = a_run(project)
    open_trail(run, pointers).close()
    sent = running(run)
    assert corrected(sent, pointers) == [sent.id]
    folder = default_audit_dir(project)
    assert [each["state"] for each in read_records(folder, run.id) if "state" in each][
        -1
    ] == "running"
    assert (folder / "active" / f"{run.id}.json").exists()
    assert corrected(sent, pointers) == []


def _remove_summary(folder: Path, _pointers: Path) -> None:
    (folder / "r-1.md").unlink()


def _keep_active(folder: Path, _pointers: Path) -> None:
    (folder / "active/r-1.json").write_text("{}")


def _cut_project_index(folder: Path, _pointers: Path) -> None:
    _drop_last_line(folder / PROJECT_INDEX)


def _cut_pointer_index(_folder: Path, pointers: Path) -> None:
    _drop_last_line(pointers / POINTER_INDEX)


def _drop_last_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    "spoil", [_remove_summary, _keep_active, _cut_project_index, _cut_pointer_index]
)
def test_each_file_that_differs_from_the_store_is_corrected(
    project: Path, pointers: Path, spoil: Callable[[Path, Path], None]
) -> None:
    run = cut_off(project, pointers)
    corrected(run, pointers)
    spoil(default_audit_dir(project), pointers)
    assert corrected(run, pointers) == [run.id]
    assert files_are_right(run, pointers)


def test_files_that_a_live_process_writes_are_left_alone(project: Path, pointers: Path) -> None:
    run = cut_off(project, pointers)
    with contextlib.closing(AuditTrail.reopen(run, pointer_dir=pointers, redactor=Redactor())):
        assert corrected(run, pointers) == []


def test_files_that_somebody_deleted_stay_deleted(project: Path, pointers: Path) -> None:
    run = cut_off(project, pointers)
    (default_audit_dir(project) / f"{run.id}.jsonl").unlink()
    assert corrected(run, pointers) == []


def test_a_folder_is_reconciled_with_the_store_that_its_runs_were_handed_in_to(
    project: Path, pointers: Path
) -> None:
    run = cut_off(project, pointers)
    store = MemoryStore()
    store.restore([restorable(run.id, request=run.request.to_json())])

    def found(pointer_dir: Path) -> int:
        folders = [default_audit_dir(project)]
        return reconcile_folders(store, folders, pointer_dir=pointer_dir, redactor=Redactor())

    assert found(project / "of another home") == 0
    assert found(pointers) == 1
    assert files_are_right(run, pointers)
