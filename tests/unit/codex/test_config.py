from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codexmcp.codex.config import CodexHome, read_home
from codexmcp.errors import ConfigurationError

KEY = "sk-canary-0123456789"


def test_a_home_that_does_not_exist_is_an_empty_one(tmp_path: Path) -> None:
    home = tmp_path / "none"
    assert read_home(home) == CodexHome(home)
    assert not home.exists()


def test_the_configuration_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('model = "m"\n[projects."/w"]\ntrust_level = "trusted"\n')
    assert read_home(tmp_path).config == {
        "model": "m",
        "projects": {"/w": {"trust_level": "trusted"}},
    }


def test_a_byte_order_mark_is_passed_over_as_codex_does(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'\xef\xbb\xbfmodel = "m"\n')
    assert read_home(tmp_path).config == {"model": "m"}


def test_broken_toml_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('model = "m"\n\nsandbox_mode = read-only\n')
    with pytest.raises(ConfigurationError) as caught:
        read_home(tmp_path)
    assert str(path) in str(caught.value)
    assert "line 3" in str(caught.value)


@pytest.mark.parametrize("name", ["config.toml", "auth.json"])
def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'model = "\xff\xfe"\n')
    with pytest.raises(ConfigurationError, match="is not UTF-8 text") as caught:
        read_home(tmp_path)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("name", ["config.toml", "auth.json"])
def test_a_directory_in_place_of_a_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigurationError, match="Is a directory") as caught:
        read_home(tmp_path)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("name", ["config.toml", "auth.json"])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    # A link to itself cannot be opened by anybody, root included.
    (tmp_path / name).symlink_to(tmp_path / name)
    with pytest.raises(ConfigurationError, match=f"cannot read {tmp_path / name}"):
        read_home(tmp_path)


def test_a_file_in_place_of_the_home_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    with pytest.raises(ConfigurationError, match="is not a folder"):
        read_home(home)


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="Not a directory"):
        read_home(tmp_path / "file" / "home")


def test_a_home_that_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    # Too long a name makes the system call fail for root too, as a locked folder does for others.
    with pytest.raises(ConfigurationError, match="cannot read CODEX_HOME"):
        read_home(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("login", "has_login", "key"),
    [
        ({"auth_mode": "apikey", "OPENAI_API_KEY": KEY}, True, KEY),
        ({"OPENAI_API_KEY": None, "tokens": {"access_token": "t"}}, True, None),
        ({"OPENAI_API_KEY": None, "tokens": None}, False, None),
        ({"OPENAI_API_KEY": ""}, False, None),
        ({}, False, None),
    ],
)
def test_a_login_is_told_from_none(
    tmp_path: Path, login: dict[str, Any], key: str | None, *, has_login: bool
) -> None:
    (tmp_path / "auth.json").write_text(json.dumps(login))
    home = read_home(tmp_path)
    assert (home.has_login, home.login_key) == (has_login, key)


@pytest.mark.parametrize("text", ["{", "[]", "null", '"x"'])
def test_a_broken_login_is_refused_with_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "auth.json").write_text(text)
    with pytest.raises(ConfigurationError, match="codex login"):
        read_home(tmp_path)


def test_the_key_of_a_login_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": KEY}))
    assert KEY not in repr(read_home(tmp_path))
