"""`codexmcp serve` with arguments that do not go together, as a user mistypes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import codexmcp


@pytest.mark.parametrize(
    "words",
    [
        ["--fs-root", "/tmp"],
        ["--sandbox", "read-only"],
        ["--status", "--port", "1"],
        ["--allow-remote"],
    ],
)
async def test_what_is_for_http_alone_is_refused_without_it(
    codex_home: Path, words: list[str]
) -> None:
    ran = await codexmcp(codex_home, "serve", *words)
    assert ran.code == 2
    assert "would have no effect without --http" in ran.err


async def test_a_token_for_nothing_is_refused(codex_home: Path) -> None:
    ran = await codexmcp(codex_home, "serve", "--add-token", "ci")
    assert ran.code == 2
    assert "--scopes read,git" in ran.err


async def test_a_root_that_is_never_served_is_refused_before_a_token_is_made(
    codex_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(codex_home)
    for root in (str(tmp_path / "nosuch"), str(codex_home), str(tmp_path / "link")):
        words = ("serve", "--http", "--port", "0", "--fs-root", root)
        ran = await codexmcp(codex_home, *words, HOME=str(tmp_path))
        assert ran.code == 78, ran
        assert root in ran.err
    assert not (tmp_path / ".agentos").exists()
