from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.home.block_markers import BlockError
from codexmcp.home.profiles.legacy import migrated

CONFIG = """\
# mine
model = "base" # keep
profile = "fast"

# about fast
[profiles.fast] # the quick one
# inside
model = "m1"   # the model
features.web = true

  [profiles.fast.history]
  max_bytes = 1
# about x
[model_providers.x]
name = "X"

[profiles."slow-2"]
model = '''
multi'''
# stays

[[profiles.fast.list]]
k = 1
"""


def test_tables_become_files_with_their_comments_and_the_rest_stays() -> None:
    result = migrated(CONFIG)
    assert result.config == (
        '# mine\nmodel = "base" # keep\n\n# about x\n[model_providers.x]\nname = "X"\n\n# stays\n\n'
    )
    assert result.default == "fast"
    assert result.profiles == {
        "fast": (
            "# about fast\n# the quick one\n# inside\n"
            'model = "m1"   # the model\nfeatures.web = true\n'
            "\n[history]\n  max_bytes = 1\n\n[[list]]\nk = 1\n"
        ),
        "slow-2": "model = '''\nmulti'''\n",
    }


def test_keys_of_a_profile_come_before_its_tables_whatever_their_order() -> None:
    text = "[profiles.a.tools]\nx = 1\n[profiles.a]\nmodel = 'm'\n"
    assert migrated(text).profiles == {"a": "model = 'm'\n\n[tools]\nx = 1\n"}


@pytest.mark.parametrize(
    "text",
    [
        "profiles.a.model = 'm'\n",
        "[profiles]\na.model = 'm'\n",
        "[profiles]\na = {model = 'm'}\n",
        "profiles = {a = {model = 'm'}}\n",
        "[profiles.a]\r\nmodel = 'm'\r\n",
        "\ufeff[profiles.a]\nmodel = 'm'",
        "[ profiles . 'a' ]\nmodel = 'm'",
    ],
)
def test_every_way_to_write_a_profile_is_understood(text: str) -> None:
    result = migrated(text)
    assert {name: tomllib.loads(own) for name, own in result.profiles.items()} == {
        "a": {"model": "m"}
    }
    assert result.config.strip("\ufeff") == ""


def test_a_config_without_profiles_stays_as_it_is() -> None:
    text = "\ufeffmodel = 'm'\r\n[a]\r\n\r\n\r\n[b]"
    result = migrated(text)
    assert (result.config, result.profiles, result.default) == (text, {}, None)


def test_broken_toml_is_an_error_with_its_line() -> None:
    with pytest.raises(BlockError, match="invalid TOML") as error:
        migrated("a = 1\nb =\n")
    assert error.value.line == 2


BLOCK = "# >>> codexmcp: b >>>\n[profiles.x]\na = 1\n# <<< codexmcp: b <<<\n"


@pytest.mark.parametrize(
    ("odd", "line", "words"),
    [
        ("profiles.x = 3\n", 1, "not a table"),
        ("[[profiles.x]]\nb = 1\n", 1, "not a table"),
        ("profile = 3\n", 1, "is not the name of a profile"),
        (BLOCK, 2, "managed block 'b'"),
        ("[profiles.'a b']\nb = 1\n[profiles.'a b'.more]\nc = 1\n", 1, "a b: rename it"),
        ("[profiles.'a b']\nb = 1\n[other]\n[profiles.'a b'.more]\nc = 1\n", 1, "rename it"),
    ],
)
def test_an_odd_part_stays_with_its_line_told_and_the_rest_is_moved(
    odd: str, line: int, words: str
) -> None:
    # The odd part stands alone, and beside a profile that can be moved.
    for more in ("", "[profiles.fast]\nmodel = 'm'\n"):
        result = migrated(odd + more, refuse_blanks)
        assert result.config == odd
        assert result.profiles.keys() == ({"fast"} if more else set())
        (error,) = result.left
        assert (error.line, words in error.problem) == (line, True)


@pytest.mark.parametrize(
    "text",
    [
        "profiles = {fast = {a = 1}, 'a b' = {a = 2}}\n",
        "[profiles]\nfast.a = 1\n'a b'.a = 2\n",
        "profiles = 3\n",
    ],
)
def test_one_statement_with_an_odd_profile_stays_whole(text: str) -> None:
    result = migrated(text, refuse_blanks)
    assert (result.config, result.profiles, len(result.left)) == (text, {}, 1)


def test_all_odd_parts_are_told_at_once() -> None:
    text = "profile = 3\n[profiles.'a b']\nx = 1\n[profiles.'c d']\nx = 1\n" + BLOCK
    assert [error.line for error in migrated(text, refuse_blanks).left] == [1, 2, 4, 7]


def refuse_blanks(name: str, text: str) -> str | None:
    assert tomllib.loads(text)
    return f"{name}: rename it" if " " in name else None


NAMES = st.sampled_from(["fast", "slow-2", "deep"])
VALUES = st.one_of(
    st.integers(-5, 5), st.booleans(), st.text("ab\"'\n #[]=é\\", max_size=6), st.lists(st.just(1))
)
TABLES = st.dictionaries(
    st.sampled_from(["model", "a b", "é", "x.y"]),
    st.one_of(VALUES, st.dictionaries(st.sampled_from(["k", "l l"]), VALUES, max_size=2)),
    max_size=3,
)


@given(st.dictionaries(NAMES, TABLES), TABLES, st.sampled_from(["\n", "\r\n"]))
def test_nothing_changes_its_meaning(
    profiles: dict[str, Any], rest: dict[str, Any], newline: str
) -> None:
    others = {name: value for name, value in rest.items() if name != "profiles"}
    text = tomlkit.dumps({**others, "profiles": profiles} if profiles else others)
    result = migrated(text.replace("\n", newline))
    assert {name: tomllib.loads(own) for name, own in result.profiles.items()} == tomllib.loads(
        text
    ).get("profiles", {})
    again = migrated(result.config)
    assert (again.config, again.profiles) == (result.config, {})
    assert tomllib.loads(result.config) == {
        name: value for name, value in tomllib.loads(text).items() if name != "profiles"
    }
