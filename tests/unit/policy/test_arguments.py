from __future__ import annotations

import contextlib
import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.policy.arguments import (
    ArgumentsError,
    CodexArguments,
    Extras,
    parse_codex_arguments,
    parse_reply_arguments,
    parse_thread_id,
)

ID = "01a10000-0000-7000-8000-0000000000ff"
PREFIX = "Failed to parse configuration for Codex tool: "
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def refusal(arguments: object, *, strict: bool = True) -> str:
    with pytest.raises(ArgumentsError) as error:
        parse_codex_arguments(arguments, strict=strict)
    return str(error.value)


def test_every_old_argument_is_taken_over() -> None:
    arguments = {
        "prompt": "Hi.",
        "model": "m",
        "cwd": "/w",
        "approval-policy": "never",
        "sandbox": "read-only",
        "config": {"a": 1},
        "base-instructions": "b",
        "developer-instructions": "d",
        "compact-prompt": "c",
    }
    assert parse_codex_arguments(arguments) == CodexArguments(
        "Hi.", "m", "/w", "never", "read-only", {"a": 1}, "b", "d", "c"
    )


def test_null_is_the_same_as_leaving_out() -> None:
    given_nulls = {"prompt": "Hi.", "model": None, "sandbox": None, "config": None}
    assert parse_codex_arguments(given_nulls) == CodexArguments("Hi.")


def test_a_choice_may_be_the_key_of_a_map() -> None:
    parsed = parse_codex_arguments({"prompt": "Hi.", "approval-policy": {"never": None}})
    assert parsed.approval_policy == "never"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "missing field `prompt`"),
        ({"prompt": None}, "invalid type: null, expected a string"),
        ({"prompt": True}, "invalid type: boolean `true`, expected a string"),
        ({"prompt": 5}, "invalid type: number, expected a string"),
        ({"prompt": []}, "invalid type: sequence, expected a string"),
        ({"prompt": {}}, "invalid type: map, expected a string"),
        ({"config": "a"}, 'invalid type: string "a", expected a map'),
        ({"approval-policy": "no"}, "unknown variant `no`, expected `on-request` or `never`"),
        ({"sandbox": {"a": 1, "b": 2}}, "invalid value: map, expected map with a single key"),
        ({"sandbox": {"read-only": 1}}, "invalid type: number, expected unit"),
        ({"sandbox": 5}, "invalid type: number, expected string or map"),
    ],
)
def test_faults_have_the_old_words(arguments: dict[str, Any], words: str) -> None:
    assert refusal(arguments) == PREFIX + words


def test_the_first_fault_in_the_callers_order_is_told() -> None:
    assert "unknown field `foo`" in refusal({"foo": 1, "prompt": 5})
    assert "invalid type: number" in refusal({"prompt": 5, "foo": 1})


def test_added_arguments_are_known_unless_the_server_is_strict() -> None:
    more = {"prompt": "Hi.", "effort": "low", "images": ["a.png"], "timeout": 2, "profile": "p"}
    parsed = parse_codex_arguments({**more, "output-schema": {}}, strict=False)
    assert parsed.extras == Extras({}, ("a.png",), "low", 2, "p")
    assert "unknown field `effort`" in refusal(more)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "`timeout` must be more than 0 seconds"),
        (-1, "`timeout` must be more than 0 seconds"),
        (float("nan"), "`timeout` must be more than 0 seconds"),
        (float("inf"), "`timeout` must be at most 1000000000 seconds"),
        (10**9 + 1, "`timeout` must be at most 1000000000 seconds"),
        pytest.param(10**400, "`timeout` must be at most 1000000000 seconds", id="huge"),
        (True, "invalid type: boolean `true`, expected a number of seconds"),
        ("1", 'invalid type: string "1", expected a number of seconds'),
    ],
)
def test_a_timeout_is_a_positive_number(value: object, words: str) -> None:
    assert refusal({"prompt": "Hi.", "timeout": value}, strict=False) == PREFIX + words


