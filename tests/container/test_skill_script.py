"""scripts/test-skill-in-docker.sh, run as its users run it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.testing import HTTPError, ScriptedModel, Stall
from tests.support.builds import CHECKOUT
from tests.support.containers import BOUND_S, IMAGE, KEY, Engine, settings_of_engines
from tests.support.ended import Ended
from tests.support.skill_cases import DESCRIPTION, skill_text

SCRIPT = CHECKOUT / "scripts" / "test-skill-in-docker.sh"
SKILL = CHECKOUT / ".codex" / "skills" / "mcp-skill-smoke"
HOST = ("--", "--network=host")


class ScriptRun:
    """Runs the script with an environment of its own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.files = folder / "files"
        self.files.mkdir()
        self.script = SCRIPT
        self.before: tuple[str, ...] = ()

    async def __call__(self, *args: str, **env: str) -> Ended:
        """Run it to its end.

        Args:
            args: Its arguments.
            env: What is added to its environment.
        """
        surroundings = {
            **settings_of_engines(),
            "PATH": os.environ["PATH"],
            "HOME": str(self.files),
            "TMPDIR": str(self.files),
            "CONTAINER_ENGINE": self.engine.program,
            **env,
        }
        process = await asyncio.create_subprocess_exec(
            *self.before,
            *("bash", str(self.script), *args),
            env=surroundings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(BOUND_S):
                out, err = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    def kept(self) -> list[str]:
        """Return the names of the folders that it left."""
        return sorted(path.name for path in self.files.iterdir())


@pytest.fixture
def tester(engine: Engine, folder: Path) -> ScriptRun:
    return ScriptRun(engine, folder)


MakeSkill = Callable[..., Path]


@pytest.fixture
def make_skill(folder: Path) -> MakeSkill:
    """Writes a skill with a smoke command; returns the skills folder."""

    def make(name: str, smoke: str, description: str = DESCRIPTION) -> Path:
        skill = folder / "skills" / name
        skill.mkdir(parents=True)
        fields = (f"name: {name}", description, "metadata:", f"  smoke: {smoke}")
        (skill / "SKILL.md").write_bytes(skill_text(*fields))
        return skill.parent

    return make


async def test_without_a_key_it_rehearses_and_leaves_nothing(tester: ScriptRun) -> None:
    ran = await tester(IMAGE)
    assert (ran.code, ran.err) == (0, "")
    assert "rehearse of $mcp-skill-smoke" in ran.out
    assert "PASS: the skill ran from /app/.codex/skills/mcp-skill-smoke" in ran.out
    assert tester.kept() == []


async def test_with_a_key_it_runs_for_real_and_never_shows_the_key(tester: ScriptRun) -> None:
    # A model that follows the rehearsal's rule, and takes the place of a paid one.
    async with ScriptedModel(None) as model:
        env = {"OPENAI_API_KEY": f' "{KEY}"\r', "OPENAI_BASE_URL": model.base_url}
        ran = await tester("--keep", *HOST, **env)
        keys = {request.headers.get("authorization") for request in model.requests}
    assert (ran.code, keys) == (0, {f"Bearer {KEY}"}), ran.err
    (kept,) = tester.files.iterdir()
    said = [path.read_text() for path in kept.rglob("*") if path.is_file()]
    assert any("nonce=" in text for text in said)
    assert KEY not in "".join([ran.out, ran.err, *said])


async def test_the_key_of_a_dotenv_is_found_with_its_quotes(
    tester: ScriptRun, folder: Path
) -> None:
    (folder / "scripts").mkdir()
    tester.script = Path(shutil.copy(SCRIPT, folder / "scripts"))
    (folder / ".env").write_bytes(f"A=1\r\nOPENAI_API_KEY='{KEY}'\r\n".encode())
    async with ScriptedModel(None) as model:
        ran = await tester(*HOST, OPENAI_BASE_URL=model.base_url)
        keys = {request.headers.get("authorization") for request in model.requests}
    assert (ran.code, keys) == (0, {f"Bearer {KEY}"}), ran.err


async def test_a_key_does_not_change_a_rehearsal_that_was_asked_for(tester: ScriptRun) -> None:
    ran = await tester("--rehearse", OPENAI_API_KEY=KEY)
    assert ran.code == 0, ran.err
    assert "rehearse of" in ran.out


async def test_a_refused_key_is_told_apart(tester: ScriptRun) -> None:
    refusals = [HTTPError(401, "Incorrect API key provided", code="invalid_api_key")] * 20
    async with ScriptedModel(refusals, refusals) as model:
        ran = await tester(*HOST, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=model.base_url)
    assert ran.code == 6, ran.err
    assert "the key is refused" in ran.err
    assert KEY not in ran.err


async def test_a_missing_key_is_told_apart(tester: ScriptRun, folder: Path) -> None:
    (folder / "scripts").mkdir()
    tester.script = Path(shutil.copy(SCRIPT, folder / "scripts"))
    ran = await tester("--real")
    assert ran.code == 5
    assert "there is no key" in ran.err


async def test_a_blocked_sandbox_is_told_apart(tester: ScriptRun) -> None:
    if tester.engine.is_podman:
        pytest.skip("podman's own profile lets Codex's sandbox work")
    ran = await tester(CODEX_SANDBOX_MODE="workspace-write")
    assert ran.code == 7, ran.err
    assert "seccomp.json" in ran.err


async def test_a_skill_that_is_not_loaded_is_told_apart(
    tester: ScriptRun, make_skill: MakeSkill
) -> None:
    skills = make_skill("other", "true")
    ran = await tester("--", f"--volume={skills}:/app/.codex/skills:ro")
    assert ran.code == 8, ran.err
    assert "mcp-skill-smoke is not loaded" in ran.err


async def test_a_skill_that_fails_is_told_apart_and_its_files_are_kept(
    tester: ScriptRun, folder: Path
) -> None:
    skill = Path(shutil.copytree(SKILL, folder / "skills" / SKILL.name))
    (skill / "scripts" / "run-smoke.sh").write_text("#!/usr/bin/env bash\necho no >&2; exit 3\n")
    ran = await tester("--", f"--volume={skill.parent}:/app/.codex/skills:ro")
    assert ran.code == 9, ran.err
    assert "exit code 3" in ran.err
    (kept,) = tester.kept()
    assert f"files are in {tester.files / kept}" in ran.err


async def test_a_result_of_another_script_does_not_pass(tester: ScriptRun) -> None:
    copied = "cp -r /app/.codex/skills/mcp-skill-smoke /tmp/x && bash /tmp/x/scripts/run-smoke.sh"
    ran = await tester(MCP_SKILL_PROMPT=f"run `{copied}`")
    assert ran.code == 8, ran.err
    assert "script_path=/tmp/x/scripts/run-smoke.sh" in ran.err


async def test_a_missing_engine_and_a_missing_image_are_told_apart(tester: ScriptRun) -> None:
    ran = await tester("no-such-image:0")
    assert (ran.code, "there is no image no-such-image:0" in ran.err) == (4, True)
    tester.engine = replace(tester.engine, program="no-such-engine")
    ran = await tester()
    assert (ran.code, "there is no no-such-engine" in ran.err) == (3, True)
    assert tester.kept() == []


async def test_an_engine_that_cannot_set_its_limits_is_told_apart(
    tester: ScriptRun, folder: Path
) -> None:
    engine = folder / "podman"
    # What it says as root where CAP_SYS_RESOURCE is missing (4.3.1).
    said = (
        "Error: runc: error setting rlimit type 7: operation not permitted: OCI permission denied"
    )
    engine.write_text(f'#!/bin/sh\n[ "$1" != run ] || {{ echo "{said}" >&2; exit 126; }}\n')
    engine.chmod(0o755)
    tester.engine = replace(tester.engine, program=str(engine))
    for words in ((), ("--skills", str(SKILL.parent))):
        ran = await tester(*words)
        assert ran.code == 3
        assert "add -- --ulimit nofile=4096:4096 --ulimit nproc=4096:4096, or" in ran.err
        assert "`default_ulimits = []`" in ran.err


async def test_its_time_is_bounded_and_no_container_is_left(tester: ScriptRun) -> None:
    mark = f"--label=test={tester.files}"
    silent = [Stall()] * 5
    async with ScriptedModel(silent, silent) as model:
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.base_url}
        ran = await tester("--timeout", "5", *HOST, mark, **env)
    assert ran.code == 124, ran.err
    left = await tester.engine.call("ps", "--all", "--quiet", f"--filter=label=test={tester.files}")
    assert left.out == ""


