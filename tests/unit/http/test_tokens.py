from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.http.tokens import (
    ALL_SCOPES,
    OWNER,
    PREFIX,
    Token,
    bearer_of,
    digest_of,
    find,
    is_name,
    new_secret,
    parse_scopes,
)
from codexmcp.workspace.tool import Scope


def test_a_new_token_is_known_by_its_beginning_and_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(each.startswith(PREFIX) and len(each) > 40 for each in made)


@given(st.lists(st.text(min_size=1, max_size=20), unique=True, min_size=1, max_size=5))
def test_a_token_is_found_by_itself_and_by_nothing_else(secrets: list[str]) -> None:
    tokens = [Token(str(number), digest_of(secret)) for number, secret in enumerate(secrets)]
    for number, secret in enumerate(secrets):
        found = find(tokens, secret)
        assert found is not None
        assert found.name == str(number)
    assert find(tokens, "".join(secrets) + "x") is None
    assert find([], secrets[0]) is None


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("Bearer abc", "abc"),
        ("bearer   abc  ", "abc"),
        ("BEARER abc def", "abc def"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("abc", None),
        ("Bearer äöü", None),
        ("", None),
        (None, None),
    ],
)
def test_the_token_of_a_header_is_what_follows_bearer(header: str | None, secret: str) -> None:
    assert bearer_of(header) == secret


@pytest.mark.parametrize("name", ["ci", "a.b_c-d", "A1", "x" * 64])
def test_a_name_of_letters_and_digits_may_be_given(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".x", "a b", 'a"b', "a\nb", "ä", "x" * 65, OWNER, "a]b"])
def test_any_other_name_may_not(name: str) -> None:
    assert not is_name(name)


def test_scopes_are_read_by_their_names() -> None:
    assert parse_scopes(["read", "git"]) == {Scope.READ, Scope.GIT}
    assert parse_scopes([str(scope) for scope in Scope]) == ALL_SCOPES


@pytest.mark.parametrize("words", [[], ["all"], ["read", ""], ["READ"]])
def test_a_scope_that_there_is_not_is_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"scope|Scope"):
        parse_scopes(words)