def test_images_are_a_list_of_texts() -> None:
    wrong = refusal({"prompt": "Hi.", "images": ["a", 5]}, strict=False)
    assert wrong == PREFIX + "invalid type: number, expected a string"


@given(st.dictionaries(st.sampled_from(["prompt", "model", "sandbox", "config"]), json_values))
def test_any_arguments_are_parsed_or_refused(arguments: dict[str, Any]) -> None:
    try:
        parsed = parse_codex_arguments(arguments)
    except ArgumentsError:
        assert refusal(arguments).startswith(PREFIX)
    else:
        assert parsed.prompt == arguments["prompt"]


def test_a_reply_names_its_thread_by_either_name_and_the_new_one_wins() -> None:
    other = "01a10000-0000-7000-8000-0000000000fe"
    old = {"prompt": "Hi.", "conversationId": ID}
    assert parse_reply_arguments(old).thread_id == ID
    assert parse_reply_arguments({**old, "threadId": other}).thread_id == other
    assert parse_reply_arguments({**old, "threadId": None}).thread_id == ID


def test_a_reply_ignores_what_it_does_not_know() -> None:
    parsed = parse_reply_arguments({"prompt": "Hi.", "threadId": ID, "foo": 1, "profile": "p"})
    assert parsed.extras == Extras()


def test_a_reply_may_name_another_sandbox_where_additions_are_known() -> None:
    given = {"prompt": "Hi.", "threadId": ID, "sandbox": "read-only"}
    assert parse_reply_arguments(given, strict=False).sandbox == "read-only"
    assert parse_reply_arguments(given).sandbox is None
    with pytest.raises(ArgumentsError, match="unknown variant `full`"):
        parse_reply_arguments({**given, "sandbox": "full"}, strict=False)


@pytest.mark.parametrize("arguments", [{"prompt": "Hi."}, {"prompt": "Hi.", "threadId": None}])
def test_a_reply_without_an_id_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsError, match="either threadId or conversationId must be provided"):
        parse_reply_arguments(arguments)


def test_missing_arguments_have_words_of_their_own() -> None:
    assert refusal(None).startswith("Missing arguments for codex tool-call")
    with pytest.raises(ArgumentsError, match="Missing arguments for codex-reply"):
        parse_reply_arguments(None)


@given(st.uuids())
def test_every_spelling_of_a_uuid_is_one_thread(value: uuid.UUID) -> None:
    text = str(value)
    for spelling in (text, text.upper(), value.hex, f"{{{text}}}", value.urn):
        assert parse_thread_id(spelling) == text


@given(st.text(alphabet="0123456789abcdefABCDEF-{}urn:i \N{LATIN SMALL LETTER O WITH DIAERESIS}"))
def test_any_other_text_is_refused(text: str) -> None:
    with contextlib.suppress(ArgumentsError):
        assert parse_thread_id(text) == str(uuid.UUID(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nope", "found `n` at 1"),
        ("urn:uuid:xyz", "found `x` at 10"),
        (f"urn:uuid:{{{ID}}}", "found `{` at 10"),
        (f"{{{ID[:-1]}x}}", "found `x` at 36"),
        ("{x}", "found `x` at 2"),
        (ID[1:], "invalid group length in group 0: expected 8, found 7"),
        (f"{ID}0", "invalid group length in group 4: expected 12, found 13"),
        ("a" * 31, "invalid length: expected length 32 for simple format, found 31"),
        ("{" + "a" * 32 + "}", "invalid group count: expected 5, found 1"),
        ("urn:uuid:" + "a" * 32, "invalid group count: expected 5, found 1"),
        ("{" + "a" * 36 + "}", "invalid length: expected length 32 for simple format, found 36"),
        ("--", "invalid group count: expected 5, found 3"),
    ],
)
def test_a_broken_id_has_the_old_words(text: str, words: str) -> None:
    with pytest.raises(ArgumentsError, match=re.escape(words)):
        parse_thread_id(text)
