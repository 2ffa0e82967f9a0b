from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.home.applying import apply
from codexmcp.home.mcp_plans import plan_add_server, plan_remove_server, servers_of
from codexmcp.home.mcp_servers import McpServer

SERVER = McpServer("files", command=("server", "/x"))
THEIRS = '# mine\r\nmodel = "m"\r\n\r\n[mcp_servers.own]\r\ncommand = "own"'


def config(home: Path) -> Path:
    return home / "config.toml"


def test_removing_a_server_undoes_adding_it(tmp_path: Path) -> None:
    config(tmp_path).write_bytes(THEIRS.encode())
    apply(plan_add_server(tmp_path, SERVER).changes)
    assert plan_add_server(tmp_path, SERVER).changes == []
    assert [(each.server.name, each.is_managed) for each in servers_of(tmp_path)] == [
        ("own", False),
        ("files", True),
    ]
    apply(plan_remove_server(tmp_path, "files").changes)
    assert config(tmp_path).read_bytes() == THEIRS.encode()


def test_each_server_is_a_block_of_its_own(tmp_path: Path) -> None:
    servers = [replace(SERVER, name=name) for name in ("a", "b.c", "d/e")]
    for server in servers:
        apply(plan_add_server(tmp_path, server).changes)
    apply(plan_remove_server(tmp_path, "b.c").changes)
    assert [each.server.name for each in servers_of(tmp_path)] == ["a", "d/e"]


def test_a_server_of_that_name_is_only_replaced_when_asked(tmp_path: Path) -> None:
    apply(plan_add_server(tmp_path, SERVER).changes)
    other = replace(SERVER, command=("other",))
    with pytest.raises(ConfigurationError, match=r"written differently.*--replace"):
        plan_add_server(tmp_path, other)
    apply(plan_add_server(tmp_path, other, replace=True).changes)
    assert [each.server.command for each in servers_of(tmp_path)] == [("other",)]


def test_a_server_of_somebody_else_is_neither_changed_nor_removed(tmp_path: Path) -> None:
    config(tmp_path).write_bytes(THEIRS.encode())
    own = replace(SERVER, name="own")
    with pytest.raises(ConfigurationError, match="by somebody else; give --replace"):
        plan_add_server(tmp_path, own)
    with pytest.raises(ConfigurationError, match=r"was not written by codexmcp.*--any"):
        plan_remove_server(tmp_path, "own")
    (change,) = plan_remove_server(tmp_path, "own", replace=True).changes
    assert change.after == b'# mine\r\nmodel = "m"\r\n\r\n'
    apply(plan_add_server(tmp_path, own, replace=True).changes)
    assert [(each.server, each.is_managed) for each in servers_of(tmp_path)] == [(own, True)]


def test_lines_that_somebody_has_edited_are_only_lost_when_asked(tmp_path: Path) -> None:
    apply(plan_add_server(tmp_path, SERVER).changes)
    text = config(tmp_path).read_text()
    config(tmp_path).write_text(text.replace("/x", "/y"))
    with pytest.raises(ConfigurationError, match=r"line 1: .*edited.*--replace"):
        plan_remove_server(tmp_path, "files")
    apply(plan_remove_server(tmp_path, "files", replace=True).changes)
    assert config(tmp_path).read_text() == ""


def test_a_server_that_is_not_there_is_an_error_that_names_the_others(tmp_path: Path) -> None:
    config(tmp_path).write_bytes(THEIRS.encode())
    with pytest.raises(ConfigurationError, match="there are: own"):
        plan_remove_server(tmp_path, "gone")


def test_a_broken_config_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    config(tmp_path).write_text("a = 1\nb =\n")
    with pytest.raises(ConfigurationError, match=r"config\.toml: .*line 2"):
        plan_add_server(tmp_path, SERVER)
    with pytest.raises(ConfigurationError, match=r"config\.toml: .*line 2"):
        servers_of(tmp_path)


REWRITTEN = """\
model = "m"

[mcp_servers.files]
command = "server"
args = ["/x"]

[mcp_servers.theirs]
command = "x"
# <<< codexmcp: mcp-server/files <<<
[other]
"""
"""What `codex mcp add theirs -- x` makes of a home with a block of ours (measured on 0.163.0)."""


def test_what_codex_leaves_of_our_markers_stands_in_nobody_s_way(tmp_path: Path) -> None:
    config(tmp_path).write_text(REWRITTEN)
    assert [(each.server.name, each.is_managed) for each in servers_of(tmp_path)] == [
        ("files", False),
        ("theirs", False),
    ]
    apply(plan_add_server(tmp_path, SERVER, replace=True).changes)
    apply(plan_add_server(tmp_path, replace(SERVER, name="more")).changes)
    assert {each.server.name: each.is_managed for each in servers_of(tmp_path)} == {
        "theirs": False,
        "files": True,
        "more": True,
    }
    for name in ("files", "more", "theirs"):
        apply(plan_remove_server(tmp_path, name, replace=True).changes)
    assert config(tmp_path).read_text() == 'model = "m"\n\n[other]\n'


FILES = "mcp-server/files"
BEGIN, END = f"# >>> codexmcp: {FILES} >>>\n", f"# <<< codexmcp: {FILES} <<<"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (BEGIN, ""),
        (END, ""),
        (BEGIN, BEGIN + BEGIN),
        (END, f"{END}\n{END}"),
        (END, f"{BEGIN}{END}\n{END}"),
    ],
)
def test_markers_that_codex_does_not_break_are_an_error_with_file_and_line(
    tmp_path: Path, old: str, new: str
) -> None:
    config(tmp_path).write_text('[mcp_servers.own]\ncommand = "own"\n')
    apply(plan_add_server(tmp_path, SERVER).changes)
    text = config(tmp_path).read_text()
    assert old in text
    config(tmp_path).write_text(text.replace(old, new))
    other = replace(SERVER, name="other")
    for act in (
        lambda: plan_add_server(tmp_path, other),
        lambda: plan_remove_server(tmp_path, "files", replace=True),
        lambda: servers_of(tmp_path),
    ):
        with pytest.raises(ConfigurationError, match=r"config\.toml, line \d+: "):
            act()


def test_a_server_that_cannot_be_taken_out_is_left_as_it_is(tmp_path: Path) -> None:
    config(tmp_path).write_text('mcp_servers = {a = {command = "x"}}\n')
    with pytest.raises(ConfigurationError, match="delete it by hand"):
        plan_remove_server(tmp_path, "a", replace=True)
