from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.cli.container_location import conversations_name, located
from codexmcp.cli.options.parts import CodexFlags
from codexmcp.cli.shared import address_for
from codexmcp.command_line import parse, words_of
from codexmcp.errors import ConfigurationError
from codexmcp.settings import Settings

SETTINGS = Settings(codex_home=Path("/home/me/.codex"))


@pytest.fixture(autouse=True)
def _engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("docker", "podman"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def parsed(*words: str, cwd: Path | None = None) -> CodexFlags:
    return located(parse(CodexFlags, words), cwd)


def address(*words: str) -> str:
    return address_for(parsed(*words), SETTINGS, {}).id


def test_another_image_workspace_or_engine_leads_to_another_supervisor(tmp_path: Path) -> None:
    base = ("--in-container", "image", "--workspace", str(tmp_path))
    others = [
        (),
        base,
        ("--in-container", "other", "--workspace", str(tmp_path)),
        ("--in-container", "image", "--workspace", "/"),
        (*base, "--container-engine", "podman"),
    ]
    assert len({address(*options) for options in others}) == len(others)


def test_options_of_a_container_have_no_effect_without_an_image(tmp_path: Path) -> None:
    assert address("--workspace", str(tmp_path), "--allow-credentials") == address()


def test_a_supervisor_that_is_started_gets_the_callers_options(tmp_path: Path) -> None:
    options = ("--in-container", "image", "--workspace", str(tmp_path))
    assert words_of(parsed("-c", "a=1", *options, "--allow-credentials")) == [
        *("--config", "a=1"),
        *options,
        *("--container-engine", "docker"),
        "--allow-credentials",
    ]


def test_the_engine_that_is_found_may_also_be_named(tmp_path: Path) -> None:
    base = ("--in-container", "image", "--workspace", str(tmp_path))
    assert address(*base) == address(*base, "--container-engine", "docker")


def test_the_workspace_is_where_one_is_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "link").symlink_to("project")
    monkeypatch.chdir(project)
    start = ("--in-container", "image")
    assert parsed(*start).workspace == project
    assert parsed(*start, cwd=Path("..")).workspace == tmp_path
    assert parsed(*start, "--workspace", str(tmp_path / "link")).workspace == project


def test_the_words_lead_to_the_same_place(tmp_path: Path) -> None:
    given = parsed("--in-container", "image", "--workspace", str(tmp_path))
    assert parsed(*words_of(given)) == given
    assert words_of(parsed()) == []


def test_conversations_belong_to_the_workspace_whatever_the_image(tmp_path: Path) -> None:
    assert conversations_name(tmp_path) != conversations_name(tmp_path / "below")


def test_without_an_engine_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigurationError, match="docker or podman, which is not on PATH"):
        parsed("--in-container", "image")
