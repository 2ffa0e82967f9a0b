"""The tools that write and edit files, on real files."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files import put
from codexmcp.workspace.paths import confined_writing
from tests.support.workspace_tools import Tools, fill, tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill(tmp_path / "root", {"src/a.py": "def a():\n    pass\n", "README.md": "# R\n"})


@pytest.fixture
def tools(root: Path) -> Tools:
    return Tools(root)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_a_file_is_written_new_and_over(root: Path, tools: Tools) -> None:
    first = await tools("write", path="new.txt", content="é\n")
    assert first == {
        "path": "new.txt",
        "size_bytes": 3,
        "sha256": _sha256("é\n".encode()),
        "is_new": True,
    }
    assert (await tools("write", path="new.txt", content=""))["is_new"] is False
    assert (root / "new.txt").read_bytes() == b""


async def test_bytes_are_written_from_base64(root: Path, tools: Tools) -> None:
    data = bytes(range(256))
    content = base64.b64encode(data).decode()
    await tools("write", path="b", content=content, encoding="base64")
    assert (root / "b").read_bytes() == data
    for wrong in ("!", "QQ"):
        with pytest.raises(WorkspaceError, match="not base64"):
            await tools("write", path="b", content=wrong, encoding="base64")
    assert (root / "b").read_bytes() == data


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
async def test_the_mode_of_a_file_is_kept(root: Path, tools: Tools, mode: int) -> None:
    (root / "README.md").chmod(mode)
    await tools("write", path="README.md", content="x")
    await tools("replace", path="README.md", old_text="x", new_text="y")
    assert stat.S_IMODE((root / "README.md").stat().st_mode) == mode


async def test_a_new_file_gets_the_mode_that_the_umask_leaves(root: Path, tools: Tools) -> None:
    (root / "usual").touch()
    await tools("write", path="new", content="x")
    assert (root / "new").stat().st_mode == (root / "usual").stat().st_mode


async def test_missing_folders_are_made_only_when_asked_for(root: Path, tools: Tools) -> None:
    with pytest.raises(WorkspaceError, match="folder x does not exist; set `create_parents`"):
        await tools("write", path="x/y/z", content="1")
    assert not (root / "x").exists()
    await tools("write", path="x/y/z", content="1", create_parents=True)
    assert (root / "x/y/z").read_text() == "1"


async def test_folders_that_were_made_go_again_when_the_file_cannot_be_written(
    root: Path, tools: Tools
) -> None:
    before = tree(root)
    with pytest.raises(WorkspaceError, match="device name on Windows"):
        await tools("write", path="src/x/y/nul.txt", content="1", create_parents=True)
    with pytest.raises(WorkspaceError, match="composed form"):
        await tools("write", path="src/x/e\u0301/z", content="1", create_parents=True)
    assert tree(root) == before


async def test_existing_files_with_odd_names_can_be_written(root: Path, tools: Tools) -> None:
    for name in ("a:b", "nul", "what?", "e\u0301", "back\\slash"):
        fill(root, {f"{name}/{name}": "old"})
        await tools("write", path=f"{name}/{name}", content="new")
        assert (root / name / name).read_text() == "new"


async def test_a_file_that_must_not_exist_is_not_touched(root: Path, tools: Tools) -> None:
    await tools("write", path="n", content="1", must_not_exist=True)
    for path in ("n", "README.md"):
        before = (root / path).read_bytes()
        with pytest.raises(WorkspaceError, match="exists already"):
            await tools("write", path=path, content="2", must_not_exist=True)
        assert (root / path).read_bytes() == before


async def test_a_file_is_written_over_only_when_it_is_the_expected_one(
    root: Path, tools: Tools
) -> None:
    known = (await tools("read", path="README.md"))["sha256"]
    await tools("write", path="README.md", content="mine", expected_sha256=known.upper())
    with pytest.raises(WorkspaceError, match="another SHA-256"):
        await tools("write", path="README.md", content="stale", expected_sha256=known)
    with pytest.raises(WorkspaceError, match="does not exist, and it was expected"):
        await tools("write", path="none", content="stale", expected_sha256=known)
    assert (root / "README.md").read_text() == "mine"
    assert not (root / "none").exists()


async def test_a_file_under_several_names_is_not_parted(root: Path, tools: Tools) -> None:
    outside = fill(root.parent, {"outside": "theirs"}) / "outside"
    (root / "inside").hardlink_to(outside)
    for call in (
        tools("write", path="inside", content="ours"),
        tools("replace", path="inside", old_text="theirs", new_text="ours"),
    ):
        with pytest.raises(WorkspaceError, match="2 names"):
            await call
    assert outside.read_text() == "theirs"
    assert (root / "inside").samefile(outside)


async def test_a_file_that_is_read_only_stays(root: Path, tools: Tools) -> None:
    (root / "README.md").chmod(0o444)
    with pytest.raises(WorkspaceError, match="read-only"):
        await tools("write", path="README.md", content="x")
    assert (root / "README.md").read_text() == "# R\n"


@pytest.mark.parametrize("path", ["src", ".", "pipe", "link", "link/x", "README.md/x"])
async def test_only_a_file_is_written(root: Path, tools: Tools, path: str) -> None:
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to("src")
    before = (await tools("list", depth=3))["entries"]
    with pytest.raises(WorkspaceError, match=r"is a (folder|named pipe|symbolic link|file)"):
        await tools("write", path=path, content="x", create_parents=True)
    assert (await tools("list", depth=3))["entries"] == before


@pytest.mark.parametrize(
    "path", [".git/config", "sub/.GIT/hooks/x", ".git", "a/git~1/x", ".git /x"]
)
async def test_nothing_is_written_where_git_would_run_it(
    root: Path, tools: Tools, path: str
) -> None:
    before = tree(root)
    with pytest.raises(WorkspaceError, match="belongs to git"):
        await tools("write", path=path, content="x", create_parents=True)
    assert tree(root) == before


async def test_a_bare_repository_is_known_by_what_is_in_it(root: Path, tools: Tools) -> None:
    fill(root, {"repo/HEAD": "", "repo/objects/x": "", "repo/refs/x": "", "repo/hooks/x": "#!"})
    for path in ("repo/config", "repo/hooks/x", "repo/new/x"):
        with pytest.raises(WorkspaceError, match="repo belongs to git"):
            await tools("write", path=path, content="x", create_parents=True)
    with pytest.raises(WorkspaceError, match="repo belongs to git"):
        await tools("replace", path="repo/hooks/x", old_text="#!", new_text="#!/bin/sh")


async def test_a_folder_that_the_file_system_also_finds_as_git_is_refused(
    root: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the name were a spelling that only the file system knows.
    monkeypatch.setattr(confined_writing, "is_git_name", lambda _: False)
    fill(root, {".git/config": "", "other/config": ""})
    await tools("write", path="other/config", content="x")
    with pytest.raises(WorkspaceError, match="belongs to git"):
        await tools("write", path=".git/config", content="x")
    assert (root / ".git/config").read_text() == ""


async def test_what_is_too_large_or_no_text_is_not_written(root: Path, tools: Tools) -> None:
    before = tree(root)
    with pytest.raises(WorkspaceError, match="is the most"):
        await tools("write", path="x", content="x" * (16 * 1024 * 1024 + 1))
    with pytest.raises(WorkspaceError, match="surrogate"):
        await tools("write", path="x", content="\udc80")
    assert tree(root) == before


def _no_links(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("link", [os.link, _no_links], ids=["links", "no links"])
async def test_a_file_system_that_cannot_do_without_names_serves_as_well(
    root: Path, monkeypatch: pytest.MonkeyPatch, link: Callable[..., None]
) -> None:
    monkeypatch.setattr(put, "_UNNAMED", 0)
    monkeypatch.setattr(os, "link", link)
    tools = Tools(root)
    await tools("write", path="new", content="1", must_not_exist=True)
    with pytest.raises(WorkspaceError, match="exists already"):
        await tools("write", path="new", content="2", must_not_exist=True)
    await tools("write", path="new", content="3")
    await tools("replace", path="new", old_text="3", new_text="4")
    assert tree(root) == {"README.md": "b'# R\\n'", "new": "b'4'", "src": "folder"} | {
        "src/a.py": repr(b"def a():\n    pass\n")
    }


# Replacing a snippet


async def test_a_snippet_is_replaced_and_every_other_byte_stays(root: Path, tools: Tools) -> None:
    data = b"\xef\xbb\xbfone\r\ntwo \xff\0\r\nthree"
    fill(root, {"x": data})
    answer = await tools("replace", path="x", old_text="two ", new_text="deux €")
    assert (root / "x").read_bytes() == data.replace(b"two ", "deux €".encode())
    assert answer["line"] == 2
    assert answer["sha256"] == _sha256((root / "x").read_bytes())


@pytest.mark.parametrize(
    ("old", "word"), [("nope", "occurs 0 times"), ("a", "occurs 2 times"), ("A()", "occurs 0")]
)
async def test_a_snippet_that_is_not_there_once_leaves_the_very_file(
    root: Path, tools: Tools, old: str, word: str
) -> None:
    before = (root / "src/a.py").stat()
    with pytest.raises(WorkspaceError, match=word):
        await tools("replace", path="src/a.py", old_text=old, new_text="b")
    after = (root / "src/a.py").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_replacing_in_a_file_that_is_missing_makes_none(root: Path, tools: Tools) -> None:
    before = tree(root)
    with pytest.raises(WorkspaceError, match="does not exist"):
        await tools("replace", path="x", old_text="a", new_text="b")
    assert tree(root) == before


async def test_an_edit_that_makes_a_file_too_large_is_not_made(root: Path, tools: Tools) -> None:
    fill(root, {"x": "x" * (15 * 1024 * 1024) + "end"})
    with pytest.raises(WorkspaceError, match="would have"):
        await tools("replace", path="x", old_text="end", new_text="y" * 2 * 1024 * 1024)
    assert (root / "x").stat().st_size == 15 * 1024 * 1024 + 3


async def test_ten_writers_of_one_new_file_leave_one_of_their_texts(
    root: Path, tools: Tools
) -> None:
    texts = [str(number) * 100_000 for number in range(10)]
    await asyncio.gather(*(tools("write", path="new", content=text) for text in texts))
    assert (root / "new").read_text() in texts
    assert sorted(tree(root)) == ["README.md", "new", "src", "src/a.py"]


async def test_of_ten_that_want_a_new_file_one_gets_it(root: Path, tools: Tools) -> None:
    calls = [
        tools("write", path="new", content=str(number), must_not_exist=True) for number in range(10)
    ]
    done = await asyncio.gather(*calls, return_exceptions=True)
    won = [number for number, answer in enumerate(done) if isinstance(answer, dict)]
    assert len(won) == 1
    assert (root / "new").read_text() == str(won[0])
    assert all("exists already" in str(each) for each in done if not isinstance(each, dict))


async def test_of_ten_edits_at_once_all_that_succeed_are_in_the_file(
    root: Path, tools: Tools
) -> None:
    fill(root, {"x": "".join(f"<{number}>\n" for number in range(10))})
    calls = [
        tools("replace", path="x", old_text=f"<{number}>", new_text=f"[{number}]")
        for number in range(10)
    ]
    done = await asyncio.gather(*calls, return_exceptions=True)
    won = {number for number, answer in enumerate(done) if isinstance(answer, dict)}
    assert won
    text = (root / "x").read_text()
    assert text == "".join(f"[{n}]\n" if n in won else f"<{n}>\n" for n in range(10))
    lost = [each for each in done if not isinstance(each, dict)]
    assert all("changed by another program" in str(each) for each in lost)
