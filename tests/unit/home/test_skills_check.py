from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.home.skills.check import SkillsReport, check_skills
from codexmcp.home.skills.content import LARGEST_SKILL_BYTES, LARGEST_TEXT_BYTES
from codexmcp.home.skills.faults import Fault, Severity
from codexmcp.home.skills.naming import duplicate_faults
from codexmcp.runs.audit.secret_shapes import SHAPES
from tests.support.skill_cases import DESCRIPTION, DROPPED, LISTED, skill_text, write_cases

GOOD = skill_text("name: good", DESCRIPTION)
SCRIPT = "#!/usr/bin/env bash\ntrue\n"


class Skill:
    """A good skill, to be spoilt."""

    def __init__(self, root: Path) -> None:
        self.path = root / "good"
        self.path.mkdir()
        self.write("SKILL.md", GOOD)

    def write(self, name: str, data: bytes | str, mode: int = 0o644) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        path.chmod(mode)
        return path

    def check(self) -> SkillsReport:
        return check_skills([self.path.parent], SHAPES)

    def fault(self) -> Fault:
        (fault,) = self.check().faults
        return fault


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    return Skill(tmp_path)


@pytest.mark.parametrize("is_listed", [True, False])
def test_the_check_drops_what_codex_drops(tmp_path: Path, *, is_listed: bool) -> None:
    written = write_cases(tmp_path, LISTED if is_listed else DROPPED)
    report = check_skills([tmp_path], SHAPES)
    wrong = [written[skill.path] for skill in report.skills if skill.is_listed is not is_listed]
    assert (wrong, len(report.skills)) == ([], len(written))


def test_a_good_skill_has_no_faults(skill: Skill) -> None:
    skill.write("scripts/run.sh", SCRIPT, 0o755)
    skill.write("scripts/module.py", "x = 1\n")
    skill.write("scripts/data.json", "{}")
    skill.write("assets/logo.png", b"\x89PNG\r\n\x1a\n\0")
    skill.write("agents/openai.yaml", "interface:\n  display_name: Good\n")
    skill.write("SKILL.md", skill_text("name: good", DESCRIPTION, body="`bash scripts/run.sh`"))
    report = skill.check()
    assert (report.faults, report.is_good) == ((), True)


@pytest.mark.parametrize(
    ("fields", "severity", "word"),
    [
        (("name: bad", DESCRIPTION), Severity.ADVICE, "its folder is good"),
        ((DESCRIPTION,), Severity.ADVICE, "takes the folder's"),
        (("name: good",), Severity.DROPPED, "no description"),
        (("name: good", f"description: {'d' * 1025}"), Severity.ADVICE, "1025 characters"),
        (("name: good", "description: a: b"), Severity.ADVICE, "this Codex repairs it"),
    ],
)
def test_front_matter_is_judged(
    skill: Skill, fields: tuple[str, ...], severity: Severity, word: str
) -> None:
    skill.write("SKILL.md", skill_text(*fields))
    fault = skill.fault()
    assert (fault.severity, word in fault.what) == (severity, True), fault


@pytest.mark.parametrize(
    ("data", "mode", "word"),
    [
        (SCRIPT, 0o644, "not executable"),
        ("true\n", 0o755, "no interpreter line"),
        (SCRIPT.replace("\n", "\r\n"), 0o755, "Windows line endings"),
        ("#!bash\ntrue\n", 0o755, "no absolute interpreter"),
    ],
)
def test_a_script_that_cannot_be_run_is_broken(
    skill: Skill, data: str, mode: int, word: str
) -> None:
    skill.write("scripts/run.sh", data, mode)
    skill.write("SKILL.md", skill_text("name: good", DESCRIPTION, body="`scripts/run.sh --fast`"))
    fault = skill.fault()
    assert (fault.severity, word in fault.what) == (Severity.BROKEN, True), fault


