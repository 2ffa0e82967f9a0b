"""The portfolio: listed and read from disk at each call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.portfolio import Portfolio
from codexmcp.workspace.portfolio_tools import portfolio_tools
from tests.support.http_serving import served
from tests.support.tool_answers import fitting
from tests.support.workspace_tools import fill


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(
        tmp_path / "context-portfolio",
        {
            "identity.md": "# Who I am\n\nAda.\n",
            "projects/one two.md": "no heading",
            "Stack.txt": "# Stack\n",
            "same.md": "1",
            "same.txt": "2",
            ".hidden.md": "no",
            ".git/config": "no",
        },
    )


def test_files_are_listed_with_what_is_known_of_them(folder: Path) -> None:
    files = {file.filename: file for file in Portfolio(folder).files()}
    assert [*files] == ["Stack.txt", "identity.md", "projects/one two.md", "same.md", "same.txt"]
    identity = files["identity.md"]
    assert (identity.name, identity.title, identity.size_bytes) == ("identity", "Who I am", 17)
    assert identity.uri == "portfolio://identity.md"
    assert identity.mime_type == "text/markdown"
    assert files["projects/one two.md"].uri == "portfolio://projects/one%20two.md"
    assert files["projects/one two.md"].title is None
    assert files["Stack.txt"].mime_type == "text/plain"
    assert Portfolio(folder).names() == tuple(files)


@pytest.mark.parametrize(
    "name",
    [
        "identity",
        "identity.md",
        "Identity",
        "IDENTITY.MD",
        "portfolio://identity.md",
        "portfolio://identity",
        "Portfolio://IDENTITY.md/",
        "portfolio:///identity.md",
    ],
)
def test_a_file_is_read_by_its_name_filename_or_uri(folder: Path, name: str) -> None:
    file, text = Portfolio(folder).read(name)
    assert (file.filename, text) == ("identity.md", "# Who I am\n\nAda.\n")


def test_every_uri_that_is_listed_can_be_read(folder: Path) -> None:
    portfolio = Portfolio(folder)
    for file in portfolio.files():
        known, text = portfolio.read(file.uri)
        assert known == file
        assert text == (folder / file.filename).read_text()


def test_a_change_on_disk_is_in_the_next_answer(folder: Path) -> None:
    portfolio = Portfolio(folder)
    portfolio.read("identity")
    fill(folder, {"identity.md": "# Changed\n", "new.md": "new"})
    assert portfolio.read("identity")[1] == "# Changed\n"
    assert portfolio.read("new")[1] == "new"
    (folder / "new.md").unlink()
    with pytest.raises(WorkspaceError, match="not in the portfolio"):
        portfolio.read("new")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("nope", "not in the portfolio"),
        ("same", "several files .same.md, same.txt."),
        ("../secret", "not in the portfolio"),
        ("portfolio://..%2Fsecret", "not in the portfolio"),
        ("/etc/passwd", "not in the portfolio"),
        (".hidden.md", "not in the portfolio"),
        ("link.md", "not in the portfolio"),
        ("binary.bin", "is binary"),
    ],
)
def test_what_is_not_in_the_portfolio_is_not_read(folder: Path, name: str, word: str) -> None:
    fill(folder.parent, {"secret": "secret"})
    fill(folder, {"binary.bin": b"\0"})
    (folder / "link.md").symlink_to(folder.parent / "secret")
    with pytest.raises(WorkspaceError, match=word):
        Portfolio(folder).read(name)


def test_an_exact_filename_comes_before_other_case(folder: Path) -> None:
    fill(folder, {"README.md": "upper", "readme.md": "lower"})
    assert Portfolio(folder).read("readme.md")[1] == "lower"
    assert Portfolio(folder).read("README")[1] == "upper"
    with pytest.raises(WorkspaceError, match="several files"):
        Portfolio(folder).read("ReadMe")


def test_without_a_folder_there_are_no_names_and_reading_says_why(tmp_path: Path) -> None:
    portfolio = Portfolio(tmp_path / "none")
    assert portfolio.names() == ()
    with pytest.raises(WorkspaceError, match="does not exist; make it"):
        portfolio.files()


async def test_what_is_withheld_is_not_in_the_portfolio(folder: Path) -> None:
    fill(folder, {"codex/auth.json": "key", "codex/notes.md": "# N\n", "near/a.md": "a"})
    withheld = [folder / "codex"]
    portfolio = Portfolio(folder, withheld)
    assert [name for name in portfolio.names() if "/" in name] == [
        "near/a.md",
        "projects/one two.md",
    ]
    tools = {tool.name: tool for tool in portfolio_tools(folder, withheld)}
    for name in ("codex/auth.json", "codex/notes", "portfolio://codex/auth.json"):
        with pytest.raises(WorkspaceError, match="not in the portfolio"):
            portfolio.read(name)
        with pytest.raises(WorkspaceError, match="not in the portfolio"):
            await tools["read_portfolio_file"].run({"name": name})


async def test_a_server_whose_portfolio_holds_its_codex_home_serves_nothing_of_that(
    codex_home: Path,
) -> None:
    folder = fill(codex_home, {"own/notes.md": "own", "mine.md": "# Mine\n"})
    own = codex_home / "own"
    own.chmod(0o700)
    async with served(own, "--portfolio", str(folder)) as server:
        listed = await server.tool("list_portfolio_files")
        assert [file["filename"] for file in listed["files"]] == ["mine.md"]
        for name in ("own/notes.md", "portfolio://own/notes.md"):
            wanted: dict[str, Any] = {"name": "read_portfolio_file", "arguments": {"name": name}}
            assert b"not in the portfolio" in (await server.rpc("tools/call", **wanted)).body
        resources = (await server.rpc("resources/list")).fields["result"]["resources"]
        assert [each["uri"] for each in resources] == ["portfolio://mine.md"]
        read = await server.rpc("resources/read", uri="portfolio://own/notes.md")
        assert "error" in read.fields


async def test_the_tools_answer_with_names_and_whole_texts(folder: Path) -> None:
    tools = {tool.name: tool for tool in portfolio_tools(folder)}
    listed = fitting("list_portfolio_files", await tools["list_portfolio_files"].run({}))
    assert [file["filename"] for file in listed["files"]] == [*Portfolio(folder).names()]
    read = fitting(
        "read_portfolio_file", await tools["read_portfolio_file"].run({"name": "identity"})
    )
    assert read["content"] == "# Who I am\n\nAda.\n"
    assert read["uri"] == "portfolio://identity.md"
