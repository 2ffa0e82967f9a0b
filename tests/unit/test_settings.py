from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.run_settings import command_environment
from codexmcp.secret_like import WITHHELD_VARIABLE
from codexmcp.settings import (
    SECRET_VARIABLES,
    HttpSettings,
    Settings,
    child_environment,
    load_http_settings,
    load_settings,
    secret_values,
)

KEY = "sk-canary-0123456789"


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_without_anything_the_defaults_hold(dotenv: Path) -> None:
    assert load_settings({}, project=dotenv.parent) == Settings()
    assert load_settings({}) == Settings()


def test_a_key_of_the_file_is_used_when_none_is_exported(dotenv: Path) -> None:
    dotenv.write_text(f"OPENAI_API_KEY={KEY}\n")
    settings = load_settings({}, project=dotenv.parent)
    assert (settings.api_key, settings.key_file) == (KEY, dotenv)


def test_a_file_that_is_named_is_read_in_place_of_the_checkouts(dotenv: Path) -> None:
    dotenv.write_text("OPENAI_API_KEY=sk-other\n")
    named = dotenv.with_name("settings")
    named.write_text(f"OPENAI_API_KEY={KEY}\nCODEX_MODEL=m\n")
    env = {"CODEXMCP_ENV_FILE": str(named)}
    settings = load_settings(env, project=dotenv.parent)
    assert (settings.api_key, settings.model, settings.dotenv) == (KEY, "m", named)
    assert settings.secret_files == (named,)


def test_a_file_that_is_named_and_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="correct or unset the variable"):
        load_settings({"CODEXMCP_ENV_FILE": str(tmp_path / "none")})


def test_the_file_of_the_working_directory_is_not_read(
    dotenv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv.write_text(f"OPENAI_API_KEY={KEY}\nCODEX_BIN=./evil\n")
    monkeypatch.chdir(dotenv.parent)
    assert load_settings({}) == Settings()


def test_relative_paths_are_made_absolute_for_what_works_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = {"CODEX_HOME": "home", "CODEX_BIN": "bin/codex", "CODEX_PATH": "codex"}
    settings = load_settings(env)
    assert settings.codex_home == tmp_path / "home"
    assert env["CODEX_HOME"] == str(tmp_path / "home")
    assert env["CODEX_BIN"] == str(tmp_path / "bin" / "codex")
    # A bare name is looked for on PATH.
    assert env["CODEX_PATH"] == "codex"


def test_an_exported_key_wins_over_the_file(dotenv: Path) -> None:
    dotenv.write_text("OPENAI_API_KEY=sk-other\n")
    settings = load_settings({"OPENAI_API_KEY": KEY}, project=dotenv.parent)
    assert (settings.api_key, settings.key_file) == (KEY, None)


def test_an_exported_key_wins_over_the_file_also_by_its_other_name(dotenv: Path) -> None:
    dotenv.write_text("OPENAI_API_KEY=sk-other\n")
    assert load_settings({"CODEX_API_KEY": KEY}, project=dotenv.parent).api_key == KEY


@pytest.mark.parametrize("empty", ["", " ", "''", '""', "\r\n"])
def test_an_empty_key_counts_as_missing(dotenv: Path, empty: str) -> None:
    dotenv.write_text(f"OPENAI_API_KEY={KEY}\n")
    assert load_settings({"OPENAI_API_KEY": empty}, project=dotenv.parent).api_key == KEY


@pytest.mark.parametrize("raw", [f'"{KEY}"', f"'{KEY}'", f"{KEY}\r", f" {KEY}\n", f'"{KEY}\r\n"'])
def test_what_a_key_brings_along_is_taken_off(raw: str) -> None:
    assert load_settings({"OPENAI_API_KEY": raw}).api_key == KEY


@pytest.mark.parametrize("content", ["OPENAI_API_KEY={}\r\n", "\ufeffOPENAI_API_KEY={}\n"])
def test_a_file_from_windows_is_read(dotenv: Path, content: str) -> None:
    dotenv.write_bytes(content.format(KEY).encode())
    assert load_settings({}, project=dotenv.parent).api_key == KEY


@pytest.mark.parametrize("line", ["export OPENAI_API_KEY={}", "OPENAI_API_KEY = '{}'  # mine"])
def test_a_line_may_be_written_as_for_a_shell(dotenv: Path, line: str) -> None:
    dotenv.write_text(f"# keys\n\n{line.format(KEY)}\n")
    assert load_settings({}, project=dotenv.parent).api_key == KEY


@pytest.mark.parametrize("key", ["sk-a b", "sk-\x07", "sk-é", "sk-a\nsk-b"])
def test_a_key_with_impossible_characters_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY holds characters") as caught:
        load_settings({"OPENAI_API_KEY": key})
    assert "sk-" not in str(caught.value)


def test_a_key_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f'"{KEY}"\r\n')
    env = {"OPENAI_API_KEY_FILE": str(file)}
    settings = load_settings(env)
    assert (settings.api_key, settings.key_file) == (KEY, file)
    # Of the file nothing but its place is left, so that it can be withheld.
    assert env.keys() == {WITHHELD_VARIABLE}


