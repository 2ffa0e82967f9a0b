"""Searching with the real ripgrep, and with programs in its place that lie or never end."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.search.command import Query, find_ripgrep
from codexmcp.workspace.search.searcher import MAX_AT_ONCE, Searcher
from tests.support.processes import is_alive, until
from tests.support.workspace_tools import Tools, fill


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files: dict[str, str | bytes] = {
        "src/a.py": "def hello():\n    return 'Hello, (world)'\n",
        "src/b.txt": "say hello twice: hello\n",
        ".hidden/c": "hello\n",
        ".gitignore": "ignored\n",
        "ignored/d": "hello\n",
        "utf16.txt": "Grüße, hello\nzwei hello\n".encode("utf-16"),
        "bom.txt": b"\xef\xbb\xbfone\nhello bom\n",
        "latin1.txt": "hello Grüße\n".encode("latin-1"),
        "binary": b"\0\0hello\n",
        "-rf": "hello dash\n",
    }
    (tmp_path / "root/.git").mkdir(parents=True)
    return fill(tmp_path / "root", files)


def _places(answer: dict[str, Any]) -> list[tuple[str, int]]:
    return [(match["path"], match["line"]) for match in answer["matches"]]


async def test_text_is_found_with_its_places_in_order(root: Path) -> None:
    answer = await Tools(root)("search", pattern="hello")
    assert _places(answer) == [
        ("-rf", 1),
        ("bom.txt", 2),
        ("latin1.txt", 1),
        ("src/a.py", 1),
        ("src/b.txt", 1),
        ("utf16.txt", 1),
        ("utf16.txt", 2),
    ]
    assert answer["incomplete"] is None
    texts = {match["path"]: match["text"] for match in answer["matches"]}
    assert texts["src/b.txt"] == "say hello twice: hello"
    assert texts["latin1.txt"] == "hello Gr\ufffd\ufffde"
    assert texts["utf16.txt"] == "zwei hello"
    assert answer["matches"][3]["column"] == 5


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ({"pattern": "(world)"}, {"src/a.py"}),
        ({"pattern": "h.llo\\(", "regex": True}, {"src/a.py"}),
        ({"pattern": "HELLO, (WORLD", "ignore_case": True}, {"src/a.py"}),
        ({"pattern": "hello", "globs": ["*.py"]}, {"src/a.py"}),
        ({"pattern": "hello", "globs": ["!*.txt", "!-rf"]}, {"src/a.py"}),
        ({"pattern": "hello", "path": "src", "globs": ["*.txt"]}, {"src/b.txt"}),
        ({"pattern": "hello", "path": "src/b.txt"}, {"src/b.txt"}),
        ({"pattern": "hello", "path": "-rf"}, {"-rf"}),
        ({"pattern": "hello", "include_hidden": True, "globs": ["c"]}, {".hidden/c"}),
        ({"pattern": "hello", "include_ignored": True, "globs": ["d"]}, {"ignored/d"}),
        ({"pattern": "--files"}, set[str]()),
        ({"pattern": "--pre=/bin/sh"}, set[str]()),
        ({"pattern": "hello", "globs": ["--follow"]}, set[str]()),
    ],
    ids=range(13),
)
async def test_a_search_can_be_narrowed_and_widened(
    root: Path, arguments: dict[str, Any], paths: set[str]
) -> None:
    answer = await Tools(root)("search", **arguments)
    assert {match["path"] for match in answer["matches"]} == paths


async def test_links_are_not_followed_and_not_searched(root: Path) -> None:
    fill(root.parent, {"outside/x": "hello outside"})
    (root / "link").symlink_to(root.parent / "outside")
    (root / "src/link.txt").symlink_to(root.parent / "outside/x")
    tools = Tools(root)
    assert "outside" not in str(await tools("search", pattern="hello", include_hidden=True))
    for path in ("link", "src/link.txt", "link/x"):
        with pytest.raises(WorkspaceError, match="symbolic link"):
            await tools("search", pattern="hello", path=path)


async def test_of_what_is_withheld_not_even_a_hit_is_told(root: Path) -> None:
    fill(
        root, {".keys [1]{a}/token": "s3cret\n", "src/token*": "s3cret\n", "src/token": "s3cret\n"}
    )
    withheld = (root / ".keys [1]{a}", root / "src/token*")
    tools = Tools(root, withheld=withheld)
    wide = {"include_hidden": True, "include_ignored": True, "globs": ["**/*", "**/token*"]}
    answer = await tools("search", pattern="s3cret", **wide)
    assert (_places(answer), answer["incomplete"]) == ([("src/token", 1)], None)
    answer = await tools("search", pattern="s3cret", path="src", **wide)
    assert (_places(answer), answer["incomplete"]) == ([("src/token", 1)], None)
    for path in (".keys [1]{a}", "src/token*", ".keys [1]{a}/token"):
        with pytest.raises(WorkspaceError, match="belongs to the server itself"):
            await tools("search", pattern="s3cret", path=path)


async def test_of_more_lines_than_asked_for_some_are_given_and_it_is_said(root: Path) -> None:
    fill(root, {"many": "hello\n" * 5000})
    answer = await Tools(root)("search", pattern="hello", limit=10)
    assert len(answer["matches"]) == 10
    assert answer["incomplete"] == "more than 10 lines match"
    exact = await Tools(root)("search", pattern="hello", path="src", limit=2)
    assert (len(exact["matches"]), exact["incomplete"]) == (2, None)


async def test_of_a_long_line_what_is_around_the_match_is_shown(root: Path) -> None:
    fill(root, {"long": "é" * 100_000 + "needle" + "é" * 100_000 + "\n"})
    match = (await Tools(root)("search", pattern="needle"))["matches"][0]
    assert "éneedleé" in match["text"]
    assert len(match["text"].encode()) <= 400
    assert match["is_part_of_line"]
    assert match["column"] == 200_001


async def test_a_line_of_enormous_length_is_left_out_and_it_is_said(root: Path) -> None:
    fill(root, {"long": "x" * 6_000_000 + "needle\n", "short": "needle\n"})
    answer = await Tools(root)("search", pattern="needle")
    assert _places(answer) == [("short", 1)]
    assert answer["incomplete"] == "1 lines of enormous length were left out"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"pattern": "(", "regex": True}, "unclosed group"),
        ({"pattern": "x", "globs": ["["]}, "unclosed character class"),
        ({"pattern": "a\nb"}, "line break"),
        ({"pattern": "x", "path": "none"}, "does not exist"),
        ({"pattern": "x", "path": "../x"}, "is not followed"),
    ],
    ids=range(5),
)
async def test_what_cannot_be_searched_for_is_told(
    root: Path, arguments: dict[str, Any], word: str
) -> None:
    with pytest.raises(WorkspaceError, match=word):
        await Tools(root)("search", **arguments)


async def test_a_configuration_file_of_ripgrep_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(root.parent, {"rc": "--files\n"})
    monkeypatch.setenv("RIPGREP_CONFIG_PATH", str(root.parent / "rc"))
    assert _places(await Tools(root)("search", pattern="hello", path="src"))


def _program(folder: Path, body: str) -> Path:
    """Make a program in ripgrep's place."""
    program = folder / "program"
    program.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{body}\n")
    program.chmod(0o755)
    return program


