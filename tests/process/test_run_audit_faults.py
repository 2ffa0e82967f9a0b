"""Audit files with real processes, full disks, foreign links and sudden deaths."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.errors import AuditError
from codexmcp.runs.audit.finding import find_folder
from codexmcp.runs.audit.index import entries
from codexmcp.runs.audit.names import POINTER_INDEX, PROJECT_INDEX, default_audit_dir
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.reindex import is_in_use, scan
from codexmcp.runs.audit.trail import AuditTrail
from tests.support.audit import a_run, command, ended, open_trail, running
from tests.support.builds import CHECKOUT
from tests.support.processes import until

BOUND_S = 60.0

PRELUDE = """
    import os, resource, sys
    from pathlib import Path
    from codexmcp.errors import AuditError
    from tests.support.audit import a_run, command, ended, open_trail, running
    project, pointers = Path(sys.argv[1]), Path(sys.argv[2])
    trail = None
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def pointers(tmp_path: Path) -> Path:
    return tmp_path / "pointers"


def _start(program: str, project: Path, pointers: Path) -> subprocess.Popen[str]:
    text = textwrap.dedent(PRELUDE) + textwrap.dedent(program)
    return subprocess.Popen(
        [sys.executable, "-c", text, str(project), str(pointers)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(program: str, project: Path, pointers: Path) -> str:
    out, err = (process := _start(program, project, pointers)).communicate(timeout=BOUND_S)
    assert process.returncode == 0, err
    return out


def test_many_processes_append_whole_lines_to_the_same_indexes(
    project: Path, pointers: Path
) -> None:
    program = """
        for number in range(40):
            run = a_run(project, f"{os.getpid()}-{number}", prompt="words " * 12)
            trail = open_trail(run, pointers)
            trail.state(running(run))
            trail.state(ended(run))
            trail.close()
    """
    processes = [_start(program, project, pointers) for _ in range(4)]
    for process in processes:
        assert process.communicate(timeout=BOUND_S)[1] == ""
    for path in (default_audit_dir(project) / PROJECT_INDEX, pointers / POINTER_INDEX):
        statuses = [json.loads(line)["status"] for line in path.read_bytes().splitlines() if line]
        assert sorted(statuses) == ["completed"] * 160 + ["queued"] * 160 + ["running"] * 160


def test_a_disk_that_is_full_loses_lines_and_tells_how_many(project: Path, pointers: Path) -> None:
    program = """
        trail = open_trail(a_run(project), pointers)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        # In the midst of a line, so that it is torn.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        for number in range(20):
            trail.event(command(f"step {number}"))
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        trail.event(command("afterwards"))
        trail.state(ended(a_run(project)))
        trail.close()
        print(trail.lost)
    """
    lost = int(_run(program, project, pointers))
    lines = (default_audit_dir(project) / "r-1.jsonl").read_bytes().splitlines()
    whole, torn = [], 0
    for line in lines:
        try:
            whole.append(json.loads(line))
        except ValueError:
            torn += 1
    assert torn == 1
    assert [line["lost"] for line in whole if "lost" in line] == [lost]
    steps = [line for line in whole if "method" in line]
    assert len(steps) == 20 - lost + 1
    assert [each["state"] for each in scan([default_audit_dir(project)])] == ["completed"]


@pytest.mark.parametrize("size_bytes", [0, 100, 400])
def test_a_run_is_not_begun_on_a_full_disk_and_leaves_nothing(
    project: Path, pointers: Path, size_bytes: int
) -> None:
    program = f"""
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({size_bytes}, limits[1]))
        try:
            open_trail(a_run(project, prompt="x" * 500), pointers)
        except AuditError as error:
            sys.stdout = None
            os.write(2, str(error).encode())
            os._exit(0)
    """
    process = _start(program, project, pointers)
    error = process.communicate(timeout=BOUND_S)[1]
    assert process.returncode == 0, error
    assert "the limit on the size of files" in error or "no space is left" in error
    assert "CODEX_MCP_WRAPPER_RUN_DIR" in error
    assert list(project.iterdir()) == []


def test_without_permission_a_run_is_not_begun(project: Path, pointers: Path) -> None:
    program = """
        if os.geteuid() == 0:
            os.setuid(65534)
        else:
            project.chmod(0o500)
        try:
            open_trail(a_run(project), pointers)
        except AuditError as error:
            print(error)
    """
    assert "there is no permission" in _run(program, project, pointers)
    assert list(project.iterdir()) == []


def test_a_folder_that_takes_no_files_is_refused(pointers: Path) -> None:
    with pytest.raises(AuditError, match=r"/proc.*Put that right, or name another folder"):
        open_trail(a_run(Path("/proc")), pointers)


def test_a_file_in_the_place_of_the_folder_is_refused(project: Path, pointers: Path) -> None:
    (project / ".codex").write_text("")
    with pytest.raises(AuditError, match="a file or a symbolic link stands"):
        open_trail(a_run(project), pointers)
    (pointers).write_text("")
    (project / ".codex").unlink()
    with pytest.raises(AuditError, match="CODEX_MCP_WRAPPER_POINTER_DIR"):
        open_trail(a_run(project), pointers)
    assert list(project.iterdir()) == []


@pytest.mark.parametrize(
    "part",
    [".codex", ".codex/codex-mcp", ".codex/codex-mcp/runs", ".codex/codex-mcp/runs/active"],
)
def test_a_folder_of_ours_that_is_a_link_is_refused(
    project: Path, pointers: Path, tmp_path: Path, part: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = project / part
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    with pytest.raises(AuditError, match="symbolic link"):
        open_trail(a_run(project), pointers)
    assert list(elsewhere.iterdir()) == []


def test_nothing_is_written_where_a_link_leads_that_a_run_put_in_the_place_of_its_folder(
    project: Path, pointers: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = a_run(project)
    trail = open_trail(run, pointers)
    project.rename(tmp_path / "moved")
    project.symlink_to(elsewhere)
    trail.state(running(run))
    trail.stderr("a line")
    trail.close()
    again = AuditTrail.reopen(run, pointer_dir=pointers, redactor=Redactor(()))
    again.state(running(run))
    again.close()
    with pytest.raises(AuditError, match="symbolic link"):
        open_trail(replace(run, id="r-2"), pointers)
    assert list(elsewhere.iterdir()) == []


def test_a_project_that_is_reached_by_a_link_has_its_files_where_it_is(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(project)
    assert default_audit_dir(tmp_path / "link") == default_audit_dir(project)


@pytest.mark.parametrize("name", ["r-1.jsonl", PROJECT_INDEX])
@pytest.mark.parametrize("kind", ["link", "dangling", "second name", "pipe", "folder"])
def test_a_file_that_leads_elsewhere_is_refused(
    project: Path, pointers: Path, tmp_path: Path, name: str, kind: str
) -> None:
    precious = tmp_path / "precious"
    if kind != "dangling":
        precious.write_text("precious")
    path = default_audit_dir(project) / name
    path.parent.mkdir(parents=True)
    match kind:
        case "link" | "dangling":
            path.symlink_to(precious)
        case "second name":
            os.link(precious, path)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()
    with pytest.raises(AuditError, match="cannot write the audit files"):
        open_trail(a_run(project), pointers)
    assert precious.exists() == (kind != "dangling")
    assert kind == "dangling" or precious.read_text() == "precious"
    assert not (path.parent / "active" / "r-1.json").exists()


def test_links_that_appear_later_are_replaced_or_passed_over(
    project: Path, pointers: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    run, folder = a_run(project), default_audit_dir(project)
    trail = open_trail(run, pointers)
    for name in ("r-1.md", "r-1.stderr.log"):
        (folder / name).symlink_to(precious)
    (folder / "active" / "r-1.json").unlink()
    (folder / "active" / "r-1.json").symlink_to(precious)
    trail.stderr("x")
    trail.state(running(run))
    trail.state(ended(run))
    trail.close()
    assert precious.read_text() == "precious"
    assert not (folder / "r-1.md").is_symlink()


def test_a_folder_that_the_user_named_may_be_a_link(tmp_path: Path, pointers: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "named").symlink_to(tmp_path / "real")
    run = a_run(tmp_path)
    object.__setattr__(run.request, "audit_dir", str(tmp_path / "named"))
    open_trail(run, pointers).close()
    assert (tmp_path / "real" / "r-1.jsonl").exists()


async def test_what_a_killed_writer_wrote_is_there(project: Path, pointers: Path) -> None:
    program = """
        run = a_run(project)
        trail = open_trail(run, pointers)
        trail.state(running(run))
        number = 0
        while True:
            trail.event(command(f"step {number}", output="x" * 3000))
            number += 1
            if number % 50 == 0:
                print(number, flush=True)
    """
    folder = default_audit_dir(project)
    with _start(program, project, pointers) as process:
        try:
            assert process.stdout is not None
            told = int(process.stdout.readline())
            descriptor = os.open(folder, os.O_RDONLY)
            assert is_in_use(descriptor, "r-1")
        finally:
            process.send_signal(signal.SIGKILL)
        process.wait(BOUND_S)
    await until(lambda: not is_in_use(descriptor, "r-1"), "the lock of the killed writer is gone")
    os.close(descriptor)
    (fields,) = scan([folder])
    assert (fields["state"], fields["thread_id"]) == ("lost", "thread-of-r-1")
    lines = (folder / "r-1.jsonl").read_bytes().splitlines()
    assert len(lines) >= told + 3
    trail = AuditTrail.reopen(a_run(project), pointer_dir=pointers, redactor=Redactor())
    trail.state(ended(a_run(project)))
    trail.close()
    assert "`step 0`" in (folder / "r-1.md").read_text()
    assert [each["state"] for each in scan([folder])] == ["completed"]
    assert find_folder("r-1", pointer_dir=pointers) is not None


@pytest.mark.parametrize("umask", [0, 0o022])
def test_files_and_folders_are_for_their_owner_whatever_the_umask(
    project: Path, pointers: Path, umask: int
) -> None:
    program = f"""
        os.umask({umask})
        trail = open_trail(a_run(project), pointers)
        trail.stderr("x")
        trail.state(ended(a_run(project)))
        trail.close()
    """
    _run(program, project, pointers)
    paths = [pointers, *pointers.rglob("*"), *(project / ".codex").rglob("*"), project / ".codex"]
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in paths}
    assert len(paths) == 11
    assert modes == {(True, 0o700), (False, 0o600)}


def test_a_folder_that_others_could_read_is_closed_to_them(project: Path, pointers: Path) -> None:
    folder = default_audit_dir(project)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    open_trail(a_run(project), pointers).close()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_trail_holds_one_descriptor(project: Path, pointers: Path) -> None:
    def held() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number matters

    before = held()
    trails = [open_trail(a_run(project, f"r{number}"), pointers) for number in range(20)]
    for trail in trails:
        trail.event(command())
        trail.stderr("x")
    assert held() == before + 20
    for trail in trails:
        trail.close()
    assert held() == before


def test_without_descriptors_a_trail_degrades_and_recovers(project: Path, pointers: Path) -> None:
    run = a_run(project)
    open_trail(run, pointers).close()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - their numbers matter
    blockers = [os.dup(0) for _ in range(64)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(in_use, *blockers) + 1, limits[1]))
    try:
        trail = AuditTrail.reopen(run, pointer_dir=pointers, redactor=Redactor())
        trail.event(command())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in blockers:
            os.close(descriptor)
    assert trail.lost == 1
    trail.state(ended(run))
    trail.close()
    (entry,) = (each for each in entries(pointers, POINTER_INDEX) if each.status == "completed")
    assert entry.thread_id == "thread-of-r-1"
    assert [each["state"] for each in scan([default_audit_dir(project)])] == ["completed"]