def test_a_key_may_come_through_a_pipe() -> None:
    reader, writer = os.pipe()
    os.write(writer, f"{KEY}\n".encode())
    os.close(writer)
    try:
        # Some commands read the settings twice.
        for _ in range(2):
            assert load_settings({"OPENAI_API_KEY_FILE": f"/dev/fd/{reader}"}).api_key == KEY
    finally:
        os.close(reader)


def test_an_exported_key_wins_over_a_file_and_that_over_dotenv(
    tmp_path: Path, dotenv: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("sk-file")
    dotenv.write_text("OPENAI_API_KEY=sk-dotenv\n")
    named = {"OPENAI_API_KEY_FILE": str(file)}
    exported = {**named, "OPENAI_API_KEY": KEY}
    assert load_settings(exported, project=dotenv.parent).api_key == KEY
    assert "OPENAI_API_KEY_FILE" not in exported
    assert load_settings(named, project=dotenv.parent).api_key == "sk-file"


def test_dotenv_may_name_a_key_file(tmp_path: Path, dotenv: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(KEY)
    dotenv.write_text(f"OPENAI_API_KEY_FILE={file}\n")
    env: dict[str, str] = {}
    assert load_settings(env, project=dotenv.parent).key_file == file
    # Of the file nothing but its place is left, so that it can be withheld.
    assert env.keys() == {WITHHELD_VARIABLE}


def test_a_key_file_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    missing = tmp_path / "secret"
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"OPENAI_API_KEY_FILE": str(missing)})
    assert f"OPENAI_API_KEY_FILE {missing}: No such file or directory; name a file" in str(
        caught.value
    )


@pytest.mark.parametrize("content", ["", "\n", '""'])
def test_an_empty_key_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="is empty; it must hold the key"):
        load_settings({"OPENAI_API_KEY_FILE": str(file)})


def test_a_key_file_with_more_than_a_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{KEY}\nOTHER={KEY}\n")
    with pytest.raises(ConfigurationError, match="holds characters that no key has") as caught:
        load_settings({"OPENAI_API_KEY_FILE": str(file)})
    assert KEY not in str(caught.value)


def test_a_broken_line_is_named_with_its_file_and_not_shown(dotenv: Path) -> None:
    dotenv.write_text(f"A=1\n\n'{KEY}\nB=2\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, project=dotenv.parent)
    assert f"{dotenv}, line 3: not a NAME=value line" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_file_that_is_not_utf_8_is_named(dotenv: Path) -> None:
    dotenv.write_bytes(b"OPENAI_API_KEY=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match="it is not UTF-8 text") as caught:
        load_settings({}, project=dotenv.parent)
    assert str(dotenv) in str(caught.value)


def test_a_directory_in_place_of_the_file_is_named(dotenv: Path) -> None:
    dotenv.mkdir()
    with pytest.raises(ConfigurationError, match="Is a directory"):
        load_settings({}, project=dotenv.parent)


def test_a_file_that_cannot_be_opened_is_named(dotenv: Path) -> None:
    dotenv.symlink_to(dotenv)
    with pytest.raises(ConfigurationError, match=f"cannot read {dotenv}"):
        load_settings({}, project=dotenv.parent)


def test_every_secret_leaves_the_environment(dotenv: Path) -> None:
    dotenv.write_text("".join(f"{name}={KEY}\n" for name in SECRET_VARIABLES))
    env = dict.fromkeys(SECRET_VARIABLES, KEY) | {"PATH": "/bin"}
    assert load_settings(env, project=dotenv.parent).api_key == KEY
    assert env == {"PATH": "/bin", WITHHELD_VARIABLE: str(dotenv)}


def test_a_child_inherits_no_secret_and_gets_what_is_added() -> None:
    env = dict.fromkeys(SECRET_VARIABLES, KEY) | {"PATH": "/bin", "CODEX_HOME": "/a"}
    assert child_environment(env, CODEX_HOME="/b") == {"PATH": "/bin", "CODEX_HOME": "/b"}


def test_no_key_is_shown() -> None:
    settings = load_settings({"OPENAI_API_KEY": KEY})
    assert KEY not in repr(settings)
    assert KEY not in str(settings)


def test_what_the_libraries_read_is_passed_on_and_nothing_else(dotenv: Path) -> None:
    dotenv.write_text("OPENAI_ORG_ID=o\nhttps_proxy=p\nCODEX_EMPTY=\nDATABASE_PASSWORD=x\n")
    env = {"OPENAI_ORG_ID": "mine"}
    load_settings(env, project=dotenv.parent)
    shared = {"OPENAI_ORG_ID": "mine", "https_proxy": "p"}
    assert env == {**shared, WITHHELD_VARIABLE: str(dotenv)}


def test_an_empty_variable_is_filled_from_the_file(dotenv: Path) -> None:
    dotenv.write_text("CODEX_HOME=/srv/codex\n")
    env = {"CODEX_HOME": ""}
    assert load_settings(env, project=dotenv.parent).codex_home == Path("/srv/codex")


def test_values_are_not_interpolated(dotenv: Path) -> None:
    dotenv.write_text("OPENAI_BASE_URL=http://h/${PATH}/v1\n")
    assert load_settings({}, project=dotenv.parent).base_url == "http://h/${PATH}/v1"


def test_the_slash_at_the_end_of_a_base_url_is_taken_off() -> None:
    assert load_settings({"OPENAI_BASE_URL": "http://h/v1/"}).base_url == "http://h/v1"


@pytest.mark.parametrize("url", ["h/v1", "ftp://h/v1", '"http://h/v1"'])
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="invalid OPENAI_BASE_URL"):
        load_settings({"OPENAI_BASE_URL": url})


def test_a_relative_codex_home_is_made_absolute() -> None:
    assert load_settings({"CODEX_HOME": "h"}).codex_home == Path.cwd() / "h"


def test_a_codex_home_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/users/u")
    assert load_settings({"CODEX_HOME": "~/.codex"}).codex_home == Path("/users/u/.codex")


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"CODEX_BIN": "/a", "CODEX_PATH": "/b"}, "/a"),
        ({"CODEX_BIN": "", "CODEX_PATH": "/b"}, "/b"),
        ({"CODEX_BIN": ""}, None),
    ],
)
def test_the_binary_is_named_by_either_variable(env: dict[str, str], named: str | None) -> None:
    assert load_settings(env).codex_bin == named


