from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.home.skills.front_matter import (
    FrontMatterError,
    FrontMatterSizeError,
    read_front_matter,
)
from codexmcp.home.skills.yaml_repair import compose, quoted_prose
from tests.support.skill_cases import DESCRIPTION, described, skill_text


def refusal(data: bytes) -> FrontMatterError:
    with pytest.raises(FrontMatterError) as caught:
        read_front_matter(data.decode())
    return caught.value


def test_names_and_descriptions_come_on_one_line() -> None:
    matter = read_front_matter(
        skill_text("name: |", "  a", "  b", "description: '  c   d '").decode()
    )
    assert (matter.name, matter.description) == ("a b", "c d")


def test_scalars_of_any_kind_are_text() -> None:
    matter = read_front_matter(skill_text("name: 0x1F", "description: 1_000").decode())
    assert (matter.name, matter.description) == ("0x1F", "1_000")


def test_the_body_and_the_fields_know_their_lines() -> None:
    matter = read_front_matter(
        skill_text("# note", "name: x", DESCRIPTION, body="one\ntwo").decode()
    )
    assert (matter.lines["name"], matter.lines["description"]) == (3, 4)
    assert (matter.body_line, matter.body) == (6, "one\ntwo")


@pytest.mark.parametrize(
    ("data", "line", "word"),
    [
        (b"# Title\n", 1, "no front matter"),
        (b"\xef\xbb\xbf---\nname: x\n---\n", 1, "byte order mark"),
        (b"---\nname: x\n", 1, "not closed"),
        (skill_text("name: x", 'description: "a" b'), 3, "not valid YAML"),
        (skill_text("name: x", "description: a\x07"), 3, "not valid YAML"),
        (skill_text("name: x", DESCRIPTION, "name: y"), 4, "twice"),
        (skill_text("name: x", "description: [a]"), 3, "not text"),
    ],
)
def test_a_refusal_points_at_its_line(data: bytes, line: int, word: str) -> None:
    refused = refusal(data)
    assert (refused.line, word in refused.what) == (line, True), refused
    assert refused.remedy


def test_a_smoke_command_may_have_several_lines() -> None:
    fields = ("name: x", DESCRIPTION, "metadata:", "  smoke: |", "    cd x", "    make")
    assert read_front_matter(skill_text(*fields).decode()).smoke == "cd x\nmake"


@pytest.mark.parametrize("value", ["", "''", "{a: b}", "null"])
def test_what_is_no_command_declares_no_smoke_test(value: str) -> None:
    fields = ("name: x", DESCRIPTION, "metadata:", f"  smoke: {value}")
    assert read_front_matter(skill_text(*fields).decode()).smoke is None


def test_a_repaired_front_matter_says_so() -> None:
    matter = read_front_matter(described("Use it: it's good # really").decode())
    assert (matter.description, matter.is_repaired) == ("Use it: it's good", True)
    assert not read_front_matter(described("fine").decode()).is_repaired


@pytest.mark.parametrize("deep", ["- " * 2000, "? " * 2000])
def test_deep_nesting_is_refused_and_ends_nothing(deep: str) -> None:
    text = f"---\n{deep}\n---\n"
    with pytest.raises(FrontMatterSizeError):
        read_front_matter(text)


def test_deep_lists_of_unknown_fields_do_not_matter() -> None:
    deep = f"x: {'[' * 5000}{']' * 5000}"
    assert read_front_matter(skill_text("name: x", DESCRIPTION, deep).decode()).name == "x"


def test_a_front_matter_that_would_take_long_is_refused() -> None:
    with pytest.raises(FrontMatterSizeError, match="are allowed"):
        read_front_matter(described("- " * 10_000).decode())


LINES = st.lists(
    st.text(st.sampled_from("ab :'\"[]{}|>#-@`&*\t\u00e9"), max_size=12), min_size=1, max_size=5
)


@given(LINES)
def test_a_repair_keeps_every_line_and_is_needed_once(lines: list[str]) -> None:
    block = "\n".join(lines)
    again = quoted_prose(block)
    if again is not None:
        assert again.count("\n") == block.count("\n")
        assert quoted_prose(again) in {None, again}


@given(st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="#"), min_size=1))
def test_prose_with_a_colon_survives_its_repair(word: str) -> None:
    # A value that begins like YAML's own signs is not prose.
    text = quoted_prose(f"description: a{word}: b")
    assert text is not None
    root = compose(text)
    assert root is not None
    assert root.value[0][1].value == f"a{word}: b"


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FrontMatterError):
        assert read_front_matter(f"---\n{text}\n---\n").body_line > 1
