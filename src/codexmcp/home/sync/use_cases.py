"""What `codexmcp sync` does: push, clean and check, for one client's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.home.applying import forget_lock, locked
from codexmcp.home.profiles.files import PROFILE_SUFFIX
from codexmcp.home.sync.choices import Choices
from codexmcp.home.sync.deployed import Folder
from codexmcp.home.sync.manifest import Manifest, read_manifest
from codexmcp.home.sync.planning import How, Plan, drifts, plan
from codexmcp.home.sync.repository import Repository, is_repository
from codexmcp.home.sync.states import Drift
from codexmcp.home.sync.targets import Target
from codexmcp.home.sync.wanted import CONFIG, Wanted, wanted_of
from codexmcp.home.sync.writing import carry_out

StrictCheck = Callable[[Path, Mapping[str, bytes]], dict[str, str]]
"""Says what Codex has against configurations, for a home and the files that change in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A client's folder to deploy to.

    Attributes:
        target: The client.
        home: Its folder.
    """

    target: Target
    home: Path


@dataclass(frozen=True, slots=True)
class Asked:
    """What to deploy how; None means as before.

    Attributes:
        native_memories: Whether memories go to where Codex keeps its own.
        report_use: Whether skills ask for a report of their use.
    """

    native_memories: bool | None = None
    report_use: bool | None = None

    def choices(self, manifest: Manifest | None) -> Choices:
        """Return what that comes to.

        Args:
            manifest: What was deployed before; None for nothing.
        """
        before = manifest.choices if manifest else Choices()
        return Choices(
            before.native_memories if self.native_memories is None else self.native_memories,
            before.report_use if self.report_use is None else self.report_use,
        )


@dataclass(frozen=True, slots=True)
class Manner:
    """How to push or clean.

    Attributes:
        asked: What to deploy how.
        force: Whether what the owner changed or has may be replaced; a copy is kept.
        rebuild: Whether to put blocks anew where new ones go.
        dry_run: Whether to write nothing.
        check: Asks the real Codex; None does not.
    """

    asked: Asked = field(default_factory=Asked)
    force: bool = False
    rebuild: bool = False
    dry_run: bool = False
    check: StrictCheck | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a push or a clean has done, or would do.

    Attributes:
        place: Where.
        plan: Its plan.
        notes: What people should know.
        is_checked: Whether the real Codex has taken the configuration.
        was_deployed: Whether anything was deployed there before.
    """

    place: Place
    plan: Plan
    notes: tuple[str, ...]
    is_checked: bool = False
    was_deployed: bool = False


def push(repository: Repository, place: Place, manner: Manner) -> Done:
    """Deploy a repository to a client's folder.

    Raises:
        ConfigurationError: Something stands in the way; then nothing is written.
        DeadlineError: Another command does not finish.
    """
    return _deploy(repository, place, manner)


def clean(place: Place, manner: Manner) -> Done:
    """Take everything that was deployed out of a client's folder.

    Raises:
        ConfigurationError: Something stands in the way; then nothing is written.
        DeadlineError: Another command does not finish.
    """
    return _deploy(None, place, manner)


def check(repository: Repository, place: Place, asked: Asked) -> list[Drift]:
    """Return what is not as a push would make it.

    Raises:
        ConfigurationError: Something cannot be read, or the repository cannot be deployed.
    """
    folder = Folder(place.home)
    manifest = read_manifest(folder.root)
    wanted = wanted_of(repository, place.target, folder.root, asked.choices(manifest))
    return list(drifts(folder, wanted, manifest))


def warnings(repository: Repository, place: Place) -> tuple[str, ...]:
    """Return what keeps what was deployed from having an effect, or a push from having been."""
    if not place.home.is_dir():
        return (f"{place.home} is not there yet; a push makes it",)
    override = place.target.override
    if override is None or not repository.memories:
        return ()
    path = place.home / override
    try:
        is_used = bool(path.read_bytes().strip())
    except OSError:
        return ()
    told = f"{path} takes the place of {place.target.instructions}, so no memory reaches the model"
    return (told,) if is_used else ()


def _deploy(repository: Repository | None, place: Place, manner: Manner) -> Done:
    root = place.home.resolve()
    if manner.dry_run or (repository is None and not root.is_dir()):
        return _carried(root, repository, place, manner)
    with locked(root) as is_new:
        is_needless = is_new and read_manifest(root) is None
        try:
            done = _carried(root, repository, place, manner)
            # Then nothing of ours is left, and the lock file is to go, too.
            is_needless = done.plan.final is None and (is_new or done.was_deployed)
        finally:
            if is_needless:
                forget_lock(root)
    return done


def _carried(root: Path, repository: Repository | None, place: Place, manner: Manner) -> Done:
    folder = Folder(root)
    manifest = read_manifest(root)
    choices = manner.asked.choices(manifest)
    wanted = wanted_of(repository, place.target, root, choices) if repository else Wanted()
    source = str(repository.root) if repository else ""
    if source:
        _refuse_other(root, manifest, source, force=manner.force)
    how = How(source, datetime.now(UTC), choices, manner.force, manner.rebuild)
    planned = plan(folder, wanted, manifest, how)
    notes = _check(planned, root, place, manner)
    if not manner.dry_run:
        carry_out(folder, planned, manifest)
    told = (*planned.notes, *(notes or ()))
    return Done(place, planned, told, notes == (), manifest is not None)


def _refuse_other(root: Path, manifest: Manifest | None, source: str, *, force: bool) -> None:
    other = manifest.repository if manifest else ""
    if other in {"", source} or force or not is_repository(Path(other)):
        return
    raise ConfigurationError(
        f"{root} was deployed from {other}, and this is {source}; take that one's files out with "
        f"`codexmcp sync clean-runtime --no-redeploy --repo {other}`, or take them over with "
        "--force"
    )


def _check(planned: Plan, root: Path, place: Place, manner: Manner) -> tuple[str, ...] | None:
    """Ask Codex for what it has against the plan; return notes, or None when it was not asked.

    Raises:
        ConfigurationError: It refuses what it took before.
    """
    changed = {change.path: change.after for change in planned.changes if _is_config(change.path)}
    if manner.check is None or not place.target.has_config or not changed:
        return None
    before = _configs(root)
    after = {name: data for name, data in {**before, **changed}.items() if data is not None}
    problems = manner.check(root, after)
    if not problems:
        return ()
    known = manner.check(root, before)
    new = {name: told for name, told in problems.items() if known.get(name) != told}
    if new:
        told = "\n  ".join(f"{root / name}: {problem}" for name, problem in new.items())
        raise ConfigurationError(
            f"Codex would not start with this, so nothing was written:\n  {told}\ncorrect the "
            "source, or push without the check by --no-check"
        )
    return tuple(
        f"Codex's strict check refuses {root / name}, as it did before: {told}"
        for name, told in problems.items()
    )


def _is_config(path: str) -> bool:
    return path == CONFIG or (path.endswith(PROFILE_SUFFIX) and "/" not in path)


def _configs(root: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in root.glob("*.toml") if root.is_dir() else ():
        if _is_config(path.name) and path.is_file():
            found[path.name] = path.read_bytes()
    return found
