"""Text as the commands show it in a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.cli.text import columns, cut, harmless, indented, one_line, table

ANYTHING = st.text(alphabet=st.characters())


@given(ANYTHING)
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    shown = harmless(text)
    assert not any(ord(each) < 32 and each not in "\n\t" for each in shown)
    assert not any(0x7F <= ord(each) < 0xA0 or 0x202A <= ord(each) <= 0x202E for each in shown)
    assert harmless(shown) == shown
    shown.encode()


@given(ANYTHING)
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


def test_an_escape_sequence_is_shown_instead_of_obeyed() -> None:
    assert one_line("a\x1b[2J\nb\tc") == "a\N{REPLACEMENT CHARACTER}[2J b c"


@given(ANYTHING.map(one_line), st.integers(min_value=0, max_value=90))
def test_a_cut_line_is_never_wider_than_its_room(text: str, width: int) -> None:
    assert columns(cut(text, width)) <= width


@given(ANYTHING.map(one_line))
def test_a_line_with_enough_room_is_not_cut(text: str) -> None:
    assert cut(text, columns(text)) == text


def test_wide_letters_take_two_columns_and_marks_none() -> None:
    assert columns("日本") == 4
    assert columns("e\N{COMBINING ACUTE ACCENT}") == 1
    assert cut("日本語", 5) == "日本…"


def test_a_table_is_aligned_and_its_last_cell_takes_the_rest() -> None:
    rows = [("a", "日", "a long title here"), ("bcd", "e", "t")]
    assert list(table(rows, 16)) == ["a    日  a long…", "bcd  e   t"]
    assert next(table(rows, None)) == "a    日  a long title here"


@given(st.lists(st.tuples(*[ANYTHING.map(one_line)] * 2), min_size=1), st.integers(1, 90))
def test_a_table_has_a_line_for_each_row(rows: list[tuple[str, str]], width: int) -> None:
    assert len(list(table(rows, width))) == len(rows)


def test_a_margin_stands_before_each_line() -> None:
    assert indented("a\n\nb") == "  a\n\n  b"
