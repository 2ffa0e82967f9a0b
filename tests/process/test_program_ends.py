"""How every program and command ends: with lost output, in a folder that is gone, by Ctrl-C."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from codexmcp.cli import app
from tests.support.builds import CHECKOUT
from tests.support.mcp_server import environment

FORKS = Path(__file__).parents[1] / "support" / "forked_programs.py"

CODEXMCP = "codexmcp.cli:main"

COMMANDS: dict[str, list[str] | None] = {
    "mcp-server": [],
    "serve": ["--status"],
    "runs list": ["--json"],
    "runs show": ["x"],
    "runs tail": ["x"],
    "runs wait": ["x"],
    "runs start": ["x"],
    "runs resume": ["x"],
    "runs interrupt": ["x"],
    "runs steer": ["x", "y"],
    "runs approvals": ["--json"],
    "runs approve": ["x"],
    "runs attach": ["x"],
    "runs prune": ["--dry-run", "--keep", "1", "--json"],
    "runs reindex": ["--json"],
    "mcp list": ["--json"],
    "mcp add": ["--dry-run", "x", "--url", "https://host/mcp"],
    "mcp remove": ["x"],
    "mcp check": ["--json"],
    "profiles list": [],
    "profiles show": ["cheap"],
    "profiles add": ["--dry-run", "cheap"],
    "profiles remove": ["x"],
    "profiles migrate": ["--dry-run"],
    "profiles check": ["--json"],
    "sync push-runtime": ["--dry-run"],
    "sync pull-runtime": ["--dry-run"],
    "sync clean-runtime": ["--dry-run"],
    "sync check-sync": [],
    "init": ["--json", "new"],
    "skills list": ["--json"],
    "skills check": ["--json"],
    "usage": ["--json"],
    "doctor": ["--json"],
    "agent": ["--rehearse", "x"],
    "rehearse": ["x"],
    # Becomes Codex, with whatever arguments.
    "codex": None,
}
"""By command: arguments that it takes; None when it is no program of ours."""

PRINTS = {
    *("serve", "runs list", "runs approvals", "runs prune", "runs reindex", "mcp list", "mcp add"),
    *("mcp check", "profiles list", "profiles show", "profiles add", "profiles migrate"),
    *("profiles check", "init", "skills list", "skills check", "usage"),
}
"""Commands that print a result in an empty home, without a moment of Codex."""

SCRIPTS: dict[str, tuple[str, list[str], str]] = {
    "codexmcp": (CODEXMCP, ["usage", "--json"], "codexmcp"),
    "codexmcp-agents": (CODEXMCP, ["usage", "--json"], "codexmcp"),
    "codexmcp-exec": ("codexmcp.agents.exec_launcher:main", [], "codexmcp-exec"),
    "codex-runs": ("codexmcp.picker:main", ["--json"], "codex-runs"),
    "codex-mcp-sidecar": ("codexmcp.cli.sidecar:main", [], "codexmcp"),
    "codex-mcp-wrapper": ("codexmcp.cli.sidecar:main", [], "codexmcp"),
}
"""By script: what it calls, arguments that it takes, and the name in its errors."""

ENTRY_POINTS = ("main.py", "newway.py")


def commands(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the commands that have none below them."""
    inner = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not inner:
        yield " ".join(words)
    for action in inner:
        for name, each in action.choices.items():
            yield from commands(each, (*words, name))


def programs() -> Iterator[tuple[str, str, list[str], str]]:
    """Yield all programs: a label, what is called, arguments, and the name in errors."""
    for command, arguments in COMMANDS.items():
        if arguments is not None:
            yield command, CODEXMCP, [*command.split(), *arguments], "codexmcp"
    for script, (called, arguments, name) in SCRIPTS.items():
        yield script, called, arguments, name
    for name in ENTRY_POINTS:
        yield name, str(CHECKOUT / name), ["--rehearse", "x"], name


ALL = list(programs())


