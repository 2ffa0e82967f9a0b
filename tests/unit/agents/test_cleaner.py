from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.agents.cleaner import Cleaner

KEY = "sk-0123456789abcdef"
BAD = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\x1b[31;1mred\x1b[0m", "ared"),
        ("a\x1b]0;title\x07b", f"a{BAD}]0;title{BAD}b"),
        ("over\rwrite \x08\x7f\x9b", f"over{BAD}write {BAD}{BAD}{BAD}"),
        ("line\r\nnext\tcell", "line\nnext\tcell"),
        ("abc\N{RIGHT-TO-LEFT OVERRIDE}def", f"abc{BAD}def"),
        ("ü \N{SNAKE}", "ü \N{SNAKE}"),
    ],
)
def test_a_terminal_has_nothing_to_act_on(text: str, clean: str) -> None:
    assert Cleaner().clean(text) == clean


@given(st.text())
def test_no_escape_survives(text: str) -> None:
    assert "\x1b" not in Cleaner().clean(f"\x1b{text}\x1b[")


def test_secrets_and_aliases_are_replaced_in_values_at_any_depth() -> None:
    cleaner = Cleaner((KEY,), {"http://127.0.0.1:4/v1": "https://host/v1"})
    value = {"a": [f"key {KEY}", {"b": "http://127.0.0.1:4/v1/responses"}], "n": 1, "z": None}
    assert cleaner.clean_value(value) == {
        "a": ["key [secret]", {"b": "https://host/v1/responses"}],
        "n": 1,
        "z": None,
    }
    assert KEY not in repr(cleaner)


def test_a_word_that_serves_as_a_key_is_no_secret() -> None:
    assert Cleaner(("none", "", "k" * 15)).clean(f"none {'k' * 15}") == f"none {'k' * 15}"
    assert Cleaner(("k" * 16,)).clean("k" * 16) == "[secret]"


def test_what_programs_act_on_stays_but_only_outermost() -> None:
    value = {"type": KEY, "threadId": KEY, "text": KEY, "data": {"type": KEY}}
    assert Cleaner((KEY,)).clean_value(value) == {
        "type": KEY,
        "threadId": KEY,
        "text": "[secret]",
        "data": {"type": "[secret]"},
    }