RUN = [
    *("`scripts/run --fast`", "```sh\nscripts/run\n```", "```\n$ ./scripts/run\n```"),
    *("```bash\nA=1 scripts/run x\n```", "```bash\ncd x && scripts/run\n```"),
    *("`$CODEX_SKILL_DIR/scripts/run x`", '`"./scripts/run" x`'),
]
GIVEN = [
    *("`python scripts/run 1`", "```sh\nuv run scripts/run\n```", "```\n$ bash ./scripts/run\n```"),
    *("```python\nscripts/run\n```", "Look at `scripts/run`.", "[run](scripts/run)"),
    *("`node scripts/run | cat`", "```sh\ncat < scripts/run\n```", "Nothing of it."),
]


@pytest.mark.parametrize("mode", [0o644, 0o755])
@pytest.mark.parametrize(
    ("body", "is_run"), [*((body, True) for body in RUN), *((body, False) for body in GIVEN)]
)
def test_only_a_script_that_the_text_runs_needs_a_first_line_and_a_mode(
    skill: Skill, body: str, mode: int, *, is_run: bool
) -> None:
    skill.write("scripts/run", "print(1)\n", mode)
    skill.write("scripts/__init__.py", "", mode)
    skill.write("SKILL.md", skill_text("name: good", DESCRIPTION, body=body))
    assert skill.check().is_good is not is_run


def test_a_smoke_command_that_runs_a_script_needs_its_mode(skill: Skill) -> None:
    fields = ("name: good", DESCRIPTION, "metadata:", "  smoke: scripts/run.sh")
    skill.write("SKILL.md", skill_text(*fields))
    skill.write("scripts/run.sh", SCRIPT, 0o644)
    assert "not executable" in skill.fault().what


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ("`bash assets/none.sh`", Severity.BROKEN),
        ("[a](none.md)", Severity.BROKEN),
        # A skill without scripts of its own speaks of those of the project.
        ("`bash scripts/none.sh`", Severity.ADVICE),
        ("[a](../other/SKILL.md)", Severity.ADVICE),
        ("Such as scripts/none.sh.", Severity.ADVICE),
    ],
)
def test_a_file_that_is_named_and_not_there_is_told_with_its_line(
    skill: Skill, body: str, severity: Severity
) -> None:
    skill.write("assets/there.txt", "")
    skill.write("SKILL.md", skill_text("name: good", DESCRIPTION, body=f"Text.\n{body}"))
    fault = skill.fault()
    assert (fault.severity, fault.line) == (severity, 6)


def test_a_file_of_another_case_is_offered(skill: Skill) -> None:
    skill.write("Docs/A.md", "x")
    skill.write("SKILL.md", skill_text("name: good", DESCRIPTION, body="[a](docs/a.md)"))
    assert skill.fault().remedy == "the file is called Docs/A.md"


def test_links_may_not_leave_the_skill(skill: Skill, tmp_path: Path) -> None:
    (tmp_path / ".secret").write_text("sk-" + "a1" * 20)
    (skill.path / "out").symlink_to(tmp_path / ".secret")
    assert "link out of the skill" in skill.fault().what


def test_links_within_a_skill_are_fine(skill: Skill) -> None:
    skill.write("docs/a.md", "x")
    (skill.path / "also").symlink_to(skill.path / "docs")
    skill.write("SKILL.md", skill_text("name: good", DESCRIPTION, body="[a](also/a.md)"))
    assert skill.check().faults == ()


def test_a_link_that_leads_nowhere_is_told(skill: Skill) -> None:
    (skill.path / "lost").symlink_to(skill.path / "none")
    assert "broken link" in skill.fault().what


def test_a_named_pipe_is_told_and_not_opened(skill: Skill) -> None:
    os.mkfifo(skill.path / "pipe")
    assert "not a regular file" in skill.fault().what


