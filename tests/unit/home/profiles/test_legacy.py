from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import UsageError
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


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a = 1\nb =\n", 2, "no valid TOML"),
        ("a = 1\nprofiles = 3\n", 2, "no table"),
        ("a = 1\n[[profiles.x]]\nb = 1\n", 2, "no table"),
        ("a = 1\nprofile = 3\n", 2, "names no profile"),
        (
            "# >>> codexmcp: b >>>\n[profiles.x]\na = 1\n# <<< codexmcp: b <<<\n",
            2,
            "managed block 'b'",
        ),
    ],
)
def test_what_cannot_be_moved_is_an_error_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(BlockError, match=words) as error:
        migrated(text)
    assert error.value.line == line


def test_a_name_that_codex_refuses_is_an_error() -> None:
    with pytest.raises(UsageError, match="cannot name a profile"):
        migrated("[profiles.'a b']\nmodel = 'm'\n")


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
