r"""Names and paths of Windows, told on any system."""

from __future__ import annotations

import ntpath
from pathlib import PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.workspace.paths.windows_names import (
    fault_of_windows_name,
    is_windows_path,
    split_windows_path,
)

_LETTERS = st.text(st.sampled_from("aB1 .:\\/?*$cConNuUlL-é"), max_size=8)


def _is_reserved(name: str) -> bool:
    # The method is deprecated where the function is.
    newer = getattr(ntpath, "isreserved", None)
    return bool(newer(name) if newer else PureWindowsPath(name).is_reserved())


@pytest.mark.parametrize(
    "name",
    [
        "CON",
        "nul",
        "Nul.txt",
        "aux .md",
        "com1",
        "LPT9.log.gz",
        "COM¹",
        "lpt³.x",
        "CONIN$",
        "conout$",
        "com0",
        "nul:",
        "nul:stream",
    ],
)
def test_names_of_devices_are_refused_with_any_ending_and_case(name: str) -> None:
    assert "device" in (fault_of_windows_name(name) or "")


@pytest.mark.parametrize("name", ["console", "nully.txt", "com", "com10", "lpt", "aux-1", "a.nul"])
def test_names_that_only_resemble_devices_pass(name: str) -> None:
    assert fault_of_windows_name(name) is None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "empty"),
        ("a.", "dot or a space"),
        ("a ", "dot or a space"),
        ("...", "dot or a space"),
        ("file.txt:stream", "colon"),
        ("file.txt::$DATA", "colon"),
        ("c:", "colon"),
        ("a\\b", "separator"),
        ("a/b", "separator"),
        ("what?", "character"),
        ("a*b", "character"),
        ('a"b', "character"),
        ("a<b", "character"),
        ("a|b", "character"),
        ("a\x1fb", "character"),
    ],
)
def test_what_windows_cannot_name_is_told_with_the_reason(name: str, word: str) -> None:
    assert word in (fault_of_windows_name(name) or "")


@given(_LETTERS)
def test_what_python_takes_for_reserved_is_refused(name: str) -> None:
    if _is_reserved(name):
        assert fault_of_windows_name(name) is not None


@pytest.mark.parametrize(
    "path",
    ["C:\\x", "c:/x", r"\\host\share\x", r"\\?\C:\x", r"\\.\pipe\x", r"\\?\UNC\host\share"],
)
def test_a_path_of_windows_is_known_by_its_beginning(path: str) -> None:
    assert is_windows_path(path)


@pytest.mark.parametrize("path", ["a:b", "a/b", "/a", "C:", "c:x", "a\\b"])
def test_what_may_be_a_name_elsewhere_is_not_taken_for_a_path_of_windows(path: str) -> None:
    assert not is_windows_path(path)


@pytest.mark.parametrize(
    ("path", "drive", "names"),
    [
        (r"C:\a\b", "C:", ["a", "b"]),
        ("c:/a\\b/", "C:", ["a", "b"]),
        (r"a\.\b\\c", "", ["a", "b", "c"]),
        (r"a\..\b", "", ["a", "..", "b"]),
        ("C:\\", "C:", []),
    ],
)
def test_a_path_is_split_at_both_separators(path: str, drive: str, names: list[str]) -> None:
    assert split_windows_path(path) == (drive, names)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (r"\\?\C:\x", "devices"),
        (r"\\.\C:\x", "devices"),
        ("//?/C:/x", "devices"),
        (r"\??\C:\x", "devices"),
        (r"\\host\share\x", "share"),
        ("//host/share", "share"),
        ("C:x", "current folder of drive C:"),
        ("C:", "current folder of drive C:"),
        (r"\x", "current drive"),
        ("/x", "current drive"),
    ],
)
def test_a_path_that_leads_elsewhere_or_depends_on_something_is_refused(
    path: str, word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        split_windows_path(path)


@given(_LETTERS)
def test_the_parts_of_a_path_are_those_that_python_finds(path: str) -> None:
    try:
        drive, names = split_windows_path(path)
    except ValueError:
        return
    theirs = PureWindowsPath(path)
    if not drive and theirs.drive:
        # From Python 3.12 on everything is a drive that has a colon behind its first character.
        assert any(fault_of_windows_name(name) for name in names)
        return
    assert drive == theirs.drive.upper()
    assert names == [part for part in theirs.parts if part != theirs.anchor]
