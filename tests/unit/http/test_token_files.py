from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.http.token_files import TokenFiles
from codexmcp.http.tokens import ALL_SCOPES, find
from codexmcp.workspace.tool import Scope


@pytest.fixture
def files(tmp_path: Path) -> TokenFiles:
    return TokenFiles(tmp_path / "agentos")


def found(files: TokenFiles, secret: str) -> str | None:
    token = find(files.current(), secret)
    return None if token is None else token.name


def test_a_token_is_made_once_for_its_user_alone(files: TokenFiles) -> None:
    assert files.ensure() is True
    first = files.token_path.read_text()
    assert files.ensure() is False
    assert files.token_path.read_text() == first
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(files.token_path.stat().st_mode) == 0o600
    assert found(files, first.strip()) == "owner"


def test_many_that_start_at_once_agree_on_one_token(tmp_path: Path) -> None:
    def start(_number: int) -> tuple[str, bool]:
        files = TokenFiles(tmp_path / "agentos")
        made = files.ensure()
        return files.token_path.read_text(), made

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(start, range(40)))
    assert len({token for token, _ in told}) == 1
    assert [made for _, made in told].count(True) == 1


def test_a_token_of_ones_own_may_be_put_into_the_file(files: TokenFiles) -> None:
    files.ensure()
    files.token_path.write_text("  my-own-long-token-0\r\n")
    assert found(files, "my-own-long-token-0") == "owner"


def test_a_new_token_takes_the_place_of_the_old_one(files: TokenFiles) -> None:
    files.ensure()
    (old,) = files.secrets()
    files.rotate()
    (new,) = files.secrets()
    assert (found(files, old), found(files, new)) == (None, "owner")
    assert stat.S_IMODE(files.token_path.stat().st_mode) == 0o600


def test_further_tokens_are_kept_as_hashes_with_their_scopes(files: TokenFiles) -> None:
    secret = files.add("ci", ["read", "git"])
    other = files.add("bot", ["runs"])
    text = files.tokens_path.read_text()
    assert secret not in text
    assert other not in text
    token = find(files.current(), secret)
    assert token is not None
    assert (token.name, token.scopes) == ("ci", frozenset({Scope.READ, Scope.GIT}))
    files.remove("ci")
    assert (found(files, secret), found(files, other)) == (None, "bot")


def test_another_process_sees_a_change_at_once(files: TokenFiles) -> None:
    other = TokenFiles(files.folder)
    assert other.current() == ()
    secret = files.add("ci", ["read"])
    assert found(other, secret) == "ci"
    files.remove("ci")
    assert found(other, secret) is None


def test_many_changes_at_once_are_all_made(tmp_path: Path) -> None:
    def add(number: int) -> str:
        return TokenFiles(tmp_path / "agentos").add(f"t{number}", ["read"])

    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(add, range(30)))
    files = TokenFiles(tmp_path / "agentos")
    assert [found(files, secret) for secret in secrets] == [f"t{n}" for n in range(30)]


@pytest.mark.parametrize(
    ("name", "scopes", "told"),
    [
        ("owner", ["read"], "invalid token name"),
        ("a b", ["read"], "invalid token name"),
        ("x", [], "--scopes"),
        ("x", ["all"], "--scopes all"),
        ("there", ["read"], "there is a token there already"),
    ],
)
def test_a_token_that_cannot_be_added_is_refused(
    files: TokenFiles, name: str, scopes: list[str], told: str
) -> None:
    files.add("there", ["read"])
    before = files.tokens_path.read_text()
    with pytest.raises(UsageError, match=told):
        files.add(name, scopes)
    assert files.tokens_path.read_text() == before


def test_to_remove_a_token_that_there_is_not_is_refused(files: TokenFiles) -> None:
    with pytest.raises(UsageError, match="there is no token ci"):
        files.remove("ci")


def test_the_token_of_the_environment_is_not_rotated_here(tmp_path: Path) -> None:
    files = TokenFiles(tmp_path / "agentos", "given-by-the-environment")
    assert files.ensure() is False
    assert not files.folder.exists()
    assert found(files, "given-by-the-environment") == "owner"
    assert files.secrets() == ("given-by-the-environment",)
    with pytest.raises(UsageError, match="AGENTOS_TOKEN"):
        files.rotate()


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o622])
def test_a_file_that_others_can_open_lets_nobody_in(files: TokenFiles, mode: int) -> None:
    files.ensure()
    files.token_path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        files.current()
    assert files.secrets() == ()


def test_a_folder_that_others_can_write_to_is_refused(files: TokenFiles) -> None:
    files.folder.mkdir()
    files.folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        files.ensure()


def test_a_link_or_a_folder_in_the_place_of_the_token_is_refused(
    files: TokenFiles, tmp_path: Path
) -> None:
    files.folder.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("x" * 40)
    elsewhere.chmod(0o600)
    files.token_path.symlink_to(elsewhere)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        files.current()
    files.token_path.unlink()
    files.token_path.mkdir()
    with pytest.raises(ConfigurationError, match="is not a plain file"):
        files.current()


@pytest.mark.parametrize("text", ["", "short", "two words that are long enough", "ä" * 40])
def test_a_file_that_holds_no_token_is_told(files: TokenFiles, text: str) -> None:
    files.ensure()
    files.token_path.write_text(text)
    with pytest.raises(ConfigurationError, match="--rotate-token"):
        files.current()
    files.rotate()
    assert files.current()[0].scopes == ALL_SCOPES


@pytest.mark.parametrize(
    "text",
    [
        "[tokens",
        "[tokens.x]\nscopes = ['read']\n",
        "[tokens.x]\nsha256 = 'short'\nscopes = ['read']\n",
        f"[tokens.x]\nsha256 = '{'0' * 64}'\n",
        f"[tokens.x]\nsha256 = '{'0' * 64}'\nscopes = ['all']\n",
        f"[tokens.x]\nsha256 = '{'0' * 64}'\nscopes = []\n",
        "\ud800",
    ],
)
def test_a_list_of_tokens_that_cannot_be_understood_lets_nobody_in(
    files: TokenFiles, text: str
) -> None:
    files.ensure()
    files.tokens_path.write_bytes(text.encode(errors="surrogatepass"))
    files.tokens_path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"tokens\.toml"):
        files.current()


def test_a_file_that_is_gone_counts_no_more(files: TokenFiles) -> None:
    files.ensure()
    assert files.current()
    files.token_path.unlink()
    assert files.current() == ()
