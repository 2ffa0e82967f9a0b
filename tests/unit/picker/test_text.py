from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from codexmcp.picker.text import clean, clean_lines, fit, wrap

# Letters of every kind, and above all what steers terminals.
TEXTS = st.text(
    st.characters() | st.sampled_from("\x1b\x9b\x07[]0;m\x9d\u202e\u200d\ufe0f日é\u0301 \t")
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("two\nlines\tof  text ", "two lines of text"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1bcreset", "reset"),
        ("bell\x07 and \x00 nul", "bell and nul"),
        ("\u202etxet", "txet"),
        ("a\u200bb\ufeffc\ud800d", "abcd"),
        ("日本語", "日本語"),
        ("👩\u200d👧", "👩👧"),
        ("e" + "\u0301" * 50, "e\u0301\u0301"),
    ],
)
def test_nothing_that_steers_a_terminal_is_left(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(TEXTS)
def test_clean_text_is_one_line_of_printable_characters(text: str) -> None:
    cleaned = clean(text)
    assert all(character.isprintable() for character in cleaned)
    assert cleaned == clean(cleaned)


@given(TEXTS)
def test_clean_lines_hold_no_control_character(text: str) -> None:
    assert all(each.isprintable() for line in clean_lines(text) for each in line)


@given(TEXTS.map(clean), st.integers(0, 40))
def test_fitted_text_takes_exactly_the_cells_it_was_given(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


def test_text_that_is_too_long_ends_in_an_ellipsis() -> None:
    assert fit("abcdef", 4) == "abc…"
    assert fit("abcd", 4) == "abcd"
    # A wide letter that would be cut in half leaves a space.
    assert fit("日本語日本語", 4) == "日 …"


@given(TEXTS.map(clean), st.integers(2, 40))
def test_wrapped_pieces_fit_and_lose_nothing_but_spaces(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert all(cell_len(piece) <= width for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


def test_lines_are_broken_at_spaces_where_that_leaves_no_large_hole() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("a " + "b" * 20, 8) == ["a bbbbbb", "b" * 8, "b" * 6]
