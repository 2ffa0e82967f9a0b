"""What `codexmcp mcp-server --in-container` refuses before anything is started."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.mcp_server import SERVER, environment

ENDPOINT = "--model-endpoint=http://127.0.0.1:9/v1"


@pytest.fixture
def env(codex_home: Path, tmp_path: Path) -> dict[str, str]:
    """An environment with an engine that must not be started."""
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text("#!/bin/sh\nexit 99\n")
    engine.chmod(0o755)
    return environment(codex_home, PATH=str(engine.parent))


def refused(env: dict[str, str], cwd: Path, *flags: str) -> tuple[int, str]:
    ran = subprocess.run(
        [*SERVER, "--in-container=codexmcp:latest", *flags],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.stdout == ""
    return ran.returncode, ran.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([ENDPOINT, "--profile=x"], "which the container does not see"),
        (["--model-endpoint=https://model.example/v1"], "its certificate names another host"),
        ([ENDPOINT, "--workspace=/"], "it would hide /app/.codex of the image"),
        ([ENDPOINT, "--workspace=missing"], "missing is not a folder"),
        ([ENDPOINT, "--workspace=.", "--cwd=/"], "--cwd / is not in --workspace"),
        ([ENDPOINT, "--tools=runs", "--workspace=missing"], "missing is not a folder"),
    ],
)
def test_what_a_container_does_not_have_is_refused(
    env: dict[str, str], codex_home: Path, tmp_path: Path, flags: list[str], message: str
) -> None:
    (codex_home / "x.config.toml").touch()
    code, said = refused(env, tmp_path, *flags)
    assert code == 2
    assert message in said


def test_without_a_key_and_an_endpoint_it_is_told(env: dict[str, str], tmp_path: Path) -> None:
    code, said = refused(env, tmp_path)
    assert (code, "needs a key for the model" in said) == (78, True), said


def test_without_an_engine_it_is_told(env: dict[str, str], tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "bin")
    code, said = refused(env, tmp_path, ENDPOINT)
    assert code == 78
    assert "needs docker or podman, which is not on PATH" in said


def test_the_codex_home_itself_is_no_workspace(env: dict[str, str], codex_home: Path) -> None:
    code, said = refused(env, codex_home, ENDPOINT, "--workspace=.")
    assert code == 2
    assert "is the Codex home" in said


def test_a_client_hears_why_the_supervisor_with_its_container_cannot_start(
    env: dict[str, str], codex_home: Path, tmp_path: Path
) -> None:
    with tempfile.TemporaryDirectory(prefix="cms-") as runtime:
        env["XDG_RUNTIME_DIR"] = runtime
        code, said = refused(env, tmp_path, "--shared")
    assert code == 78
    assert "needs a key for the model" in said


@pytest.mark.parametrize(
    ("held", "door"),
    [
        (".ssh", ()),
        (".aws/credentials", ()),
        (".netrc", ()),
        (".agentos/token", ()),
        (".ssh", ("--shared",)),
        (".ssh", ("--tools=runs",)),
    ],
)
def test_a_workspace_with_credentials_is_refused(
    env: dict[str, str], tmp_path: Path, held: str, door: tuple[str, ...]
) -> None:
    workspace = tmp_path / "workspace"
    credentials = workspace / held
    credentials.parent.mkdir(parents=True)
    credentials.touch()
    with tempfile.TemporaryDirectory(prefix="cms-") as runtime:
        env["XDG_RUNTIME_DIR"] = runtime
        code, said = refused(env, tmp_path, ENDPOINT, *door, f"--workspace={workspace}")
    assert code == (78 if "--shared" in door else 2)
    assert f"holds credentials ({workspace / Path(held).parts[0]}" in said
    assert "--allow-credentials" in said


@pytest.mark.parametrize("place", ["home", "home/..", "passwd"])
def test_a_home_and_what_is_above_it_are_refused(
    env: dict[str, str], tmp_path: Path, place: str
) -> None:
    home = tmp_path / "me" / "home"
    home.mkdir(parents=True)
    env["HOME"] = str(home)
    named = (
        Path(pwd.getpwuid(os.geteuid()).pw_dir) if place == "passwd" else tmp_path / "me" / place
    )
    code, said = refused(env, tmp_path, ENDPOINT, f"--workspace={named}")
    assert code == 2
    assert "holds credentials (" in said


def test_a_project_below_a_home_is_not(env: dict[str, str], tmp_path: Path) -> None:
    project = tmp_path / "home" / "project"
    project.mkdir(parents=True)
    (tmp_path / "home" / ".ssh").mkdir()
    env["HOME"] = str(tmp_path / "home")
    _, said = refused(env, tmp_path, ENDPOINT, f"--workspace={project}")
    assert "credentials" not in said


def test_a_flag_takes_a_workspace_with_credentials(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    flags = (ENDPOINT, f"--workspace={tmp_path}", "--allow-credentials")
    _, said = refused(env, tmp_path, *flags)
    assert "credentials" not in said
