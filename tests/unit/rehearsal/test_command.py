"""How a command is found in a prompt and in a skill."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.rehearsal.command import commands_of, quoted_command, skill_command
from codexmcp.rehearsal.conversation import Skill, Turn

FOLDER = "/home/u/.codex/skills/smoke"


def skill(text: str, folder: str = FOLDER) -> Skill:
    return Skill("smoke", PurePosixPath(folder), text)


@pytest.mark.parametrize(
    ("prompt", "command"),
    [
        ("run `echo hi` please", "echo hi"),
        ("```bash\necho a\necho b\n```", "echo a\necho b"),
        ("first `echo no`\n```sh\necho yes\n```", "echo yes"),
        ("```\nls\n```", "ls"),
        ("~~~shell\nls\n~~~", "ls"),
        ("  ```bash\n  ls\n  ```", "ls"),
        ("```python\nprint(1)\n```", None),
        ("```python\nx = `y`\n```", None),
        ("```bash\n\n```\nthen `pwd`", "pwd"),
        ("use `$smoke` now", None),
        ("use `$smoke`, then `ls -l`", "ls -l"),
        ("no command here", None),
        ("an empty `` pair", None),
        ("", None),
    ],
)
def test_a_prompts_command_is_its_first_shell_block_else_its_first_backticks(
    prompt: str, command: str | None
) -> None:
    assert quoted_command(prompt) == command


@given(st.text())
def test_no_text_makes_the_search_fail(text: str) -> None:
    found = quoted_command(text)
    assert found is None or found in text


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("```bash\nbash scripts/run.sh\n```", f"bash {FOLDER}/scripts/run.sh"),
        ("```sh\n./scripts/run.sh -v\n```", f"{FOLDER}/scripts/run.sh -v"),
        ("```bash\nbash $SKILL_DIR/scripts/run.sh\n```", f"bash {FOLDER}/scripts/run.sh"),
        ('```bash\nbash "${SKILL_DIR}/scripts/run.sh"\n```', f'bash "{FOLDER}/scripts/run.sh"'),
        ("Run `bash <skill-dir>/scripts/run.sh`.", f"bash {FOLDER}/scripts/run.sh"),
        ("Run `bash {skill_dir}/scripts/run.sh`.", f"bash {FOLDER}/scripts/run.sh"),
        ("```bash\ncat a/scripts/b\n```", "cat a/scripts/b"),
        ("```bash\nbash /opt/scripts/run.sh\n```", "bash /opt/scripts/run.sh"),
        (
            "```bash\nX=1;scripts/a && scripts/b\n```",
            f"X=1;{FOLDER}/scripts/a && {FOLDER}/scripts/b",
        ),
        ("```bash\nmake check\n```", "make check"),
        ("The file `scripts/run.sh` does it; mind `PATH`.", None),
    ],
)
def test_a_skills_command_has_the_skills_own_paths_made_absolute(
    text: str, command: str | None
) -> None:
    assert skill_command(skill(text)) == command


@pytest.mark.parametrize("path", ["$SKILL_DIR/scripts/a.sh", '"$SKILL_DIR/scripts/a.sh"'])
def test_a_skill_folder_with_a_blank_stays_one_word(path: str) -> None:
    command = skill_command(skill(f"```bash\nbash {path}\n```", "/my skills/smoke"))
    assert command is not None
    assert shlex.split(command) == ["bash", "/my skills/smoke/scripts/a.sh"]


def test_skills_come_before_the_prompts_own_command_and_keep_their_order() -> None:
    skills = (skill("```bash\none\n```"), skill("only words"), skill("```bash\ntwo\n```"))
    assert commands_of(Turn("run `three`", skills, ())) == ("one", "two")
    assert commands_of(Turn("run `three`", skills[1:2], ())) == ("three",)


def test_a_declared_smoke_command_comes_before_those_of_the_text() -> None:
    text = "---\nname: s\nmetadata:\n  smoke: bash scripts/smoke.sh\n---\n```bash\nother\n```\n"
    skill = Skill("s", PurePosixPath("/skills/s"), text)
    assert skill_command(skill) == "bash /skills/s/scripts/smoke.sh"
