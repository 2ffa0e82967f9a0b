from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.home.sync.tokens import expand

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
    assert expand(_escaped(text), VALUES) == (text, [])


@given(_texts)
def test_unknown_tokens_are_told_with_lines_that_exist(text: str) -> None:
    _, unknown = expand(text, VALUES)
    assert all(1 <= error.line <= text.count("\n") + 1 for error in unknown)


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
    assert expand(text, VALUES) == (text if expanded is None else expanded, [])


def test_every_unknown_token_stays_and_is_told_with_its_line_and_what_there_is() -> None:
    text, unknown = expand("a\nb {{clinet}} {{client}}\n{{OTHER}}\n", VALUES)
    assert text == "a\nb {{clinet}} codex\n{{OTHER}}\n"
    assert [error.line for error in unknown] == [2, 3]
    assert "{{clinet}} stays as it is" in str(unknown[0])
    assert "there are client, home" in str(unknown[0])
    assert r"\{{clinet}}" in str(unknown[0])
