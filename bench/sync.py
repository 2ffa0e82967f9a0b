"""Subject `sync`: `codexmcp sync check-sync` of 500 skills, the whole command."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.stage import Stage

_SKILLS, _QUICK_SKILLS = 500, 50
_SKILL = "---\nname: {name}\ndescription: Does {name}.\n---\n\n{body}Written for {{{{client}}}}.\n"
_FILES = ("references/notes.md", "scripts/run.sh")


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    with tempfile.TemporaryDirectory(dir=stage.root) as folder:
        repository, home = Path(folder, "repository"), Path(folder, "home")
        home.mkdir()
        env = stage.environment(home)

        def sync(*words: str) -> str:
            return _run(words, env)

        sync("init", str(repository))
        _add_skills(repository, _QUICK_SKILLS if stage.quick else _SKILLS)
        there = ("--repo", str(repository))
        sync("sync", "push-runtime", *there)

        def check() -> Sample:
            watch = Stopwatch()
            out = sync("sync", "check-sync", "--json", *there)
            sample = {"check-sync, ms": watch.lap_ms()}
            assert json.loads(out)["inSync"] is True
            return sample

        def nothing() -> Sample:
            watch = Stopwatch()
            sync("--version")
            return {"check-sync, ms": watch.lap_ms()}

        yield Subject([Driver("codexmcp --version", nothing), Driver("codexmcp", check)])


def _add_skills(repository: Path, count: int) -> None:
    """Write skills as large as people's are: 4 KB of text, and two files beside."""
    body = "A line of instructions for whoever uses this.\n" * 90
    for number in range(count):
        name = f"skill-{number}"
        folder = repository / "clients" / "shared" / "skills" / name
        for each in _FILES:
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            (folder / each).write_text(f"#!/bin/sh\n# {name}\n")
        (folder / "SKILL.md").write_text(_SKILL.format(name=name, body=body))


def _run(words: tuple[str, ...], env: dict[str, str]) -> str:
    """Run a command, which must succeed; return what it printed."""
    command = [sys.executable, "-P", "-m", "codexmcp", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
