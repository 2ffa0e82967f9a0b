from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.extension.files import (
    Package,
    code_program,
    expect_script,
    install_arguments,
    new_package,
    packages,
)


def test_the_newest_package_comes_first_and_links_do_not_count(tmp_path: Path) -> None:
    for number, name in enumerate(["b.vsix", "a.vsix", "c.zip"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(number, number))
    (tmp_path / "link.vsix").symlink_to("/etc/hostname")
    (tmp_path / "folder.vsix").mkdir()

    assert [package.name for package in packages(tmp_path)] == ["a.vsix", "b.vsix"]


def test_a_package_is_new_when_it_was_written_again() -> None:
    old = Package("a.vsix", 1, 10, 7)
    again = Package("a.vsix", 2, 10, 7)

    assert new_package([old], [old]) is None
    assert new_package([old], [again]) == again
    assert new_package([], [again, old]) == again


def test_a_missing_script_is_told_with_those_there_are() -> None:
    expect_script(b'{"scripts": {"compile": "tsc"}}', "compile", Path("/x"))
    with pytest.raises(WorkspaceError, match=r"has no script 'package' \(it has: compile, test\)"):
        expect_script(b'{"scripts": {"test": "", "compile": ""}}', "package", Path("/x"))
    with pytest.raises(WorkspaceError, match="it has: none"):
        expect_script(b"[]", "package", Path("/x"))
    with pytest.raises(WorkspaceError, match="not valid JSON"):
        expect_script(b"{", "package", Path("/x"))


def test_windows_has_another_command_and_refuses_what_cmd_would_take_apart() -> None:
    assert code_program("nt") == "code.cmd"
    assert code_program("posix") == "code"
    assert install_arguments(Path("/x/a&b.vsix"), "posix") == [
        "--install-extension",
        "/x/a&b.vsix",
        "--force",
    ]
    assert install_arguments(Path("C:/x y/a-1.0.vsix"), "nt")[1].endswith("a-1.0.vsix")
    for name in ("a&calc.vsix", "%PATH%.vsix", 'a".vsix', "a^.vsix", "a(b).vsix"):
        with pytest.raises(WorkspaceError, match="rename it"):
            install_arguments(Path("C:/x", name), "nt")
