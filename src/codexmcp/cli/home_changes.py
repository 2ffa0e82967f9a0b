"""Changes of a Codex home by a plan, under the lock of the home, or a dry run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from codexmcp.cli.output import Output
from codexmcp.codex.config import default_home
from codexmcp.data_classes import dataclass
from codexmcp.home.applying import apply, locked
from codexmcp.home.changes import FileChange, unified_diff
from codexmcp.settings import load_settings


class Planned(Protocol):
    """The plan of a command."""

    @property
    def changes(self) -> list[FileChange]:
        """The effective changes, in the order of writing."""
        ...


P = TypeVar("P", bound=Planned)


@dataclass(frozen=True, slots=True)
class Done(Generic[P]):
    """The changes of a command, made or planned.

    Attributes:
        plan: The plan.
        kept: The copies of what was replaced.
        diff: The changes as `diff -u` shows them.
    """

    plan: P
    kept: list[Path]
    diff: str

    def as_json(self) -> dict[str, object]:
        """Return the changes for a program."""
        return {
            "changed": [str(change.path) for change in self.plan.changes],
            "backups": [str(path) for path in self.kept],
            "diff": self.diff,
        }


def home_folder() -> Path:
    """Return the Codex home that the environment names.

    Raises:
        ConfigurationError: A setting cannot be used.
    """
    return load_settings(dict(os.environ)).codex_home or default_home()


def carry_out(home: Path, make_plan: Callable[[], P], output: Output, *, dry_run: bool) -> Done[P]:
    """Change a home by a plan, or print the changes.

    Args:
        home: The Codex home.
        make_plan: Reads the home and returns the plan.
        output: The output, for the changes of a dry run.
        dry_run: Print the changes only.

    Raises:
        CodexMCPError: The plan cannot be made or carried out; then nothing is written.
    """
    plan = make_plan()
    kept: list[Path] = []
    if plan.changes and not dry_run:
        with locked(home):
            # Once more, because another command may just have ended.
            plan = make_plan()
            kept = apply(plan.changes)
    done = Done(plan, kept, unified_diff(plan.changes))
    if not output.is_json:
        if dry_run:
            output.say(done.diff.removesuffix("\n") or "nothing would change")
        for path in kept:
            output.note(f"a copy of what was replaced is in {path}")
    return done
