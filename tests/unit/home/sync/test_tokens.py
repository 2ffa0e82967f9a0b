from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.home.sync.tokens import TokenError, expand

VALUES = {"client": "codex", "home": "/home/u/.codex"}
_texts = st.lists(
    st.sampled_from(["a", "\\", "{{", "}}", "client", " ", "x", "\n", "{", "{{client}}", "é"]),
    max_size=12,
).map("".join)


def _escaped(text: str) -> str:
    def doubled(found: re.Match[str]) -> str:
        return found["slashes"] * 2 + "\\" + found["token"]

    return re.sub(r"(?P<slashes>\\*)(?P<token>\{\{[ \t]*[a-z]+[ \t]*\}\})", doubled, text)


@given(_texts)
def test_what_was_escaped_expands_to_itself(text: str) -> None:
    assert expand(_escaped(text), VALUES) == text


@given(_texts)
def test_a_text_is_expanded_or_refused_with_a_line_that_exists(text: str) -> None:
    line = 1
    try:
        expand(text, VALUES)
    except TokenError as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("{{client}} at {{ home }}/x", "codex at /home/u/.codex/x"),
        (r"\{{client}} and \{{whatever}}", "{{client}} and {{whatever}}"),
        (r"C:\\{{client}}", r"C:\codex"),
        ("${{ secrets.KEY }} {{ .Values.x }} {{#if}} {single}", None),
        ("{{{client}}}", "{codex}"),
    ],
)
def test_tokens_are_words_in_double_braces(text: str, expanded: str | None) -> None:
    assert expand(text, VALUES) == (text if expanded is None else expanded)


def test_an_unknown_token_is_refused_with_its_line_and_what_there_is() -> None:
    with pytest.raises(
        TokenError, match=r"no token \{\{clinet\}\}; there are client, home"
    ) as raised:
        expand("a\nb {{clinet}}\n", VALUES)
    assert raised.value.line == 2
    assert r"\{{clinet}}" in str(raised.value)
