from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.agents.cleaner import Cleaner

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
    cleaner = Cleaner(("sk-1",), {"http://127.0.0.1:4/v1": "https://host/v1"})
    value = {"a": ["key sk-1", {"b": "http://127.0.0.1:4/v1/responses"}], "n": 1, "z": None}
    assert cleaner.clean_value(value) == {
        "a": ["key [secret]", {"b": "https://host/v1/responses"}],
        "n": 1,
        "z": None,
    }
    assert "sk-1" not in repr(cleaner)
