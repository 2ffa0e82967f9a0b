"""Which names new files may have, and which names are git's."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.workspace.paths.names import fault_of_new_name, is_git_name


@pytest.mark.parametrize(
    "name",
    ["a.py", "README", ".gitignore", ".github", "Grüße.md", "日本語.txt", "[id].tsx", "a b", "😀"],
)
def test_usual_names_pass(name: str) -> None:
    assert fault_of_new_name(name) is None
    assert not is_git_name(name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("invoice\u202etxt.exe", "invisible character"),
        ("a\u200bb", "invisible character"),
        ("a\ufeff", "invisible character"),
        ("a\nb", "invisible character"),
        ("a\u2028b", "invisible character"),
        ("..\u2215etc", "separator"),
        ("..\uff0fetc", "separator"),
        ("..\uff3cetc", "separator"),
        ("\u2044x", "separator"),
        ("\uff0e\uff0e", "like `.`"),
        ("\u2025", "like `.`"),
        ("\u2024", "like `.`"),
        (" ", "like `.`"),
        ("cafe\u0301", "NFC"),
        ("~", "home"),
        ("nul.txt", "device"),
        ("a" * 256, "longer"),
        ("ä" * 128, "longer"),
    ],
)
def test_names_that_deceive_or_do_not_travel_are_refused(name: str, word: str) -> None:
    assert word in (fault_of_new_name(name) or "")


@given(st.text(min_size=1, max_size=10))
def test_a_name_that_passes_stays_what_it_is_however_it_is_normalised_for_display(
    name: str,
) -> None:
    if fault_of_new_name(name) is None:
        assert unicodedata.normalize("NFC", name) == name
        assert not {"/", "\\", "\0"} & set(name)
        assert unicodedata.normalize("NFKC", name).strip() not in {"", ".", ".."}


@pytest.mark.parametrize(
    "name",
    [
        ".git",
        ".GIT",
        ".Git",
        ".git.",
        ".git ",
        ".git . .",
        ".g\u200cit",
        "\u200d.git",
        ".gi\ufefft",
        "git~1",
        "GIT~1",
        ".git::$INDEX_ALLOCATION",
        ".git:x",
        "\uff0egit",
        ".\uff47it",
    ],
)
def test_every_spelling_that_some_file_system_takes_for_git_is_found(name: str) -> None:
    assert is_git_name(name)


@pytest.mark.parametrize("name", ["git", ".gitx", "x.git", "git~2x", ".gi", "..git"])
def test_other_names_are_not_taken_for_git(name: str) -> None:
    assert not is_git_name(name)
