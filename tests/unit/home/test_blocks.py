from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.home.block_markers import find
from codexmcp.home.blocks import BlockError, BlockPosition, Style, apply, names, read, remove

_OTHER = {
    Style.HASH: "# >>> codexmcp: other >>>\nfoo\n# <<< codexmcp: other <<<",
    Style.MARKDOWN: "<!-- >>> codexmcp: other >>> -->\nfoo\n<!-- <<< codexmcp: other <<< -->",
}
styles = st.sampled_from(Style)
places = st.sampled_from(BlockPosition)
_ODD = st.sampled_from(["a", "\n", "\r\n", "\r", "\ufeff", "#: x", " ", "\udcff", "\u2028", "\x0b"])


def texts(*more: str) -> st.SearchStrategy[str]:
    return st.lists(st.one_of(_ODD, st.sampled_from(["\n", *more])), max_size=9).map("".join)


@st.composite
def files(draw: st.DrawFn) -> tuple[Style, str]:
    style = draw(styles)
    text = draw(texts(_OTHER[style]))
    try:
        names(text, style)
    except BlockError:
        assume(condition=False)
    return style, text


@given(files(), texts(), places)
def test_applying_twice_is_applying_once(
    file: tuple[Style, str], body: str, place: BlockPosition
) -> None:
    style, text = file
    once = apply(text, "sync", body, style, place)
    assert apply(once, "sync", body, style, place) == once


@given(files(), texts(), texts(), places)
def test_removing_undoes_applying_even_after_the_block_changed(
    file: tuple[Style, str], body: str, later: str, place: BlockPosition
) -> None:
    style, text = file
    applied = apply(text, "sync", body, style, place)
    assert remove(applied, "sync", style) == text
    assert remove(apply(applied, "sync", later, style, place), "sync", style) == text


@given(files(), texts(), places)
def test_every_byte_outside_the_block_stays(
    file: tuple[Style, str], body: str, place: BlockPosition
) -> None:
    style, text = file
    applied = apply(text, "sync", body, style, place)
    block = find(applied, "sync", style)
    assert block is not None
    before, after = applied[: block.start], applied[block.stop :]
    assert re.fullmatch(re.escape(text[: len(before)]) + r"(\r?\n)?", before)
    assert before + after in {
        text[: len(before)] + newline + text[len(before) :] for newline in ("\n", "\r\n")
    } | {text + newline for newline in ("\n", "\r\n")}


@given(files(), texts())
def test_what_is_read_is_what_was_applied_with_plain_line_ends(
    file: tuple[Style, str], body: str
) -> None:
    style, text = file
    found = read(apply(text, "sync", body, style), "sync", style)
    lines = [line.rstrip("\r") for line in body.removesuffix("\n").split("\n")] if body else []
    assert found == "".join(f"{line}\n" for line in lines)


@given(texts(*_OTHER.values(), "# >>> codexmcp: a", "# <<< codexmcp: other <<<", "# >>> codexmcp"))
def test_any_text_is_either_read_or_refused_with_a_line_that_exists(text: str) -> None:
    for style in Style:
        line = 1
        try:
            names(text, style)
        except BlockError as error:
            line = error.line
        assert 1 <= line <= text.count("\n") + 1


@given(files(), st.permutations(["a", "b", "c"]), places)
def test_blocks_may_be_removed_in_any_order(
    file: tuple[Style, str], order: list[str], place: BlockPosition
) -> None:
    style, text = file
    applied = text
    for name in ("a", "b", "c"):
        applied = apply(applied, name, f"body of {name}", style, place)
    for name in order:
        applied = remove(applied, name, style)
    assert applied == text


def test_a_block_takes_the_line_ends_of_its_file() -> None:
    applied = apply("a\r\nb\r\n", "sync", "x\ny\n", Style.HASH)
    assert applied == (
        "a\r\nb\r\n# >>> codexmcp: sync >>>\r\nx\r\ny\r\n# <<< codexmcp: sync <<<\r\n"
    )


def test_a_block_at_the_start_comes_after_what_tells_editors_the_schema() -> None:
    applied = apply(
        "#:schema https://x\na = 1\n", "sync", "b = 2\n", Style.HASH, BlockPosition.START
    )
    assert applied.splitlines() == [
        "#:schema https://x",
        "# >>> codexmcp: sync >>>",
        "b = 2",
        "# <<< codexmcp: sync <<<",
        "a = 1",
    ]


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert remove("a\r\n", "sync", Style.HASH) == "a\r\n"
    assert read("a\r\n", "sync", Style.HASH) is None


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a\n# >>> codexmcp: x >>>\n", 2, "no end marker"),
        ("# <<< codexmcp: x <<<\n", 1, "no begin marker"),
        (
            "# >>> codexmcp: x >>>\n# >>> codexmcp: y >>>\n# <<< codexmcp: y <<<\n",
            2,
            "inside block 'x'",
        ),
        (
            "# >>> codexmcp: x >>>\n# <<< codexmcp: x <<<\n" * 2,
            3,
            "twice, first in line 1",
        ),
        ("# >>> codexmcp: x >>>\n# <<< codexmcp: y <<<\n", 2, "no begin marker"),
        ("\n\n# >>> codexmcp: x\n# <<< codexmcp: x <<<\n", 3, "broken marker"),
        ("#>>> codexmcp: x >>>\n# <<< codexmcp: x <<<\n", 1, "broken marker"),
        ("  # >>> codexmcp: x >>>\n", 1, "broken marker"),
    ],
)
def test_broken_markers_are_an_error_that_names_the_line(
    text: str, line: int, problem: str
) -> None:
    acts: list[Callable[[], object]] = [
        lambda: apply(text, "new", "", Style.HASH),
        lambda: remove(text, "new", Style.HASH),
        lambda: read(text, "new", Style.HASH),
    ]
    for act in acts:
        with pytest.raises(BlockError, match=problem) as raised:
            act()
        assert raised.value.line == line
        assert isinstance(raised.value, ConfigurationError)


def test_a_body_with_a_marker_is_refused() -> None:
    with pytest.raises(BlockError, match="contains a marker") as raised:
        apply("", "sync", "a\n# <<< codexmcp: sync <<<\n", Style.HASH)
    assert raised.value.line == 2


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "-x", "x" * 200, "é"])
def test_a_name_that_a_marker_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="invalid block name"):
        apply("", name, "", Style.HASH)
