"""What the image is: its size, its users, what may be written, and what is not in it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from codexmcp.codex.binary import package_version
from codexmcp.testing import ScriptedModel, Text
from tests.support.builds import CHECKOUT, pinned_codex
from tests.support.containers import IMAGE, KEY, Engine

LIMIT_BYTES = 600_000_000
ARCHIVES_BYTES = 12_000_000
"""Docker counts the bytes of files, podman those of the layers' archives."""

LOAD_ALL = """
import importlib.util, pathlib, sysconfig
site = pathlib.Path(sysconfig.get_path("platlib"))
for file in site.rglob("*.so"):
    name = ".".join(file.relative_to(site).with_name(file.name.split(".")[0]).parts)
    importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, file))
    print(name)
"""
FIND_TIMES = """
import json, os, pathlib, struct
time, changed, bytecode, checked = 1767225600, [], [], 0
for top in ("/app/.venv", "/app/scripts", "/usr/local/bin", "/usr/local/libexec", "/etc/codex"):
    for folder, _, files in os.walk(top):
        for path in (pathlib.Path(folder, name) for name in (".", *files)):
            checked += 1
            if path.lstat().st_mtime > time:
                changed.append(str(path))
            if path.suffix == ".pyc":
                flags, made = struct.unpack("<II", path.read_bytes()[4:12])
                if not flags & 1 and made > time:
                    bytecode.append(str(path))
            if path.name == "RECORD" and "uv_cache" in path.read_text():
                changed.append(str(path))
for path in map(pathlib.Path, ("/etc/shadow", "/etc/passwd", "/var/lib/dpkg/status", "/app")):
    if path.lstat().st_mtime > time:
        changed.append(str(path))
print(json.dumps({"changed": changed, "bytecode": bytecode, "checked": checked}))
"""
MAKE_SETUID = """
import ctypes
open("made", "w").close()
libc = ctypes.CDLL(None, use_errno=True)
# The last is fchmodat2, which the libseccomp of many hosts does not know.
made = [libc.chmod(b"made", mode) for mode in (0o4755, 0o2755, 0o755)]
print(*made, libc.syscall(452, -100, b"made", 0o4755, 0))
"""
WORK_WITH_GIT = """
set -e
git init -q made && cd made && git config user.name me && git config user.email me@x
echo a >a && git add a && git commit -qm first
git clone -q . ../copy && git log --oneline && git submodule status && git stash list
curl --version | head -n 1
# There is no server, and that is what it says.
git ls-remote http://127.0.0.1:9/x 2>&1 | tail -n 1
"""
LIST_PACKAGES = """
from importlib.metadata import distributions
print(*(each.metadata["Name"] for each in distributions()))
"""
WRITABLE = {"/app/.codex", "/app/output", "/home/codex", "/run/lock", "/tmp", "/var/tmp"}


async def test_the_image_is_at_most_600_mb(engine: Engine) -> None:
    ran = await engine.call("image", "inspect", "--format", "{{.Size}}", IMAGE)
    assert int(ran.out) <= LIMIT_BYTES + (ARCHIVES_BYTES if engine.is_podman else 0)


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


async def test_no_file_names_the_time_of_its_build(engine: Engine) -> None:
    ran = await engine.run("python", "-c", FIND_TIMES)
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["changed"] == []
    assert told["bytecode"] == []
    assert told["checked"] > 1000


@pytest.mark.skipif(
    "CODEXMCP_TEST_REBUILD" not in os.environ, reason="two builds take minutes of two processors"
)
@pytest.mark.timeout(1800)
async def test_two_builds_have_the_same_layers(engine: Engine) -> None:
    def layers() -> object:
        argv = [engine.program, "build", "--no-cache", "--quiet", str(CHECKOUT)]
        built = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=800)
        argv = [engine.program, "image", "inspect", built.stdout.strip()]
        told = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60)
        return json.loads(told.stdout)[0]["RootFS"]

    assert await asyncio.to_thread(layers) == await asyncio.to_thread(layers)


async def test_no_program_of_the_base_changes_its_user(engine: Engine) -> None:
    ran = await engine.run("/usr/bin/find", "/", "-xdev", "-type", "f", "-perm", "/6000")
    assert ran.out == "/usr/local/libexec/codexmcp/setpriv\n"


