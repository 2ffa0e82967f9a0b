"""The roots, and the tools that list and read files in them, on real files."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

from codexmcp.errors import ConfigurationError, WorkspaceError
from codexmcp.workspace.files.answers import shown
from codexmcp.workspace.files.schemas import MAX_READ_OFFSET_BYTES
from codexmcp.workspace.paths.roots import Roots
from tests.support.workspace_tools import Tools, fill, move, tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill(tmp_path / "root", {"src/a.py": "def a():\n    pass\n", "README.md": "# R\n"})


@pytest.fixture
def tools(root: Path) -> Tools:
    return Tools(root)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# Roots


def test_without_a_setting_the_servers_folder_is_the_root(root: Path) -> None:
    assert Roots.parse(None, root).paths == (root,)
    assert Roots.parse(" : ", root).paths == (root,)


def test_several_roots_are_named_with_colons_and_may_be_relative(root: Path) -> None:
    roots = Roots.parse(f"src:{root}:{root}/", root)
    assert roots.paths == (root / "src", root)


@pytest.mark.parametrize("name", ["nope", "README.md"])
def test_a_root_that_is_no_folder_is_told_at_the_start(root: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} cannot be served .*AGENTOS_FS_ROOTS"):
        Roots.parse(name, root)


async def test_a_root_given_by_a_link_is_reached_by_both_names(root: Path) -> None:
    alias = root.parent / "alias"
    alias.symlink_to(root)
    tools = Tools(alias)
    for path in (alias / "README.md", root / "README.md"):
        assert (await tools("read", path=str(path)))["content"] == "# R\n"


async def test_paths_in_further_roots_are_absolute_and_lead_there_again(root: Path) -> None:
    other = fill(root.parent / "other", {"x/y.txt": "why\n"})
    tools = Tools(root, other)
    found = (await tools("search", path=str(other), pattern="why"))["matches"][0]["path"]
    assert found == str(other / "x/y.txt")
    assert (await tools("read", path=found))["content"] == "why\n"


async def test_a_root_that_is_replaced_counts_and_one_that_is_gone_is_told(root: Path) -> None:
    tools = Tools(root)
    move(root, "old")
    with pytest.raises(WorkspaceError, match="cannot be opened: No such file"):
        await tools("list")
    fill(root, {"new": ""})
    assert [entry["name"] for entry in (await tools("list"))["entries"]] == ["new"]


def test_a_folder_in_the_roots_is_given_open_for_a_child_process(root: Path) -> None:
    roots = Roots.parse(str(root), Path("/"))
    with roots.open_dir(roots.locate("src")) as folder:
        assert folder.path == str(root / "src")
        assert folder.child_cwd is not None
        listed = subprocess.run(["/bin/ls"], cwd=folder.child_cwd, capture_output=True, check=True)
        assert listed.stdout == b"a.py\n"
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(folder.fd)


async def test_what_is_withheld_is_not_touched_wherever_it_lies(root: Path) -> None:
    fill(root, {"secret/token": "t0ken", "one": "t0ken"})
    (root / "other").hardlink_to(root / "one")
    tools = Tools(root, withheld=(root / "secret", root / "one", root / "missing"))
    for path in ("secret/token", "one", "other"):
        with pytest.raises(WorkspaceError, match="belongs to the server itself"):
            await tools("read", path=path)
        with pytest.raises(WorkspaceError, match="belongs to the server itself"):
            await tools("write", path=path, content="")
    with pytest.raises(WorkspaceError, match="belongs to the server itself"):
        await tools("list", path="secret")
    assert "t0ken" not in str(await tools("search", pattern="t0k"))
    assert "token" not in str(await tools("list", depth=3))


# Listing


async def test_a_listing_is_sorted_and_tells_kinds_sizes_and_times(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to("/etc")
    os.utime(root / "README.md", (0, 0))
    entries = (await Tools(root)("list"))["entries"]
    assert [(entry["name"], entry["kind"]) for entry in entries] == [
        ("README.md", "file"),
        ("link", "link"),
        ("pipe", "named pipe"),
        ("src", "folder"),
    ]
    assert entries[0]["size_bytes"] == 4
    assert entries[0]["modified"] == "1970-01-01T00:00:00Z"


async def test_pages_put_together_are_the_whole_tree_at_any_size(root: Path) -> None:
    fill(root, {f"{a}/{b}/{c}.txt": "" for a in "xyz" for b in "pq-" for c in range(3)})
    fill(root, {"x-": "", "x.": "", ".git/config": "", "sub/.git/config": ""})
    fill(root, {os.fsdecode(b"\xff\xfe/\xfd"): ""})
    tools = Tools(root)
    whole = (await tools("list", depth=4, limit=2000))["entries"]
    assert len(whole) == len({entry["name"] for entry in whole})
    expected = {shown(name) for name in tree(root) if "/.git/" not in f"/{name}"}
    assert {entry["name"] for entry in whole} == expected
    for limit in (1, 2, 7):
        entries, cursor = [], ""
        while cursor is not None:
            page = await tools("list", depth=4, limit=limit, cursor=cursor)
            assert len(page["entries"]) <= limit
            entries += page["entries"]
            assert len(entries) <= len(whole)
            cursor = page["next_cursor"]
        assert entries == whole


async def test_names_that_are_not_unicode_are_shown_escaped_and_say_so(root: Path) -> None:
    fill(root, {os.fsdecode(b"src/\xff"): ""})
    entry = (await Tools(root)("list", path="src"))["entries"][-1]
    assert (entry["name"], entry["is_name_escaped"]) == ("\\xff", True)


async def test_what_is_in_the_way_of_a_listing_is_told(root: Path, tools: Tools) -> None:
    for path, word in (("README.md", "is a file, not a folder"), ("no", "does not exist")):
        with pytest.raises(WorkspaceError, match=word):
            await tools("list", path=path)


# Reading


async def test_a_whole_file_is_read_with_its_hash(tools: Tools) -> None:
    answer = await tools("read", path="src/a.py")
    data = b"def a():\n    pass\n"
    assert answer == {
        "path": "src/a.py",
        "encoding": "utf-8",
        "content": data.decode(),
        "offset_bytes": 0,
        "next_offset_bytes": None,
        "size_bytes": len(data),
        "sha256": _sha256(data),
    }


async def test_pieces_of_a_large_file_put_together_are_the_file(root: Path) -> None:
    text = "Zeile mit ß, € und 😀\n" * 5000
    fill(root, {"large": text})
    tools = Tools(root)
    pieces, offset = [], 0
    while offset is not None:
        answer = await tools("read", path="large", offset_bytes=offset, limit_bytes=10_001)
        assert answer["sha256"] is None
        pieces.append(answer["content"])
        offset = answer["next_offset_bytes"]
    assert "".join(pieces) == text


async def test_of_a_huge_file_only_the_piece_is_read(root: Path) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"here")
    answer = await Tools(root)("read", path="huge", offset_bytes=1 << 39, limit_bytes=4)
    assert (answer["content"], answer["size_bytes"]) == ("here", 1 << 40)
    assert answer["next_offset_bytes"] == (1 << 39) + 4


async def test_behind_the_end_of_a_file_there_is_nothing(tools: Tools) -> None:
    answer = await tools("read", path="README.md", offset_bytes=100)
    assert (answer["content"], answer["next_offset_bytes"]) == ("", None)


async def test_the_largest_offset_that_is_allowed_is_behind_the_end(root: Path) -> None:
    answer = await Tools(root)(
        "read", path="README.md", offset_bytes=MAX_READ_OFFSET_BYTES, limit_bytes=1 << 20
    )
    assert (answer["content"], answer["next_offset_bytes"]) == ("", None)
    with pytest.raises(jsonschema.ValidationError, match="maximum"):
        await Tools(root)("read", path="README.md", offset_bytes=MAX_READ_OFFSET_BYTES + 1)


async def test_what_is_no_text_is_refused_as_text_and_comes_in_base64(root: Path) -> None:
    data = bytes(range(256))
    fill(root, {"image": data})
    tools = Tools(root)
    with pytest.raises(WorkspaceError, match=r'is binary: .* `encoding` "base64"'):
        await tools("read", path="image")
    answer = await tools("read", path="image", encoding="base64")
    assert base64.b64decode(answer["content"]) == data


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_told(root: Path, tools: Tools) -> None:
    (root / "README.md").chmod(0)
    with pytest.raises(WorkspaceError, match="not readable"):
        await tools("read", path="README.md")