def run_all(jobs: Sequence[Mapping[str, Any]], home: Path) -> list[dict[str, Any]]:
    """Run jobs in forks, in folders of their own, and return how they ended."""
    whole: list[dict[str, Any]] = []
    for number, job in enumerate(jobs):
        cwd = home / f"cwd-{number}"
        cwd.mkdir()
        defaults = {"stdout": "null", "gone": False, "interrupt": False, "cwd": str(cwd)}
        whole.append({**defaults, "env": environment(home), **job})
    ran = subprocess.run(
        [sys.executable, "-P", str(FORKS)],
        input=json.dumps(whole),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    ended: list[dict[str, Any]] = json.loads(ran.stdout)
    return ended


def test_every_command_and_script_has_its_row() -> None:
    assert set(commands(app.parser_for([]))) == set(COMMANDS)
    scripts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {name: called for name, (called, _, _) in SCRIPTS.items()} == scripts
    assert {path.name for path in CHECKOUT.glob("*.py")} == set(ENTRY_POINTS)
    assert set(COMMANDS) > PRINTS


@pytest.mark.parametrize(
    ("stdout", "reason"),
    [("full", "No space left on device"), ("closed", "stdout is closed"), ("pipe", None)],
)
def test_lost_output_is_one_line_and_a_code(
    codex_home: Path, stdout: str, reason: str | None
) -> None:
    (codex_home / "skills").mkdir()
    # One mechanism writes for all of them, so one kind of loss is tried with each.
    shown = {*PRINTS, "codex-runs"} if stdout == "full" else {"usage", "serve", "codex-runs"}
    cells = [each for each in ALL if each[0] in shown]
    if stdout == "full":
        helps = [(label, called, [*args, "--help"], name) for label, called, args, name in ALL]
        cells += [each for each in helps if each[0] != "codexmcp-exec"]
    ended = run_all(
        [{"program": called, "arguments": args, "stdout": stdout} for _, called, args, _ in cells],
        codex_home,
    )
    wrong: list[tuple[str, Any]] = []
    for (label, _, args, name), end in zip(cells, ended, strict=True):
        lines = [line for line in end["err"].splitlines() if "cannot write" in line]
        line = f"{name}: cannot write the output: {reason}; send it elsewhere"
        is_lost = end["code"] in {1, 3} and lines == [line] and line in end["err"]
        is_kept = not lines and end["code"] in {0, 1, 3}
        is_whole = "Traceback" not in end["err"] and "Exception ignored" not in end["err"]
        if not is_whole or not (is_kept if reason is None else is_lost):
            wrong.append((f"{label} {args[-1]}", end))
    assert wrong == []


def test_a_working_directory_that_is_gone_is_an_error_with_a_remedy(codex_home: Path) -> None:
    jobs = [{"program": called, "arguments": args, "gone": True} for _, called, args, _ in ALL]
    wrong = [
        (label, end)
        for (label, _, _, name), end in zip(ALL, run_all(jobs, codex_home), strict=True)
        if end["code"] != 78
        or not end["err"].startswith(f"{name}: the working directory cannot be used: ")
        or "change to a folder that exists" not in end["err"]
        or end["err"].count("\n") != 1
    ]
    assert wrong == []


GONE = {
    "mcp-server": (["mcp-server", "--cwd", "gone"], 2),
    "runs list": (["runs", "list", "--cwd", "gone"], 2),
    "runs reindex": (["runs", "reindex", "gone"], 2),
    "skills check": (["skills", "check", "gone"], 2),
    "sync": (["sync", "check-sync", "--repo", "gone"], 78),
    "serve --http": (["serve", "--http", "--fs-root", "gone", "--port", "0"], 78),
    "doctor": (["doctor", "--cwd", "gone"], 78),
}
"""By door: arguments that name a folder which does not exist, and the exit code."""


def test_a_folder_that_does_not_exist_is_an_error_with_a_remedy(codex_home: Path) -> None:
    env = environment(codex_home, OPENAI_API_KEY="sk-test-1234567890abcdef")
    rows = [arguments for arguments, _ in GONE.values()]
    jobs = [{"program": CODEXMCP, "arguments": arguments, "env": env} for arguments in rows]
    wrong = [
        (door, end)
        for (door, (_, code)), end in zip(GONE.items(), run_all(jobs, codex_home), strict=True)
        if end["code"] != code or (door != "doctor" and end["err"].count("gone") == 0)
    ]
    assert wrong == []


def test_ctrl_c_while_it_imports_shows_nothing(codex_home: Path) -> None:
    jobs = [{"program": called, "arguments": args, "interrupt": True} for _, called, args, _ in ALL]
    ended = run_all(jobs, codex_home)
    wrong = [
        (label, end)
        for (label, _, _, _), end in zip(ALL, ended, strict=True)
        if end != {"code": 130, "err": ""}
    ]
    assert wrong == []


INTERRUPTED = """
import sys
from codexmcp.entry import run_program
generated = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(5)"
def handling():
    try:
        exec(generated)
    except KeyboardInterrupt:
        return 3
work = handling if sys.argv[1] == "handled" else lambda: exec(generated)
sys.exit(run_program("x", lambda: work))
"""
"""A use case that gets a Ctrl-C in generated code, as an import has it for a named tuple."""


@pytest.mark.parametrize(("where", "code"), [("handled", 3), ("outside", 130)])
def test_ctrl_c_in_generated_code_ends_a_module_with_the_code_of_its_program(
    tmp_path: Path, where: str, code: int
) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    run = subprocess.run(
        [sys.executable, "-m", "interrupted", where],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (code, "", "")
