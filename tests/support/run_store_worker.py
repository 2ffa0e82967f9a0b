"""A process that works on a store of runs, for tests that need several or that end one.

Run as `python -m tests.support.run_store_worker STEP PATH [OWNER]`; each step prints its lines.
"""

from __future__ import annotations

import itertools
import os
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codexmcp.errors import StoreError
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import ACTIVE, RunState
from codexmcp.runs.store import Change, Limits, Selection
from tests.support.run_stores import running, submission

LIMITS = Limits(total=4, per_key=2)
_NOBODY = 65534


def main() -> None:
    """Take one step."""
    step, path, *rest = sys.argv[1:]
    if step == "work":
        work(Path(path), rest[0])
    elif step == "write":
        write(Path(path))
    elif step == "be-limited":
        be_limited(Path(path), int(rest[0]))
    elif step == "be-refused":
        be_refused(Path(path), rest[0])


def work(path: Path, owner: str) -> None:
    """Open the store when told to, claim and complete runs until none waits; print their ids."""
    say("ready")
    sys.stdin.readline()
    store = SqliteStore(path, patience_s=20.0)
    while store.counts("g").get(RunState.QUEUED):
        if (run := store.claim(owner, "g", LIMITS, 200.0)) is None:
            continue
        say(run.id)
        active = store.select(Selection(states=ACTIVE, limit=1000))
        most = max(Counter(each.key for each in active).values())
        if len(active) > LIMITS.total or most > LIMITS.per_key:
            say("too many")
        store.change(run.id, RunState.RUNNING, by=run.claim)
        store.change(run.id, RunState.COMPLETED, by=run.claim)
    store.close()


def write(path: Path) -> None:
    """Take runs through their states without end; print each change once it is made."""
    store = SqliteStore(path)
    for number in itertools.count():
        run_id = f"r{number}"
        store.add(submission(run_id, prompt="p" * (number * 997 % 20_000)))
        say(f"{run_id} queued")
        store.claim("o", "g", Limits(), 200.0)
        say(f"{run_id} starting")
        store.change(run_id, RunState.RUNNING, Change(turn_id=f"turn of {run_id}"))
        say(f"{run_id} running")
        ending = Change(message=f"done {run_id}" * 500, ended_at=300.0)
        store.change(run_id, RunState.COMPLETED, ending)
        say(f"{run_id} completed")


def be_limited(path: Path, limit_bytes: int) -> None:
    """Do steps until files may not grow, check what is left, and go on when they may again."""
    with largest_file(limit_bytes):
        try:
            store = SqliteStore(path)
        except StoreError as error:
            say(f"opening: {error}")
            store = None
    # Opened anew, as after a restart: whatever was half made must not be in the way.
    before = running(store := store or SqliteStore(path), "a")
    with largest_file(limit_bytes):
        for number in range(20):
            ending = Change(message=f"{number}" * 20_000, ended_at=float(number))
            try:
                before = store.change("a", RunState.WAITING_FOR_APPROVAL, ending)
                before = store.change("a", RunState.RUNNING, Change(reason="approved"))
            except StoreError as error:
                say(f"changing: {error}")
    assert store.get("a") == before
    assert store.counts("g") == {before.state: 1}
    store.close()
    store = SqliteStore(path)
    assert store.get("a") == before
    store.change("a", RunState.COMPLETED)
    store.close()
    say("whole")


def be_refused(path: Path, what: str) -> None:
    """Use a store whose folder or file may not be written; print the error."""
    SqliteStore(path).close()
    if what == "new":
        path.unlink()
    folder = path.parent
    if os.geteuid() == 0:  # may write everywhere
        for each in (folder, *folder.iterdir()):
            os.chown(each, _NOBODY, _NOBODY)
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    if what == "file":
        path.chmod(0o400)
    else:
        folder.chmod(0o555)
    try:
        SqliteStore(path).add(submission("a"))
    except StoreError as error:
        say(str(error))


@contextmanager
def largest_file(limit_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size. Python ignores SIGXFSZ, so writing fails with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