@pytest.mark.parametrize("mode", ["read-only", "workspace-write", "danger-full-access"])
def test_each_sandbox_mode_is_accepted(mode: str) -> None:
    assert load_settings({"CODEX_SANDBOX_MODE": mode}).sandbox_mode == mode


@pytest.mark.parametrize("mode", ["full", "READ-ONLY", "workspaceWrite"])
def test_another_sandbox_mode_is_refused_with_the_valid_ones(mode: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"CODEX_SANDBOX_MODE": mode})
    message = str(caught.value)
    assert repr(mode) in message
    assert "read-only, workspace-write, danger-full-access" in message


@pytest.mark.parametrize(("value", "retries"), [("", 7), ("0", 0), ("12", 12)])
def test_how_often_a_request_is_sent_again_can_be_set(value: str, retries: int) -> None:
    assert load_settings({"CODEXMCP_REQUEST_RETRIES": value}).request_retries == retries


@pytest.mark.parametrize("value", ["-1", "13", "many", "1.5", "²"])
def test_other_counts_of_tries_are_refused_with_the_bounds(value: str) -> None:
    with pytest.raises(ConfigurationError, match="a whole number from 0 to 12") as caught:
        load_settings({"CODEXMCP_REQUEST_RETRIES": value})
    assert repr(value) in str(caught.value)


def test_the_token_of_the_http_server_is_a_secret_that_codex_alone_inherits() -> None:
    token = "agt_0123456789abcdef"
    env = {"AGENTOS_TOKEN": token, "HOME": "/home/me"}
    settings = load_http_settings(env)
    assert settings.token == token
    assert token not in repr(settings)
    assert token in secret_values(None, env)
    assert "AGENTOS_TOKEN" not in command_environment({**env, "CODEXMCP_RUN_ENV": "AGENTOS_TOKEN"})
    # `bearer_token_env_var` of Codex's config.toml names it.
    assert child_environment(env)["AGENTOS_TOKEN"] == token


def test_the_http_server_is_set_up_by_its_variables() -> None:
    env = {
        "HOME": "/home/me",
        "AGENTOS_FS_ROOTS": f"/a{os.pathsep}b",
        "AGENTOS_PORTFOLIO": "/p",
        "AGENTOS_EXTENSION_DIR": "/e",
    }
    assert load_http_settings(env) == HttpSettings(
        folder=Path("/home/me/.agentos"),
        fs_roots=f"/a{os.pathsep}b",
        portfolio=Path("/p"),
        extension_dir=Path("/e"),
    )
    empty = dict.fromkeys(env, "") | {"HOME": "/home/me"}
    assert load_http_settings(empty) == HttpSettings(folder=Path("/home/me/.agentos"))


@pytest.mark.parametrize(
    "token", ["short", "with a space in it", "tab\tin the midst of it", "ä" * 20]
)
def test_a_token_that_cannot_be_used_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigurationError, match="AGENTOS_TOKEN") as raised:
        load_http_settings({"AGENTOS_TOKEN": token})
    assert token not in str(raised.value)