async def test_a_command_can_make_no_file_that_changes_its_user(
    engine: Engine, folder: Path
) -> None:
    flags = [f"--volume={folder}:/app/output", "--workdir=/app/output", *engine.as_caller]
    ran = await engine.run("python", "-c", MAKE_SETUID, flags=flags)
    assert ran.out == "-1 -1 0 -1\n", ran
    status = await asyncio.to_thread((folder / "made").stat)
    assert status.st_mode & 0o7777 == 0o755


async def test_it_carries_git_and_curl_which_work(engine: Engine) -> None:
    ran = await engine.run("sh", "-c", WORK_WITH_GIT, flags=["--workdir=/tmp"])
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0].endswith(" first")
    assert lines[1].startswith("curl ")
    assert "Failed to connect to 127.0.0.1" in ran.out


async def test_what_is_built_in_a_tmpfs_can_be_executed(engine: Engine) -> None:
    make = "printf '#!/bin/sh\necho ran\n' >{0}/made && chmod +x {0}/made && {0}/made"
    flags = ["--read-only", "--tmpfs=/app/.codex", "--tmpfs=/tmp:exec", "--tmpfs=/home/codex:exec"]
    command = " && ".join(make.format(folder) for folder in ("/tmp", "/home/codex"))
    ran = await engine.run("sh", "-c", command, flags=[*flags, "--user=4321:8765"])
    assert ran.out == "ran\nran\n", ran.err


async def test_it_lists_what_it_is_made_of(engine: Engine) -> None:
    ran = await engine.run("cat", "/usr/local/share/codexmcp/sbom.cdx.json")
    listed = json.loads(ran.out)
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    versions = {each["name"]: each["version"] for each in listed["components"]}
    assert versions["openai-codex-cli-bin"] == package_version(pinned_codex())
    installed = await engine.run("python", "-c", LIST_PACKAGES)
    names = {name.lower().replace("_", "-") for name in installed.out.split()}
    assert {"codexmcp-agents", "mcp", "openai"} <= names <= versions.keys()
    debian = await engine.run("sh", "-c", "dpkg-query -W -f '${Package} '")
    assert {"bash", "curl", "python3", "tini"} <= set(debian.out.split()) <= versions.keys()
    told = await engine.run("sh", "-c", "git --version")
    assert versions["git"].split(":")[-1].split("-")[0] in told.out


async def test_one_shot_runs_are_healthy_while_they_run(engine: Engine) -> None:
    ran = await engine.call("image", "inspect", "--format", "{{json .Config}}", IMAGE)
    check = json.loads(ran.out).get("Healthcheck")
    if check is None and engine.is_podman:
        pytest.skip("the format of podman's own images knows no health check")
    assert check is not None
    assert check["Test"] == ["CMD", "/app/scripts/entrypoint.sh", "healthcheck"]
    async with engine.start("sh", "-c", "sleep 60") as container:
        assert (await container.execute(*check["Test"][1:])).code == 0


async def test_the_health_of_a_supervisor_is_that_of_its_codex(engine: Engine) -> None:
    check = ("/app/scripts/entrypoint.sh", "healthcheck")
    started = ["codexmcp", "runs", "start", "--wait", "go on"]
    async with ScriptedModel([Text("done")]) as model:
        env = {"OPENAI_API_KEY": KEY, "CODEXMCP_AUTH": "proxy", "OPENAI_BASE_URL": model.base_url}
        async with engine.start("serve", flags=["--network=host"], env=env) as container:
            await container.succeeds(*check)
            ran = await container.execute("/app/scripts/entrypoint.sh", *started[1:])
            assert ran.code == 0, ran.err
            find = (
                "grep --text --files-with-matches [a]pp-server /proc/[0-9]*/cmdline | cut -d/ -f3"
            )
            stop = f"kill -STOP $({find})"
            await container.execute("bash", "-c", stop)
            sick = await container.execute(*check)
            assert sick.code == 124, sick
            assert "does not answer" in sick.out
            await container.execute("bash", "-c", stop.replace("STOP", "CONT"))
            assert (await container.execute(*check)).code == 0


async def test_the_history_shows_no_secret(engine: Engine) -> None:
    ran = await engine.call("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE)
    assert ran.code == 0
    assert "sk-" not in ran.out
    assert "API_KEY" not in ran.out


async def test_it_carries_the_locked_codex_and_no_node(engine: Engine) -> None:
    ran = await engine.run("codex", "--version")
    assert ran.out.split()[-1] == package_version(pinned_codex())
    node = await engine.run("sh", "-c", "command -v node npm uv pip pip3 gcc")
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
