"""`codexmcp skills list` and `codexmcp skills check`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from codexmcp.cli.options.skills import SkillsCheckOptions, SkillsListOptions
from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line, table
from codexmcp.codex.binary import find_codex
from codexmcp.codex.config import default_home
from codexmcp.errors import ExitCode, UsageError
from codexmcp.home.skills.check import CheckedSkill, SkillsReport, check_skills
from codexmcp.home.skills.codex_view import CodexView, view_skills
from codexmcp.home.skills.faults import Fault
from codexmcp.runs.audit.secret_shapes import SHAPES
from codexmcp.settings import child_environment, load_settings


def _report(options: SkillsCheckOptions, output: Output) -> tuple[list[Path], SkillsReport]:
    """Return the folders and the report on their skills.

    Raises:
        UsageError: There is no such folder.
        CodexMCPError: Codex cannot be asked.
    """
    folders = list(options.folders) or [_home_skills()]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}; name one that holds skills")
    return folders, check_skills(folders, SHAPES, _view(folders, output))


def _home_skills() -> Path:
    home = load_settings(dict(os.environ)).codex_home or default_home()
    return home / "skills"


def _view(folders: list[Path], output: Output) -> CodexView:
    codex = find_codex(load_settings(dict(os.environ)).codex_bin)
    output.progress("asking Codex for the skills …")
    try:
        return view_skills(folders, codex, child_environment(os.environ))
    finally:
        output.end_progress()


def list_skills(options: SkillsListOptions, output: Output) -> int:
    """List skills; see `_report` for errors."""
    _, report = _report(options, output)
    only_smoke = options.smoke
    skills = [skill for skill in report.skills if skill.smoke or not only_smoke]
    if output.is_json:
        output.say_json([_skill_json(skill) for skill in skills])
    elif only_smoke:
        # For a script, which cannot use a name that Codex does not list.
        for skill in skills:
            if skill.is_listed:
                output.say(one_line(skill.name))
    elif skills:
        rows = [("NAME", "STATE", "SMOKE", "FOLDER", "DESCRIPTION"), *map(_row, skills)]
        for line in table(rows, output.width):
            output.say(line)
    else:
        output.note("there are no skills")
    return ExitCode.DONE


def _row(skill: CheckedSkill) -> tuple[str, ...]:
    worst = "left out" if not skill.is_listed else "ok"
    if worst == "ok" and any(fault.counts for fault in skill.faults):
        worst = "faulty"
    smoke = "yes" if skill.smoke else "-"
    words = (skill.name, worst, smoke, str(skill.path), skill.description)
    return tuple(one_line(word) for word in words)


def check(options: SkillsCheckOptions, output: Output) -> int:
    """Report faults of skills; the exit code is 1 if there are any."""
    folders, report = _report(options, output)
    # An empty folder is most often a wrong path or a volume that was not mounted.
    is_good = report.is_good and bool(report.skills)
    if output.is_json:
        output.say_json(
            {
                "ok": is_good,
                "skills": [_skill_json(skill) for skill in report.skills],
                "faults": [_fault_json(fault) for fault in report.faults],
            }
        )
    else:
        for fault in report.faults:
            output.say(_told(fault))
        if not report.skills:
            output.note(f"there are no skills in {', '.join(map(str, folders))}")
        output.note(_summary(report))
    return ExitCode.DONE if is_good else ExitCode.FAILED


def _told(fault: Fault) -> str:
    place = str(fault.path) if fault.line is None else f"{fault.path}:{fault.line}"
    return one_line(f"{place}: {fault.severity}: {fault.what}; {fault.remedy}")


def _summary(report: SkillsReport) -> str:
    skills = len(report.skills)
    listed = sum(skill.is_listed for skill in report.skills)
    faults = sum(fault.counts for fault in report.faults)
    advice = len(report.faults) - faults
    return (
        f"{skills} skill{'s' * (skills != 1)}, {listed} of them listed by Codex; "
        f"{faults} fault{'s' * (faults != 1)}, {advice} advice"
    )


def _skill_json(skill: CheckedSkill) -> dict[str, Any]:
    return {
        "name": skill.name,
        "path": str(skill.path),
        "description": skill.description,
        "smoke": skill.smoke,
        "listed": skill.is_listed,
    }


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "severity": str(fault.severity),
        "path": str(fault.path),
        "line": fault.line,
        "what": fault.what,
        "remedy": fault.remedy,
    }
