"""The command line of a search."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.search.command import EVERYTHING, Query, arguments_of

_VALUES = st.text(st.sampled_from("-e=! */.pre\\"), min_size=1, max_size=12)


@given(_VALUES, st.lists(_VALUES, max_size=3))
def test_whatever_is_searched_for_stands_in_one_argument_with_its_option(
    pattern: str, globs: list[str]
) -> None:
    arguments = arguments_of(Query(pattern, globs=globs), EVERYTHING, 10)
    plain = arguments_of(Query("x"), EVERYTHING, 10)
    plain.remove("--regexp=x")
    added = [*(f"--glob={glob}" for glob in globs), f"--regexp={pattern}"]
    assert sorted(arguments) == sorted([*plain, *added])
    assert arguments[-3:] == [f"--regexp={pattern}", "--", EVERYTHING]


def test_no_configuration_is_read_and_no_link_followed() -> None:
    assert {"--no-config", "--no-follow", "--no-ignore-global"} <= set(
        arguments_of(Query("x"), EVERYTHING, 1)
    )


@pytest.mark.parametrize(
    ("query", "option"),
    [
        (Query("x"), "--fixed-strings"),
        (Query("x"), "--case-sensitive"),
        (Query("x", ignores_case=True), "--ignore-case"),
        (Query("x", with_hidden=True), "--hidden"),
        (Query("x", with_ignored=True), "--no-ignore"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_wish_is_an_option(query: Query, option: str) -> None:
    assert option in arguments_of(query, EVERYTHING, 1)


def test_a_regular_expression_is_taken_as_one_only_when_asked_for() -> None:
    assert "--fixed-strings" not in arguments_of(Query("x", is_regex=True), EVERYTHING, 1)


@pytest.mark.parametrize(
    "query",
    [Query("a\nb"), Query("a\0"), Query("\udc80"), Query("x", globs=["a\0"]), Query("a\r")],
    ids=["break", "nul", "surrogate", "nul in glob", "return"],
)
def test_what_cannot_be_passed_on_is_refused(query: Query) -> None:
    with pytest.raises(WorkspaceError, match=r"part of one line|UTF-8"):
        arguments_of(query, EVERYTHING, 1)
