"""`codexmcp init` and `codexmcp sync` as programs, with the real Codex."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from codexmcp.codex.binary import find_codex
from codexmcp.home.sync.repository import FRAGMENT, SKILLS
from codexmcp.home.sync.strict_check import strict_problems
from codexmcp.settings import child_environment
from tests.support.screen import Screen
from tests.support.sync_places import OWNER, fill, tree

BOUND_S = 60
STUB = Path(__file__).parent.parent / "support" / "mcp_stub.py"
SECRET = "sk-proj-0123456789abcdefghijklmnop"


class Machine:
    """A Codex home and a repository that `codexmcp init` made."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.home = home
        self.repository = folder / "repo"
        self.env = {**os.environ, "CODEX_HOME": str(home), "HOME": str(folder)}
        self.env.pop("CLAUDE_CONFIG_DIR", None)

    def run(self, *words: str, told: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "codexmcp", *words],
            env=self.env,
            input=told,
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )

    def init(self) -> None:
        done = self.run("init", str(self.repository))
        assert done.returncode == 0, done.stderr

    def sync(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("sync", verb, "--repo", str(self.repository), *words)

    def json(self, verb: str, *words: str) -> Any:
        return json.loads(self.sync(verb, "--json", *words).stdout)


@pytest.fixture
def machine(tmp_path: Path, codex_home: Path) -> Machine:
    machine = Machine(tmp_path, codex_home)
    machine.init()
    return machine


def test_a_first_push_deploys_all_and_codex_takes_it(machine: Machine) -> None:
    done = machine.sync("push-runtime")
    assert done.returncode == 0, done.stderr
    assert "Codex takes the configuration" in done.stderr
    deployed = {path for path in tree(machine.home) if not path.startswith(".")}
    assert deployed == {
        "AGENTS.md",
        "config.toml",
        *(f"{name}.config.toml" for name in ("planner", "tools", "agentic", "cheap")),
        "agentos-memories",
        "agentos-memories/global.md",
        "agentos-memories/conventions.md",
        "skills",
        "skills/commit-style",
        "skills/commit-style/SKILL.md",
    }
    assert machine.sync("check-sync").returncode == 0
    assert machine.json("check-sync")["inSync"] is True


ASKING = 'default_tools_approval_mode = "approve"\n'


def test_push_and_check_tell_of_tools_that_unattended_runs_cannot_use(machine: Machine) -> None:
    fragment = machine.repository / FRAGMENT
    assert ASKING in fragment.read_text()
    machine.env |= {"MCP_STUB_TOKEN": "right", "AGENTOS_TOKEN": "right"}
    with subprocess.Popen(
        [sys.executable, str(STUB), "http"], env=machine.env, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            text = fragment.read_text().replace("http://127.0.0.1:3000/mcp", url)
            fragment.write_text(text)
            assert "agentOS-portfolio: " not in machine.sync("push-runtime").stderr
            fragment.write_text(text.replace(ASKING, ""))
            told = machine.sync("push-runtime").stderr
            assert "agentOS-portfolio: refused when nobody can be asked" in told
            assert "every tool" in told
            # Codex was asked elsewhere: the home holds nothing of it.
            assert not list(machine.home.glob("*.sqlite"))
            machine.env["AGENTOS_TOKEN"] = "wrong"
            (target,) = machine.json("check-sync")["targets"]
            assert "it refuses the token in AGENTOS_TOKEN (401)" in "".join(target["notes"])
        finally:
            server.terminate()
    (target,) = machine.json("check-sync")["targets"]
    assert "`codexmcp mcp check agentOS-portfolio` names them" in "".join(target["notes"])


def test_codex_itself_lists_what_was_deployed(machine: Machine) -> None:
    machine.sync("push-runtime")
    listed = machine.run("codex", "mcp", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert [each["name"] for each in json.loads(listed.stdout)] == ["agentOS-portfolio"]


def test_what_codex_writes_into_the_config_survives_pushing_and_cleaning(
    machine: Machine,
) -> None:
    machine.sync("push-runtime")
    added = machine.run("codex", "mcp", "add", "mine", "--", "echo")
    assert added.returncode == 0, added.stderr
    # It has written all MCP servers anew, and dropped our marker above them.
    drift = machine.json("check-sync")["targets"][0]["drift"]
    assert [each["state"] for each in drift] == ["rewritten"]
    assert machine.sync("push-runtime").returncode == 0
    assert machine.sync("check-sync").returncode == 0
    enabled = machine.run("codex", "features", "enable", "memories")
    assert enabled.returncode == 0, enabled.stderr
    assert machine.sync("check-sync").returncode == 0
    assert machine.run("codex", "mcp", "add", "other", "--", "echo").returncode == 0
    cleaned = machine.sync("clean-runtime", "--no-redeploy")
    assert cleaned.returncode == 0, cleaned.stderr
    config = (machine.home / "config.toml").read_text()
    for kept in ("[mcp_servers.mine]", "[mcp_servers.other]", "memories = true"):
        assert kept in config
    assert "codexmcp" not in config
    assert "openrouter" not in config


def test_cleaning_leaves_the_home_byte_for_byte_as_it_was(machine: Machine) -> None:
    fill(machine.home, {**OWNER, "config.toml": b'\xef\xbb\xbf# mine\r\nmodel = "gpt-5.5"'})
    before = tree(machine.home)
    assert machine.sync("push-runtime").returncode == 0
    assert machine.sync("clean-runtime").returncode == 0
    assert machine.sync("check-sync").returncode == 0
    done = machine.sync("clean-runtime", "--no-redeploy")
    assert done.returncode == 0, done.stderr
    assert tree(machine.home) == before


def test_drift_is_told_with_exit_code_1(machine: Machine) -> None:
    machine.sync("push-runtime", "--no-check")
    (machine.home / "skills/commit-style/SKILL.md").write_text("mine\n")
    (machine.home / "cheap.config.toml").unlink()
    done = machine.sync("check-sync")
    assert done.returncode == 1
    assert "SKILL.md was edited there" in done.stdout
    found = machine.json("check-sync")
    assert found["inSync"] is False
    assert [(each["path"], each["state"]) for each in found["targets"][0]["drift"]] == [
        ("cheap.config.toml", "missing"),
        ("skills/commit-style/SKILL.md", "edited"),
    ]


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (FRAGMENT, "nonsense = 1\n", "config.toml: "),
        (FRAGMENT, '[model_providers.x]\nbase_url = "u"\n', "provider name must not be empty"),
        ("clients/codex/profiles/bad.config.toml", "nonsense = 1\n", "bad.config.toml: "),
    ],
)
def test_what_codex_would_refuse_is_not_written(
    machine: Machine, path: str, text: str, told: str
) -> None:
    fill(machine.repository, {path: text})
    before = tree(machine.home)
    done = machine.sync("push-runtime")
    assert done.returncode == 78
    assert told in done.stderr
    assert "WARNING" not in done.stderr
    assert tree(machine.home) == before
    assert machine.sync("push-runtime", "--no-check").returncode == 0


def test_what_codex_refused_before_stands_in_nobodys_way(machine: Machine) -> None:
    fill(machine.home, {"config.toml": "nonsense = 1\n"})
    done = machine.sync("push-runtime")
    assert done.returncode == 0, done.stderr
    assert "as it did before" in done.stderr


def test_the_strict_check_leaves_the_home_alone_and_finds_its_files(codex_home: Path) -> None:
    fill(codex_home, {"notes.md": "Be brief.\n", "auth.json": "{}"})
    before = tree(codex_home)
    config = b'model_instructions_file = "notes.md"\n'
    codex = find_codex(None)
    files = {"config.toml": config, "p.config.toml": b"nonsense = 1\n"}
    problems = strict_problems(codex, codex_home, files, child_environment())
    assert list(problems) == ["p.config.toml"]
    assert tree(codex_home) == before
    missing = {"config.toml": config.replace(b"notes", b"nothing")}
    assert "nothing.md" in str(strict_problems(codex, codex_home, missing, child_environment()))


def test_a_codex_that_cannot_be_started_is_a_problem(tmp_path: Path) -> None:
    problems = strict_problems(tmp_path / "codex", tmp_path, {"config.toml": b""}, {})
    assert "cannot be started" in problems["config.toml"]


def test_a_secret_in_the_fragment_is_told(machine: Machine) -> None:
    headers = (
        f'[mcp_servers.x]\nurl = "u"\nhttp_headers = {{ Authorization = "Bearer {SECRET}" }}\n'
    )
    fill(machine.repository, {FRAGMENT: headers})
    done = machine.sync("push-runtime")
    assert f"{FRAGMENT}, line 3 holds what looks like a secret" in done.stderr
    assert SECRET not in done.stderr


def test_a_dry_run_shows_the_changes_and_writes_nothing(machine: Machine) -> None:
    before = tree(machine.home)
    done = machine.sync("push-runtime", "--dry-run")
    assert "+[mcp_servers.agentOS-portfolio]" in done.stdout
    assert "+++ " + str(machine.home / "planner.config.toml") in done.stdout
    assert machine.json("push-runtime", "--dry-run")["targets"][0]["dryRun"] is True
    assert tree(machine.home) == before


def test_all_clients_are_pushed_to_or_none(machine: Machine, tmp_path: Path) -> None:
    fill(tmp_path, {".cursor/skills/commit-style/SKILL.md": "mine\n"})
    done = machine.sync("push-runtime", "--target", "all", "--no-check")
    assert done.returncode == 78
    assert ".cursor/skills/commit-style/SKILL.md is there already" in done.stderr
    assert tree(machine.home) == {}
    (tmp_path / ".cursor/skills/commit-style/SKILL.md").unlink()
    assert machine.sync("push-runtime", "--target", "all", "--no-check").returncode == 0
    assert (tmp_path / ".claude/CLAUDE.md").exists()
    assert (tmp_path / ".cursor/skills/agentos-memory/SKILL.md").exists()
    assert machine.sync("check-sync", "--target", "claude", "--target", "cursor").returncode == 0


def test_pulling_keeps_nothing_that_nobody_said_to_keep(machine: Machine) -> None:
    machine.sync("push-runtime", "--no-check")
    fill(machine.home, {"skills/new/SKILL.md": "new\n"})
    before = tree(machine.repository)
    done = machine.sync("pull-runtime")
    assert done.returncode == 2
    assert "codex: skills/new/SKILL.md" in done.stdout
    assert tree(machine.repository) == before
    machine.sync("pull-runtime", "--dry-run")
    assert tree(machine.repository) == before


async def test_ctrl_c_at_the_question_keeps_nothing(machine: Machine, tmp_path: Path) -> None:
    fill(machine.home, {"skills/new/SKILL.md": "new\n"})
    before = tree(machine.repository)
    argv = [sys.executable, "-m", "codexmcp", "sync", "pull-runtime", "--repo"]
    async with Screen.run([*argv, str(machine.repository)], machine.env, tmp_path) as screen:
        await screen.shows("[y/N]")
        screen.type("\x03")
        assert await screen.exit_code() == 130
        await screen.shows("nothing was kept")
        assert "Traceback" not in screen.text
    assert tree(machine.repository) == before


def test_pulling_takes_no_secrets_no_links_out_and_nothing_of_codex(
    machine: Machine, tmp_path: Path
) -> None:
    machine.sync("push-runtime", "--no-check")
    fill(
        machine.home,
        {
            "skills/.system/own/SKILL.md": "Codex's own\n",
            "skills/new/SKILL.md": "new\n",
            "skills/new/run.sh": "#!/bin/sh\n",
            "skills/new/key.sh": f"first\nexport OPENAI_API_KEY={SECRET}\n",
            "memories/MEMORY.md": "remembered\n",
            "memories/.git/config.md": "git's own\n",
            "memories/raw.db": "no memory\n",
        },
    )
    (machine.home / "skills/new/run.sh").chmod(0o755)
    (machine.home / "skills/out").symlink_to(fill(tmp_path / "out", {"SKILL.md": "elsewhere\n"}))
    done = machine.sync("pull-runtime", "--yes")
    assert done.returncode == 0, done.stderr
    assert "skills/new/key.sh: line 2 holds what looks like a secret; it is left out" in done.stdout
    assert "skills/out is left out: a link out of the folder" in done.stderr
    pulled = tree(machine.repository / "clients/codex")
    assert {path for path, each in pulled.items() if each[1] is not None} == {
        "config-fragment.toml",
        *(f"profiles/{name}.config.toml" for name in ("planner", "tools", "agentic", "cheap")),
        "config-block.toml",
        "agentos-memories/global.md",
        "agentos-memories/conventions.md",
        "memories/MEMORY.md",
        "skills/commit-style/SKILL.md",
        "skills/new/SKILL.md",
        "skills/new/run.sh",
    }
    block = (machine.repository / "clients/codex/config-block.toml").read_text()
    assert block == (machine.repository / FRAGMENT).read_text()
    assert (machine.repository / "clients/codex/skills/new/run.sh").stat().st_mode & 0o100
    assert machine.sync("check-sync").returncode == 0
    pulled_again = machine.json("pull-runtime", "--yes", "--keep-flagged")["targets"][0]
    flagged = [each for each in pulled_again["files"] if each["secretLine"] == 2]
    assert [(each["path"], each["kept"]) for each in flagged] == [("skills/new/key.sh", True)]


def test_init_leaves_what_is_there(machine: Machine) -> None:
    again = machine.run("init", str(machine.repository))
    assert again.returncode == 0
    assert again.stdout == ""
    fill(machine.repository, {FRAGMENT: "mine = 1\n"})
    before = tree(machine.repository)
    done = machine.run("init", str(machine.repository))
    assert done.returncode == 78
    assert "is there already" in done.stderr
    assert tree(machine.repository) == before


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["sync"], 2, "COMMAND"),
        (["sync", "push-runtime", "--target", "emacs"], 2, "emacs"),
        (["sync", "push-runtime", "--target", "all", "--home", "x"], 2, "--home is the folder"),
        (["sync", "check-sync", "--repo", "/nonexistent"], 78, "codexmcp init"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    machine: Machine, words: list[str], code: int, told: str
) -> None:
    done = machine.run(*words)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_the_token_of_the_fragment_is_told_once_unless_it_is_there(machine: Machine) -> None:
    told = 'export AGENTOS_TOKEN="$(cat ~/.agentos/token)"'
    assert told in (machine.repository / "README.md").read_text()
    machine.env.pop("AGENTOS_TOKEN", None)
    assert told in machine.sync("push-runtime", "--no-check").stderr
    assert told not in machine.sync("push-runtime", "--no-check").stderr
    assert machine.sync("clean-runtime", "--no-redeploy").returncode == 0
    machine.env["AGENTOS_TOKEN"] = "t" * 40
    assert told not in machine.sync("push-runtime", "--no-check").stderr