def _claim(path: str, text: str, line: int = 1, offset: int = 0) -> str:
    data = {
        "path": {"text": path},
        "lines": {"text": text},
        "line_number": line,
        "absolute_offset": offset,
        "submatches": [{"start": 0, "end": 1}],
    }
    return json.dumps({"type": "match", "data": data}, separators=(",", ":"))


async def test_what_ripgrep_claims_is_shown_only_when_the_file_says_so(root: Path) -> None:
    fill(root.parent, {"outside/x": "hello outside\n"})
    (root / "link").symlink_to(root.parent / "outside")
    claims = [
        _claim("./link/x", "hello outside\n"),
        _claim("../outside/x", "hello outside\n"),
        _claim(str(root.parent / "outside/x"), "hello outside\n"),
        _claim("./src/b.txt", "never there\n"),
        _claim("./none", "hello\n"),
        _claim("./src/a.py", "    return 'Hello, (world)'\n", 2, 13),
    ]
    program = _program(root.parent, f"print({chr(10).join(claims)!r})")
    answer = await Tools(root, ripgrep=program)("search", pattern="hello")
    assert _places(answer) == [("src/a.py", 2)]
    assert "outside" not in str(answer)
    assert answer["incomplete"] == "some files changed while they were searched"


_ENDLESS = """
sys.stdout.write(open(sys.argv[0] + ".out").read())
sys.stdout.flush()
open(f"{sys.argv[0]}.{os.getpid()}", "w").close()
time.sleep(600)
"""


