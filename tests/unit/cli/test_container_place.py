from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from codexmcp.cli import app
from codexmcp.cli.container_place import container_words, conversations_name, workspace_of
from codexmcp.cli.shared import address_for
from codexmcp.errors import ConfigurationError
from codexmcp.settings import Settings

SETTINGS = Settings(codex_home=Path("/home/me/.codex"))
STARTS = (["mcp-server", "--shared"], ["serve"], ["runs", "start", "go"], ["runs", "resume", "x"])


@pytest.fixture(autouse=True)
def _engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("docker", "podman"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def parsed(words: list[str], *more: str) -> argparse.Namespace:
    return app._parser(words).parse_args([*words, *more])


def address(words: list[str], *more: str) -> str:
    return address_for(parsed(words, *more), SETTINGS, {}).id


def test_the_same_options_lead_to_the_same_supervisor_from_everywhere(tmp_path: Path) -> None:
    options = ("--in-container", "image", "--workspace", str(tmp_path))
    assert len({address(words, *options) for words in STARTS}) == 1


def test_another_image_workspace_or_engine_leads_to_another_supervisor(tmp_path: Path) -> None:
    base = ("--in-container", "image", "--workspace", str(tmp_path))
    others = [
        (),
        base,
        ("--in-container", "other", "--workspace", str(tmp_path)),
        ("--in-container", "image", "--workspace", "/"),
        (*base, "--container-engine", "podman"),
    ]
    assert len({address(["serve"], *options) for options in others}) == len(others)


def test_the_engine_that_is_found_may_also_be_named(tmp_path: Path) -> None:
    base = ("--in-container", "image", "--workspace", str(tmp_path))
    assert address(["serve"], *base) == address(["serve"], *base, "--container-engine", "docker")


def test_the_workspace_is_where_one_is_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to("project")
    monkeypatch.chdir(tmp_path / "project")
    start = ["mcp-server", "--in-container", "image"]
    project = tmp_path / "project"
    assert workspace_of(parsed(start)) == project
    assert workspace_of(parsed(start, "--cwd", "..")) == tmp_path
    assert workspace_of(parsed(start, "--workspace", str(tmp_path / "link"))) == project


def test_the_words_lead_to_the_same_place(tmp_path: Path) -> None:
    given = parsed(["serve"], "--in-container", "image", "--workspace", str(tmp_path))
    words = container_words(given)
    assert container_words(parsed(["serve"], *words)) == words
    assert container_words(parsed(["serve"])) == []


def test_conversations_belong_to_the_workspace_whatever_the_image(tmp_path: Path) -> None:
    assert conversations_name(tmp_path) != conversations_name(tmp_path / "below")


def test_without_an_engine_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigurationError, match="docker or podman, which is not on PATH"):
        container_words(parsed(["serve"], "--in-container", "image"))
