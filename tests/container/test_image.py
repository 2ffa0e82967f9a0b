"""What the image is: its size, its users, what may be written, and what is not in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from codexmcp.home.binary import package_version
from tests.support.builds import CHECKOUT, pinned_codex
from tests.support.containers import IMAGE, Engine

LIMIT_BYTES = 600_000_000
"""Docker counts the bytes of files, podman those of the layers' archives, which are 10 MB more."""

LOAD_ALL = """
import importlib.util, pathlib, sysconfig
site = pathlib.Path(sysconfig.get_path("platlib"))
for file in site.rglob("*.so"):
    name = ".".join(file.relative_to(site).with_name(file.name.split(".")[0]).parts)
    importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, file))
    print(name)
"""
WRITABLE = {"/app/.codex", "/app/output", "/home/codex", "/run/lock", "/tmp", "/var/tmp"}


async def test_the_image_is_at_most_600_mb(engine: Engine) -> None:
    ran = await engine.call("image", "inspect", "--format", "{{.Size}}", IMAGE)
    assert int(ran.out) <= LIMIT_BYTES


async def test_every_library_of_the_packages_can_be_loaded(engine: Engine) -> None:
    # What only debuggers need has been taken off them.
    ran = await engine.run("python", "-c", LOAD_ALL)
    assert ran.code == 0, ran.err
    assert {"pydantic_core._pydantic_core", "yaml._yaml"} <= set(ran.out.split())


async def test_it_runs_as_a_user_who_is_not_root_and_carries_labels(engine: Engine) -> None:
    ran = await engine.call("image", "inspect", "--format", "{{json .Config}}", IMAGE)
    config = json.loads(ran.out)
    assert config["User"] == "10001:0"
    assert config["WorkingDir"] == "/app"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert "CODEX_HOME=/app/.codex" in config["Env"]


async def test_nothing_that_runs_can_be_written_to(engine: Engine) -> None:
    ran = await engine.run("/usr/bin/find", "/", "-xdev", "!", "-type", "l", "-writable")
    # What the entrypoint has put into the home, from which nothing of the image runs.
    found = {path for path in ran.out.splitlines() if not path.startswith("/app/.codex/")}
    assert found == WRITABLE


async def test_the_history_shows_no_secret(engine: Engine) -> None:
    ran = await engine.call("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE)
    assert ran.code == 0
    assert "sk-" not in ran.out
    assert "API_KEY" not in ran.out


async def test_it_carries_the_locked_codex_and_no_node(engine: Engine) -> None:
    ran = await engine.run("codex", "--version")
    assert ran.out.split()[-1] == package_version(pinned_codex())
    node = await engine.run("sh", "-c", "command -v node npm uv pip3 gcc")
    assert node.out == ""


def test_no_file_but_the_named_ones_is_sent_to_the_engine(engine: Engine, folder: Path) -> None:
    secrets = [".env", ".codex/auth.json", "output/secret.txt", ".git/config", "scripts/key.pem"]
    for name in [*secrets, "src/codexmcp/__pycache__/a.pyc", ".codex/skills/.system/a", "main.py"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    shutil.copy(CHECKOUT / ".dockerignore", folder)
    (folder / "Context").write_text("FROM scratch\nCOPY . /\n")
    archive = folder.with_suffix(".tar")
    command = [engine.program, "build", "--file", str(folder / "Context"), "--output"]
    try:
        output = f"type=tar,dest={archive}"
        subprocess.run(
            [*command, output, str(folder)], check=True, capture_output=True, timeout=120
        )
        with tarfile.open(archive) as sent:
            names = {entry.name for entry in sent if entry.isfile()}
    finally:
        archive.unlink(missing_ok=True)
    assert names == {"main.py"}