def _endless(folder: Path, output: str) -> Path:
    program = _program(folder, _ENDLESS)
    (folder / "program.out").write_text(output)
    return program


def _pids(program: Path) -> list[int]:
    """Return the process ids of all that have started."""
    found = program.parent.glob("program.*[0-9]")
    return [int(path.suffix[1:]) for path in found]


async def test_a_search_that_takes_too_long_gives_what_it_found_and_ends_its_child(
    root: Path,
) -> None:
    program = _endless(root.parent, _claim("./src/b.txt", "say hello twice: hello\n") + "\n")
    roots = Roots.parse(str(root), Path("/"))
    # Enough for an interpreter to start and write, whoever else is at work.
    searcher = Searcher(roots, program, timeout_s=3.0)
    found = await searcher.search(roots.locate("."), Query("hello"), 10)
    assert [match.line for match in found.matches] == [1]
    assert found.incomplete == "the search took longer than 3 s; narrow it"
    (pid,) = _pids(program)
    assert not is_alive(pid)


async def test_a_caller_that_goes_away_ends_the_child(root: Path) -> None:
    program = _endless(root.parent, "")
    search = asyncio.create_task(Tools(root, ripgrep=program)("search", pattern="x"))
    await until(lambda: _pids(program), "the program runs")
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    assert not is_alive(_pids(program)[0])


async def test_one_search_more_than_there_are_places_waits_and_in_the_end_says_so(
    root: Path,
) -> None:
    program = _endless(root.parent, "")
    roots = Roots.parse(str(root), Path("/"))
    searcher = Searcher(roots, program)
    place = roots.locate(".")
    running = [
        asyncio.create_task(searcher.search(place, Query("x"), 1)) for _ in range(MAX_AT_ONCE)
    ]
    await until(lambda: len(_pids(program)) == MAX_AT_ONCE, "all places are taken")
    searcher._timeout_s = 0.1
    with pytest.raises(WorkspaceError, match="other searches are still running"):
        await searcher.search(place, Query("x"), 1)
    for search in running:
        search.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert not any(map(is_alive, _pids(program)))
    found = await searcher.search(place, Query("x"), 1)
    assert "longer than" in str(found.incomplete)


async def test_a_ripgrep_that_is_killed_is_told(root: Path) -> None:
    program = _program(root.parent, "os.kill(os.getpid(), 9)")
    answer = await Tools(root, ripgrep=program)("search", pattern="x")
    assert answer["incomplete"] == "ripgrep ended unexpectedly (exit code -9); try again"


def _descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


async def test_no_descriptor_is_left_open(root: Path) -> None:
    tools = Tools(root)
    await tools("search", pattern="hello")
    before = _descriptors()
    for path in (".", "src", "src/b.txt"):
        await tools("search", pattern="hello", path=path, limit=1)
        await tools("list", path="src", depth=2)
        await tools("read", path="src/b.txt")
        await tools("write", path="new/x/y", content="", create_parents=True)
    for path in ("none", "src/a.py/x", "new"):
        with pytest.raises(WorkspaceError):
            await tools("read", path=path)
    assert _descriptors() == before


async def test_without_ripgrep_it_is_said_how_to_get_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkspaceError, match=r"ripgrep cannot be started .*No such file"):
        await Tools(root, ripgrep=root / "none")("search", pattern="x")
    monkeypatch.setenv("PATH", str(root))
    monkeypatch.setitem(sys.modules, "codex_cli_bin", None)
    find_ripgrep.cache_clear()
    try:
        with pytest.raises(WorkspaceError, match=r"needs ripgrep.*uv sync"):
            await Tools(root)("search", pattern="x")
    finally:
        find_ripgrep.cache_clear()
