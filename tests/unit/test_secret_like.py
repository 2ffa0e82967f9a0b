from __future__ import annotations

import pytest

from codexmcp.run_settings import ALLOWED_VARIABLE, command_environment
from codexmcp.secret_like import holds_password, names_secret
from codexmcp.settings import secret_values


@pytest.mark.parametrize(
    "name",
    [
        *("MY_KEY", "db_password", "PGPASSWD", "Authorization", "SESSION_COOKIE"),
        *("DB_PASS", "MYSQL_PWD", "GITHUB_PAT", "GPG_PASSPHRASE"),
    ],
)
def test_what_names_a_secret_does_so_for_everyone(name: str) -> None:
    assert names_secret(name)
    assert secret_values(None, {name: "value"}) == ("value",)
    assert name not in command_environment({name: "value", ALLOWED_VARIABLE: name})


@pytest.mark.parametrize(
    "name",
    ["PATH", "LANG", "SSH_AUTH_SOCK", "XAUTHORITY", "PWD", "OLDPWD", "COMPASS", "SUDO_ASKPASS"],
)
def test_other_names_are_no_secrets(name: str) -> None:
    assert not names_secret(name)
    assert secret_values(None, {name: "value"}) == ()


@pytest.mark.parametrize("url", ["http://me:it@host", "see ws://:it@host", "http://me:a/b@host"])
def test_a_password_in_a_url_is_found(url: str) -> None:
    assert holds_password(url)


@pytest.mark.parametrize("url", ["http://me@host", "http://host:80 a@b", "me:it@host"])
def test_a_url_without_a_password_holds_none(url: str) -> None:
    assert not holds_password(url)
