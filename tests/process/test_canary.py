"""A marked key is searched for by Codex's own commands, and in everything that a run leaves.

With full access two places cannot be hidden and are left out here: the environment of the program
that the user started with an exported key (`/proc/<pid>/environ`), and the user's own `.env`.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.testing import Request, Role, ScriptedModel, ShellCall, Step, Text
from tests.support.programs import Project

# The mark is put together by the shell alone: it must be neither in the rollout with the command
# nor in an argument of the search itself.
SEARCH = """\
mark=sk-canary-; mark=${{mark}}{half}
look() {{ if grep -qaF -f <(echo "$mark"); then echo "FOUND $1"; else echo "clean $1"; fi; }}
env | look env
cat {root}/.env 2>&1 | look dotenv
cat {root}/.codex/auth.json 2>&1 | look login
cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | look processes
cat /proc/[0-9]*/cmdline 2>/dev/null | look arguments
find {root}/.codex {root}/output -type f ! -name auth.json -exec cat {{}} + 2>/dev/null | look files
cat /tmp/codexmcp-*/* 2>/dev/null | look temporary
true
"""
PLACES = ("env", "dotenv", "login", "processes", "arguments", "files", "temporary")
SANDBOXED = ("read-only", "workspace-write")
MODES = (*SANDBOXED, "danger-full-access")


class Canary:
    """A key with a mark, and what a search for it has come to."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.half = project.root.name
        self.key = f"sk-canary-{self.half}"
        self.leaks: list[str] = []
        command = SEARCH.format(half=self.half, root=project.root)
        self.script: list[Step] = [ShellCall(command), self._look_around]

    def _look_around(self, request: Request) -> Text:
        """Search, while Codex waits, what commands may not see but others may."""
        ours = self.project.processes()
        for pid, arguments in ours.items():
            if self.key in arguments:
                self.leaks.append(f"arguments of {arguments}")
            # The program itself was given the key by the user; others may end meanwhile.
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{pid}/environ").read_bytes()
                if not self._is_program(arguments) and self.key.encode() in environment:
                    self.leaks.append(f"environment of {arguments}")
        for file in Path(tempfile.gettempdir()).glob("codexmcp-*/*"):
            if file.is_file() and self.key.encode() in file.read_bytes():
                self.leaks.append(str(file))
        return Text("searched")

    def _is_program(self, arguments: str) -> bool:
        names = (f"{self.project.root}/main.py", f"{self.project.root}/newway.py")
        return any(name in arguments for name in names)

    def found(self, model: ScriptedModel) -> set[str]:
        """Return where Codex's command has found the mark."""
        seen = [request for request in model.requests if request.role is Role.CODEX][1]
        output = json.dumps(seen.body["input"][-1])
        assert all(f"clean {place}" in output or f"FOUND {place}" in output for place in PLACES)
        return {place for place in PLACES if f"FOUND {place}" in output}

    def files(self) -> Iterator[Path]:
        """Return the files of the project that hold the mark."""
        for file in self.project.root.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if file.is_file() and self.key.encode() in file.read_bytes():
                    yield file


@pytest.fixture
def canary(project: Project) -> Canary:
    return Canary(project)


@pytest.mark.parametrize("mode", MODES)
async def test_an_exported_key_stays_out_of_reach(
    project: Project, program: str, canary: Canary, mode: str
) -> None:
    async with ScriptedModel(canary.script) as model:
        project.reach(model.base_url, canary.key)
        ran = await project.run(program, "search", "--sandbox", mode)
        found = canary.found(model)
        keys = {request.headers["authorization"] for request in model.requests}
    assert ran.code == 0, ran.err
    assert keys == {f"Bearer {canary.key}"}
    assert found <= (set() if mode in SANDBOXED else {"processes"})
    assert canary.leaks == []
    assert canary.key not in ran.out + ran.err
    assert list(canary.files()) == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_key_in_dotenv_stays_out_of_reach(
    project: Project, program: str, canary: Canary, mode: str
) -> None:
    dotenv = project.root / ".env"
    async with ScriptedModel(canary.script) as model:
        dotenv.write_text(f'OPENAI_API_KEY="{canary.key}"\nOPENAI_BASE_URL={model.base_url}\n')
        ran = await project.run(program, "search", "--sandbox", mode)
        found = canary.found(model)
    assert ran.code == 0, ran.err
    assert found <= (set() if mode in SANDBOXED else {"dotenv"})
    assert canary.leaks == []
    assert canary.key not in ran.out + ran.err
    assert list(canary.files()) == [dotenv]


@pytest.mark.parametrize("own", [False, True], ids=["through the proxy", "by Codex itself"])
@pytest.mark.parametrize("mode", SANDBOXED)
async def test_sandboxed_commands_cannot_read_a_login(
    project: Project, program: str, canary: Canary, mode: str, *, own: bool
) -> None:
    login = project.home / "auth.json"
    login.write_text(json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": canary.key}))
    async with ScriptedModel(canary.script) as model:
        project.env["OPENAI_BASE_URL"] = model.base_url
        if own:
            config = project.home / "config.toml"
            config.write_text(
                f'model_provider = "t"\n{config.read_text()}\n[model_providers.t]\nname = "t"\n'
                f'base_url = "{model.base_url}"\nwire_api = "responses"\n'
                "requires_openai_auth = true\n"
            )
        ran = await project.run(program, "search", "--sandbox", mode)
        found = canary.found(model)
        keys = {request.headers["authorization"] for request in model.requests}
    assert ran.code == 0, ran.err
    assert keys == {f"Bearer {canary.key}"}
    assert found == set()
    assert canary.leaks == []
    assert canary.key not in ran.out + ran.err
    assert list(canary.files()) == [login]