@pytest.mark.parametrize(
    ("text", "is_secret"),
    [
        ("OPENAI_API_KEY=sk-proj-" + "a1b2c3d4" * 4, True),
        (
            "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBg" * 4 + "\n-----END PRIVATE KEY-----",
            True,
        ),
        ("DB_PASSWORD=hunter2hunter2", True),
        ('OPENAI_API_KEY="$OPENAI_API_KEY"', False),
        ("API_TOKEN=<your token 123>", False),
        ("API_TOKEN=$(cat token1)", False),
        ("SECRET=disabled", False),
        ("OPENAI_API_KEY=sk-proj-your-key-goes-in-here-01", False),
        ("API_KEY=sk-ant-api03-xxxxxxxxxxxxxxxxxxxxxxxx", False),
        ("API_KEY=abcdef1234567890abcdef", False),
        ("AWS: AKIAIOSFODNN7EXAMPLE", False),
        ("GH_TOKEN=ghp_0000000000000000000000000000000000000", False),
        ("DB_PASSWORD=mysecretpassword1", False),
        ("postgres://admin:password123@localhost/db", False),
        ("Authorization: Bearer sk-live-placeholder-0001", False),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", False),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhki...\n-----END PRIVATE KEY-----", False),
        ("postgres://app:Zq8vK2mW9x@db.internal/db", True),
    ],
)
def test_secrets_are_told_without_their_text(skill: Skill, text: str, *, is_secret: bool) -> None:
    skill.write("notes.md", f"first\n{text}\n")
    faults = skill.check().faults
    assert [(fault.line, fault.path.name) for fault in faults] == [(2, "notes.md")] * is_secret
    assert all(text[-8:] not in f"{fault.what}{fault.remedy}" for fault in faults)


def test_sizes_are_bounded(skill: Skill) -> None:
    skill.write("SKILL.md", skill_text("name: good", DESCRIPTION, body="x" * LARGEST_TEXT_BYTES))
    with skill.write("big", b"").open("wb") as file:
        file.truncate(LARGEST_SKILL_BYTES)
    whole, text = sorted(skill.check().faults, key=lambda fault: len(str(fault.path)))
    assert (whole.path, text.path) == (skill.path, skill.path / "SKILL.md")
    assert all("are allowed" in fault.what for fault in (whole, text))


def test_what_codex_ignores_of_the_interface_is_told(skill: Skill) -> None:
    skill.write("agents/openai.yaml", "interface: [\n")
    assert "Codex ignores it" in skill.fault().what


def test_two_skills_of_one_name_are_told_in_both_folders(tmp_path: Path) -> None:
    for root in ("a", "b"):
        (tmp_path / root).mkdir()
        Skill(tmp_path / root)
    report = check_skills([tmp_path / "a", tmp_path / "b"], ())
    assert [fault.path.parent.parent.name for fault in report.faults] == ["a", "b"]
    assert str(tmp_path / "b" / "good") in report.faults[0].what


def test_a_skill_that_two_folders_lead_to_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Skill(tmp_path / "a")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    report = check_skills([tmp_path / "a", tmp_path / "b"], ())
    assert (len(report.skills), report.faults) == (1, ())


def test_the_folder_of_one_skill_can_be_checked(skill: Skill) -> None:
    skill.write("docs/a.md", "x")
    report = check_skills([skill.path], ())
    assert ([each.name for each in report.skills], report.faults) == (["good"], ())


def test_an_unreadable_skill_is_dropped(skill: Skill) -> None:
    (skill.path / "SKILL.md").chmod(0)
    if os.access(skill.path / "SKILL.md", os.R_OK):
        pytest.skip("this user may read everything")
    assert skill.check().faults[0].severity is Severity.DROPPED


@given(st.dictionaries(st.text("abc", min_size=1), st.sampled_from(["x", "y", "z"])))
def test_every_skill_of_a_shared_name_is_told_once(names: dict[str, str]) -> None:
    given_names = {Path("/") / folder: name for folder, name in names.items()}
    told = [fault.path.parent for fault in duplicate_faults(given_names)]
    shared = [
        path for path, name in given_names.items() if list(given_names.values()).count(name) > 1
    ]
    assert sorted(told) == sorted(shared)
