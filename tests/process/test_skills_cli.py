"""The check of skills, beside what the real Codex makes of the same folders."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.home.skills.check import check_skills
from codexmcp.home.skills.codex_view import CodexView, view_skills
from codexmcp.testing import ScriptedModel, Text
from tests.support.builds import NPM_VERSION, ORACLE_VERSION, codex_build, pinned_codex
from tests.support.real_app_server import conversation, environment, launch_options
from tests.support.skill_cases import (
    DESCRIPTION,
    DROPPED,
    LISTED,
    scrambled,
    skill_text,
    write_cases,
)

BOUND_S = 60.0
DEEP = "1/2/3/4/5/6/7"


def codexmcp(home: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codexmcp", "skills", *words],
        env=environment(home),
        cwd=cwd or home,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )


async def listed(home: Path) -> dict[Path, str]:
    """Return the names of the skills in a home that Codex lists; its own are left out."""
    async with AppServer.launch(launch_options(home)) as server:
        answer = await server.call("skills/list", {"cwds": [str(home)], "forceReload": True})
    (entry,) = answer["data"]
    skills = {Path(each["path"]).parent: str(each["name"]) for each in entry["skills"]}
    own = home / "skills" / ".system"
    return {
        folder: name
        for folder, name in skills.items()
        if folder.is_relative_to(home) and not folder.is_relative_to(own)
    }


async def view(*folders: Path, codex: Path | None = None) -> CodexView:
    env = environment(folders[0])
    return await asyncio.to_thread(view_skills, folders, codex or pinned_codex(), env)


async def test_the_check_drops_exactly_the_front_matter_that_codex_drops(codex_home: Path) -> None:
    cases = LISTED | DROPPED
    written = write_cases(codex_home / "skills", cases)
    theirs = await listed(codex_home)
    report = check_skills([codex_home / "skills"], ())
    ours = {skill.path: skill.name for skill in report.skills if skill.is_listed}
    assert {written[folder] for folder in theirs} == set(LISTED)
    assert {written[folder] for folder in ours} == {written[folder] for folder in theirs}
    assert {written[folder]: name for folder, name in ours.items()} == {
        written[folder]: name for folder, name in theirs.items()
    }


async def test_the_check_reads_any_front_matter_as_codex_reads_it(codex_home: Path) -> None:
    written = write_cases(codex_home / "skills", scrambled(400, seed=1))
    theirs = {written[folder]: name for folder, name in (await listed(codex_home)).items()}
    report = check_skills([codex_home / "skills"], ())
    ours = {written[skill.path]: skill.name for skill in report.skills if skill.is_listed}
    assert ours == theirs
    # The comparison means something only when both kinds are there.
    assert len(theirs) in range(20, len(written) - 20)


async def test_the_check_finds_exactly_the_folders_that_codex_finds(codex_home: Path) -> None:
    skills, text = codex_home / "skills", skill_text(DESCRIPTION)
    for place in ("a", "b/c/d", "in", "in/side", ".hidden", "1/2/3/4/5/6", DEEP, f"{DEEP}/8/9"):
        (skills / place).mkdir(parents=True, exist_ok=True)
        (skills / place / "SKILL.md").write_bytes(text)
    outside = codex_home / "outside"
    outside.mkdir()
    (outside / "SKILL.md").write_bytes(text)
    for place in ("file", "folder/SKILL.md", "lower", "none"):
        (skills / place).mkdir(parents=True)
    (skills / "link").symlink_to(outside)
    (skills / "loop").symlink_to(skills)
    (skills / "file" / "SKILL.md").symlink_to(outside / "SKILL.md")
    (skills / "lower" / "skill.md").write_bytes(text)
    theirs = await listed(codex_home)
    report = check_skills([skills], (), await view(skills))
    found = {skill.path.resolve() for skill in report.skills if skill.is_listed}
    assert found == set(theirs)
    passed_over = {str(fault.path.relative_to(skills)) for fault in report.faults if fault.counts}
    assert {"file/SKILL.md", "folder/SKILL.md", "lower/skill.md", "none"} <= passed_over
    assert {f"{DEEP}/SKILL.md", f"{DEEP}/8/9/SKILL.md"} <= passed_over


@pytest.mark.parametrize("build", [ORACLE_VERSION, NPM_VERSION])
async def test_other_builds_of_codex_are_asked_in_the_same_way(
    codex_home: Path, build: str
) -> None:
    cases = {"good": LISTED["plain"], "bad": DROPPED["without a description"]}
    write_cases(codex_home / "skills", cases)
    seen = await view(codex_home / "skills", codex=codex_build(build))
    assert (len(seen.listed), len(seen.errors), len(seen.shown)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("count", "fault", "code"),
    [
        (20, "", 0),
        # Codex cuts, and the skills can all be chosen.
        (80, ": advice: Codex cuts the descriptions of 80 of 80 skills", 0),
        (700, ": broken: Codex's budget for skills is exceeded: its model is not told of ", 1),
    ],
)
async def test_the_budget_of_codex_for_skills_is_told(
    codex_home: Path, count: int, fault: str, code: int
) -> None:
    skills = codex_home / "skills"
    collection(skills, count)
    run = await asyncio.to_thread(codexmcp, codex_home, "check")
    assert (run.returncode, fault in run.stdout) == (code, True), run.stdout
    assert bool(run.stdout) is bool(fault)
    # The same is what a model gets in a conversation.
    seen = await view(skills)
    async with ScriptedModel([Text("ok")]) as model, conversation(codex_home, model) as talk:
        await talk.say("go")
    told = json.dumps(model.requests[-1].body)
    assert told.count("- skill-") in range(len(seen.shown) - 5, len(seen.shown) + 6)
    whole = [text for text in seen.listed.values() if text in told]
    assert len(whole) == (count if not fault else 0)


async def test_a_collection_as_people_publish_them_passes_as_it_passes_in_codex(
    codex_home: Path,
) -> None:
    published(codex_home / "skills")
    run = await asyncio.to_thread(codexmcp, codex_home, "check", "--json")
    report = json.loads(run.stdout)
    assert (run.returncode, report["ok"]) == (0, True), run.stdout
    assert {skill["name"] for skill in report["skills"]} == set((await listed(codex_home)).values())


def collection(folder: Path, count: int) -> None:
    """Write skills with descriptions of 300 characters, as published ones have."""
    for number in range(count):
        skill = folder / f"skill-{number:03}"
        skill.mkdir(parents=True)
        words = f"Handles subject {number} from start to end. " + "Use it for that subject. " * 11
        fields = (f"name: skill-{number:03}", f"description: {words.strip()}")
        (skill / "SKILL.md").write_bytes(skill_text(*fields))


def published(folder: Path) -> None:
    """Write a collection with the habits of published ones."""
    files: dict[str, str] = {
        # Programs run through interpreters; modules beside them; commands of the project.
        "documents/tables/SKILL.md": (
            "---\nname: table-maker\ndescription: Makes tables: from text, from data.\n"
            "license: Complete terms in LICENSE.txt\n---\n# Tables\n\n"
            "Run `python scripts/make.py in.csv`, or `uv run scripts/make.py --all`.\n\n"
            "```bash\nnode scripts/check.mjs out.html\nbash scripts/build.sh\n```\n"
            "See [the reference](references/tables.md) and [its neighbour](../notes/SKILL.md).\n"
        ),
        "documents/tables/scripts/make.py": "#!/usr/bin/env python3\nprint(1)\n",
        "documents/tables/scripts/__init__.py": "",
        "documents/tables/scripts/check.mjs": "console.log(1)\n",
        "documents/tables/scripts/build.sh": "set -e\n",
        "documents/tables/references/tables.md": "Rows and columns.\n",
        "documents/notes/SKILL.md": (
            "---\nname: notes\ndescription: Keeps notes. " + "Use it for notes. " * 70 + "\n---\n"
            "Run the project's `python scripts/manage.py notes`, then `npm test`.\n"
        ),
        # Placeholders in the place of keys.
        "clients/SKILL.md": (
            "---\nname: api-clients\ndescription: |\n  Writes clients.\n  Use it for APIs.\n---\n"
            "```python\nclient = Client(api_key='sk-your-api-key-here-please')\n```\n"
            "```bash\nexport API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
            "export GITHUB_TOKEN=ghp_your_token_your_token_your_token_0\n"
            "psql postgres://user:password123@localhost/app\n```\n"
        ),
        "clients/references/aws.md": "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
        "clients/.env.example": "SERVICE_API_KEY=changeme123\n",
    }
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


async def test_names_that_the_check_calls_unmentionable_give_a_prompt_no_skill(
    codex_home: Path,
) -> None:
    names = ["plain", "UP_per:1-", "a.b", "über", "a b", "PATH", "home", "HOSTNAME", "twin"]
    folders = {codex_home / "skills" / f"s{at}": name for at, name in enumerate([*names, "twin"])}
    for folder, name in folders.items():
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_bytes(skill_text(f"name: '{name}'", DESCRIPTION))
    given = await _given(codex_home, names)
    report = check_skills([codex_home / "skills"], ())
    words = ("no prompt can name it", "there is another skill")
    refused = {
        folders[fault.path.parent] for fault in report.faults if fault.what.startswith(words)
    }
    assert given == set(names) - refused
    assert given == {"plain", "UP_per:1-", "HOSTNAME"}


async def _given(home: Path, names: Sequence[str]) -> set[str]:
    """Return the names whose skill Codex adds to a prompt with `$name`."""
    given = set[str]()
    async with ScriptedModel([Text("ok")] * len(names)) as model, conversation(home, model) as talk:
        for name in names:
            await talk.say(f"use ${name} now")
            if f"<name>{name}</name>" in json.dumps(model.requests[-1].body, ensure_ascii=False):
                given.add(name)
    return given


def test_check_tells_each_fault_with_its_place_and_ends_with_1(codex_home: Path) -> None:
    skill = codex_home / "skills" / "bad"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: bad\ndescription: *x\n---\n", encoding="utf-8")
    run = codexmcp(codex_home, "check")
    assert run.returncode == 1
    assert run.stdout.startswith(
        f"{skill / 'SKILL.md'}:3: dropped: the front matter is not valid YAML"
    )
    assert "1 skill, 0 of them listed by Codex; 1 fault, 0 advice" in run.stderr


def test_check_of_good_skills_prints_nothing_on_stdout_and_ends_with_0(codex_home: Path) -> None:
    skill = codex_home / "skills" / "good"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_bytes(skill_text("name: good", DESCRIPTION))
    run = codexmcp(codex_home, "check")
    assert (run.returncode, run.stdout) == (0, "")


def test_check_as_json_is_one_object_for_a_program(codex_home: Path) -> None:
    skill = codex_home / "skills" / "bad"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_bytes(skill_text("name: bad"))
    run = codexmcp(codex_home, "check", "--json")
    answer = json.loads(run.stdout)
    assert (run.returncode, answer["ok"]) == (1, False)
    (fault,) = answer["faults"]
    assert (fault["severity"], fault["path"]) == ("dropped", str(skill / "SKILL.md"))


def test_check_of_a_folder_without_skills_fails(codex_home: Path) -> None:
    (codex_home / "skills").mkdir()
    run = codexmcp(codex_home, "check")
    assert run.returncode == 1
    assert "there are no skills in" in run.stderr


def test_check_of_a_folder_that_is_not_there_is_wrong_usage(codex_home: Path) -> None:
    run = codexmcp(codex_home, "check", "nowhere")
    assert (run.returncode, run.stdout) == (2, "")
    assert "there is no folder nowhere" in run.stderr


def test_list_names_the_skills_that_declare_a_smoke_command(codex_home: Path) -> None:
    for name, smoke in {"one": "true", "two": "''"}.items():
        skill = codex_home / "skills" / name
        skill.mkdir(parents=True)
        fields = (f"name: {name}", DESCRIPTION, "metadata:", f"  smoke: {smoke}")
        (skill / "SKILL.md").write_bytes(skill_text(*fields))
    run = codexmcp(codex_home, "list", "--smoke")
    assert (run.returncode, run.stdout) == (0, "one\n")
    table = codexmcp(codex_home, "list").stdout
    assert [line.split()[0] for line in table.splitlines()] == ["NAME", "one", "two"]
