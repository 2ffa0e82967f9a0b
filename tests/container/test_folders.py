"""Mounted folders: who owns what is written, and what is told when nothing can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.container.test_modes import SCRIPT, SMOKE
from tests.support.containers import USER, Engine

WRITE = "run `mkdir made && echo hello > made/file`"
UNPRIVILEGED = ["--cap-drop=ALL", "--security-opt=no-new-privileges"]


@pytest.fixture
def output(folder: Path) -> Path:
    path = folder / "output"
    path.mkdir(mode=0o755)
    return path


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def owner_and_mode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_mode & 0o777


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(("owner", "writer"), [(0, USER), (1000, 1000), (USER, USER)])
async def test_what_is_written_belongs_to_the_folders_owner_where_that_is_not_root(
    engine: Engine, output: Path, owner: int, writer: int
) -> None:
    os.chown(output, owner, 0 if owner == USER else owner)
    ran = await engine.run("--rehearse", WRITE, flags=[f"--volume={output}:/app/output"])
    assert ran.code == 0, ran.err
    assert owner_and_mode(output / "made" / "file") == (writer, 0o664)
    assert owner_and_mode(output)[0] == owner


async def test_the_caller_may_be_named(engine: Engine, output: Path) -> None:
    flags = [f"--volume={output}:/app/output", *engine.as_caller, *UNPRIVILEGED]
    ran = await engine.run("--rehearse", WRITE, flags=flags)
    assert ran.code == 0, ran.err
    assert owner_and_mode(output / "made" / "file")[0] == os.getuid()


async def test_where_users_have_other_numbers_the_remedy_is_another(
    engine: Engine, output: Path
) -> None:
    if not engine.is_podman:
        pytest.skip("this Docker has the host's users")
    other = ["--user=1234:1234"] if engine.is_rootless else ["--uidmap=0:100000:65536"]
    ran = await engine.run("--rehearse", WRITE, flags=[f"--volume={output}:/app/output", *other])
    assert ran.code == 78
    assert 'without --user, or with podman --userns keep-id --user "$(id -u)' in ran.err


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("flags", [UNPRIVILEGED, ["--user=4321:8765"]])
@pytest.mark.parametrize("owner", [0, 1000])
async def test_an_output_that_cannot_be_written_to_is_told_with_the_remedy(
    engine: Engine, output: Path, owner: int, flags: list[str]
) -> None:
    os.chown(output, owner, owner)
    mounted = [f"--volume={output}:/app/output", *flags]
    ran = await engine.run("build it", flags=mounted, env={"OPENAI_API_KEY": "sk-test"})
    assert ran.code == 78
    assert f"cannot write to /app/output: it belongs to {owner}:{owner}" in ran.err
    assert '--user "$(id -u):$(id -g)"' in ran.err
    assert is_empty(output)


async def test_a_read_only_output_is_told(engine: Engine, output: Path) -> None:
    ran = await engine.run("--rehearse", WRITE, flags=[f"--volume={output}:/app/output:ro"])
    assert ran.code == 78
    assert "mount it without :ro" in ran.err


async def test_a_volume_works_as_it_is(engine: Engine) -> None:
    ran = await engine.run(
        "--rehearse", WRITE, flags=["--volume=/app/output", "--volume=/app/.codex"]
    )
    assert ran.code == 0, ran.err


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("left", ["auth.json", "state_5.sqlite", "sessions"])
async def test_a_home_with_the_state_of_another_user_is_told_with_the_remedy(
    engine: Engine, folder: Path, left: str
) -> None:
    home = folder / "home"
    home.mkdir()
    home.chmod(0o777)
    state = home / left
    if left == "sessions":
        state.mkdir(mode=0o700)
    else:
        state.touch(mode=0o600)
    os.chown(state, 4321, 4321)
    flags = [f"--volume={home}:/app/.codex"]
    ran = await engine.run("go on", flags=flags, env={"OPENAI_API_KEY": "sk-test"})
    assert ran.code == 78
    assert f"in use by another user: {left} belongs to 4321:4321" in ran.err
    assert "--user 4321:4321" in ran.err


async def test_skills_may_be_mounted_read_only(engine: Engine, folder: Path) -> None:
    skill = folder / "skills" / "greet"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(
        '---\nname: greet\ndescription: Greets.\n---\n\n```bash\nbash "scripts/greet.sh"\n```\n'
    )
    (skill / "scripts").mkdir()
    (skill / "scripts" / "greet.sh").write_text("echo greeted from $0\n")
    flags = [f"--volume={folder / 'skills'}:/app/.codex/skills:ro"]
    ran = await engine.run("--rehearse", "$greet me", flags=flags)
    assert ran.code == 0, ran.err
    assert "greeted from /app/.codex/skills/greet/scripts/greet.sh" in ran.out
    assert "ERROR" not in ran.err
    missing = await engine.run("--rehearse", SMOKE, flags=flags)
    assert SCRIPT not in missing.out