def test_a_home_that_is_not_there_is_told(machine: Machine, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    done = machine.sync("check-sync", "--home", str(gone))
    assert done.returncode == 1
    assert f"{gone} is not there yet" in done.stderr


def test_init_names_a_file_that_is_no_folder(machine: Machine, tmp_path: Path) -> None:
    file = fill(tmp_path, {"file": "x"}) / "file"
    done = machine.run("init", str(file))
    assert done.returncode == 78
    assert f"{file} is a file" in done.stderr


@pytest.mark.parametrize("words", [[], ["--force"]])
def test_force_is_not_advised_where_it_does_not_help(machine: Machine, words: list[str]) -> None:
    machine.sync("push-runtime", "--no-check")
    config = machine.home / "config.toml"
    block = config.read_text()
    config.write_text(block + block)
    doubled = machine.sync("push-runtime", "--no-check", *words)
    config.write_text(f"{block}\nbroken =\n")
    broken = machine.sync("push-runtime", "--no-check", *words)
    assert (doubled.returncode, broken.returncode) == (78, 78)
    assert "delete one of the two with its markers" in doubled.stderr
    assert "correct that line" in broken.stderr
    for done in (doubled, broken):
        assert "--force does not help" in done.stderr
        assert "say --force" not in done.stderr


def test_a_server_that_sync_deployed_is_told_and_left_to_it(machine: Machine) -> None:
    machine.sync("push-runtime", "--no-check")
    before = tree(machine.home)
    (listed,) = json.loads(machine.run("mcp", "list", "--json").stdout)
    assert (listed["managed"], listed["synced"]) == (False, True)
    row = machine.run("mcp", "list").stdout.splitlines()[1].split()
    assert row[2] == "sync"
    name = "agentOS-portfolio"
    for words in (
        ["remove", name],
        ["remove", name, "--any"],
        ["add", name, "--replace", "--", "x"],
    ):
        done = machine.run("mcp", *words)
        assert done.returncode == 78
        assert "config-fragment.toml, and push" in done.stderr
        assert "--any" not in done.stderr
    assert tree(machine.home) == before
    machine.run("codex", "mcp", "add", "mine", "--", "echo")
    assert "`codexmcp sync push-runtime` repairs it" in machine.run("mcp", "list").stderr


def test_checking_five_hundred_skills_is_quick(machine: Machine) -> None:
    text = "---\nname: s\ndescription: d\n---\n\n{{client}}\n" + "text\n" * 200
    skills = {f"{SKILLS}/s{number}/SKILL.md": text for number in range(500)}
    fill(machine.repository, skills)
    machine.sync("push-runtime", "--no-check")
    took: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        assert machine.sync("check-sync").returncode == 0
        took.append(time.perf_counter() - start)
    # 0.2 s on two cores with nothing else to do; the bound is for a machine that is busy.
    assert min(took) < 2.0
