"""Nothing gets out of the roots: neither by a path, nor by who swaps things meanwhile."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.writing import WriteConditions, write_file
from codexmcp.workspace.paths.roots import Roots
from tests.support.builds import CHECKOUT
from tests.support.workspace_paths import SECRET, make_tree, paths
from tests.support.workspace_tools import Tools, fill, tree

PATHS = 100_000
BOUND_S = 20.0
ENOUGH = 50


def _where(fd: int) -> str:
    """Return what the kernel says that a descriptor is of."""
    return str(Path(f"/proc/self/fd/{fd}").readlink())


def _try_file(roots: Roots, path: str) -> str:
    with roots.open_file(roots.locate(path)) as (file, _):
        assert os.pread(file, 100, 0).decode() != SECRET
        return _where(file)


def _try_folder(roots: Roots, path: str) -> str:
    with roots.open_dir(roots.locate(path)) as folder:
        return _where(folder.fd)


def _try_write(roots: Roots, path: str) -> str:
    place = roots.locate(path)
    write_file(roots, place, b"written", WriteConditions(create_parents=True))
    with roots.open_file(place) as (file, _):
        return _where(file)


def test_of_a_hundred_thousand_paths_none_leads_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_tree(tmp_path.resolve())
    outside = _outside(root)
    git = tree(root / ".git") | tree(root / "bare")
    roots = Roots.parse(str(root), Path("/"))
    monkeypatch.setattr(os, "fsync", lambda _: None)
    opened = Counter[str]()
    for number, path in enumerate(paths(root, PATHS, seed=6)):
        tries = [_try_file, _try_folder] + [_try_write] * (number % 10 == 0)
        for attempt in tries:
            try:
                place = attempt(roots, path)
            except WorkspaceError:
                continue
            assert place == str(root) or place.startswith(f"{root}/"), path
            opened[attempt.__name__] += 1
    assert _outside(root) == outside
    assert tree(root / ".git") | tree(root / "bare") == git
    assert min(opened[attempt.__name__] for attempt in (_try_file, _try_folder, _try_write)) > 500


def _outside(root: Path) -> dict[str, str]:
    found = {}
    for entry in root.parent.iterdir():
        if entry != root:
            found[entry.name] = str(tree(entry)) if entry.is_dir() else entry.read_text()
    return found


@contextlib.contextmanager
def _swapping(one: Path, other: Path) -> Iterator[None]:
    """Have a process swap two names all the time."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.support.workspace_swapper", str(one), str(other)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdin is not None
        try:
            assert child.stdout.readline() == b"swapping\n"
            yield
        finally:
            child.stdin.close()
            code = child.wait(BOUND_S)
    assert code == 0


async def _until_both(call: Callable[[], Awaitable[object]], check: Callable[[str], None]) -> None:
    """Call until it was answered and refused often enough; check what it answers."""
    until = time.monotonic() + BOUND_S
    outcomes = Counter[bool]()
    while min(outcomes[True], outcomes[False]) < ENOUGH:
        assert time.monotonic() < until, outcomes
        try:
            check(str(await call()))
        except WorkspaceError:
            outcomes[False] += 1
        else:
            outcomes[True] += 1


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder `root/a/b` and, beside it, a link that leads out: these are swapped."""
    files = {"file": "good", "deep/file": "good"}
    fill(tmp_path / "root/a/b", files)
    fill(tmp_path / "outside", dict.fromkeys([*files, "only-outside"], SECRET))
    (tmp_path / "root/link").symlink_to(tmp_path / "outside")
    return tmp_path


@pytest.mark.parametrize("path", ["a/b/file", "a/b/deep/file"])
async def test_reading_while_a_folder_is_swapped_for_a_link_never_leads_out(
    place: Path, path: str
) -> None:
    tools = Tools(place / "root")

    def check(answer: str) -> None:
        assert "good" in answer

    with _swapping(place / "root/a/b", place / "root/link"):
        await _until_both(lambda: tools("read", path=path), check)


async def test_reading_a_file_that_is_swapped_for_a_link_never_leads_out(place: Path) -> None:
    (place / "root/file-link").symlink_to(place / "outside/file")
    tools = Tools(place / "root")

    def check(answer: str) -> None:
        assert "good" in answer

    with _swapping(place / "root/a/b/file", place / "root/file-link"):
        await _until_both(lambda: tools("read", path="a/b/file"), check)


async def test_listing_while_a_folder_is_swapped_for_a_link_never_leads_out(place: Path) -> None:
    tools = Tools(place / "root")

    def check(answer: str) -> None:
        assert "only-outside" not in answer

    with _swapping(place / "root/a/b", place / "root/link"):
        await _until_both(lambda: tools("list", path="a/b", depth=2), check)
        for _ in range(ENOUGH):
            check(str(await tools("list", depth=4)))


async def test_writing_while_a_folder_is_swapped_for_a_link_never_leads_out(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    before = tree(place / "outside")
    tools = Tools(place / "root")
    with _swapping(place / "root/a/b", place / "root/link"):
        for arguments in ({"path": "a/b/file"}, {"path": "a/b/new/x", "create_parents": True}):
            await _until_both(
                lambda arguments=arguments: tools("write", content="good", **arguments),  # type: ignore[misc]
                lambda _: None,
            )
    assert tree(place / "outside") == before


async def test_searching_while_a_folder_is_swapped_for_a_link_never_leads_out(
    place: Path,
) -> None:
    fill(place / "root", {f"a/b/many/{number}": "kept inside" for number in range(200)})
    fill(place / "outside", {f"many/{number}": SECRET for number in range(200)})
    tools = Tools(place / "root")
    seen = 0
    with _swapping(place / "root/a/b", place / "root/link"):
        for _ in range(ENOUGH):
            answer = await tools("search", pattern="kept", limit=1000)
            assert SECRET not in str(answer)
            seen += len(answer["matches"])
    assert seen