async def test_a_folder_of_skills_is_checked_and_each_smoke_command_rehearsed(
    tester: ScriptRun, make_skill: MakeSkill
) -> None:
    make_skill("one", "echo one")
    ran = await tester("--skills", str(make_skill("two", "echo two")), OPENAI_API_KEY=KEY)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[1:] == [
        "ok: one",
        "ok: two",
        "PASS: the skills have no faults, and 2 of them passed a smoke test",
    ]


async def test_faults_of_a_folder_of_skills_are_shown(
    tester: ScriptRun, make_skill: MakeSkill
) -> None:
    ran = await tester("--skills", str(make_skill("one", "true", "description: *x")))
    assert ran.code == 10, ran.err
    assert "/app/.codex/skills/one/SKILL.md:3: dropped:" in ran.out


async def test_an_empty_folder_of_skills_fails(tester: ScriptRun, folder: Path) -> None:
    (folder / "skills").mkdir()
    assert (await tester("--skills", str(folder / "skills"))).code == 10


async def test_a_smoke_command_that_fails_fails_the_test(
    tester: ScriptRun, make_skill: MakeSkill
) -> None:
    # It leaves a file, which alone would count as work done.
    ran = await tester("--skills", str(make_skill("one", "touch x; exit 4")))
    assert ran.code == 9, ran.err
    assert "smoke command of one failed" in ran.err


def socket_group(engine: Engine) -> int:
    """Return the group that may use the engine."""
    socket = Path("/var/run/docker.sock")
    if engine.is_podman or not socket.exists():
        pytest.skip("only Docker's socket can be lent to another user")
    return socket.stat().st_gid


@pytest.mark.usefixtures("as_root")
async def test_a_user_who_is_not_root_can_run_it(tester: ScriptRun) -> None:
    group = socket_group(tester.engine)
    tester.files.chmod(0o777)
    tester.before = ("setpriv", "--reuid=1234", f"--regid={group}", "--clear-groups")
    ran = await tester("--keep")
    assert ran.code == 0, ran.err
    (result,) = tester.files.rglob("skill-smoke-result.txt")
    assert result.stat().st_uid == 1234


@pytest.mark.parametrize(
    "args", [["a", "b"], ["--no"], ["--timeout", "0"], ["--skills"], ["--skills", "/nowhere"]]
)
async def test_wrong_usage_ends_with_2(tester: ScriptRun, args: list[str]) -> None:
    ran = await tester(*args)
    assert (ran.code, ran.out) == (2, "")
    assert "--help says more" in ran.err


async def test_help_is_help_without_an_engine(tester: ScriptRun) -> None:
    tester.engine = replace(tester.engine, program=sys.executable)
    ran = await tester("--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("usage: test-skill-in-docker.sh")
