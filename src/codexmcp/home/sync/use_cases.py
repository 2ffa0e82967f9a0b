"""The use cases of `codexmcp sync` for a client's folder: push, clean and check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import ConfigurationError
from codexmcp.home.applying import delete_lock, locked
from codexmcp.home.profiles.files import PROFILE_SUFFIX
from codexmcp.home.sync.choices import SyncChoices
from codexmcp.home.sync.deployed import Folder
from codexmcp.home.sync.manifest import Manifest, read_manifest
from codexmcp.home.sync.planning import PlanOptions, SyncPlan, drifts, plan
from codexmcp.home.sync.repository import Repository, is_repository
from codexmcp.home.sync.states import Drift
from codexmcp.home.sync.targets import Target
from codexmcp.home.sync.wanted import CONFIG, WantedContents, wanted_of
from codexmcp.home.sync.writing import carry_out

StrictCheck = Callable[[Path, Mapping[str, bytes]], dict[str, str]]
"""Returns Codex's objections to configurations, from a home and its changed files."""


@dataclass(frozen=True, slots=True)
class ClientFolder:
    """A client's folder as a deployment target."""

    target: Target
    home: Path


@dataclass(frozen=True, slots=True)
class RequestedChoices:
    """Requested persistent options; None keeps the previous value.

    Attributes:
        native_memories: Deploy memories to Codex's own store.
        report_use: Have skills report their use.
    """

    native_memories: bool | None = None
    report_use: bool | None = None

    def choices(self, manifest: Manifest | None) -> SyncChoices:
        """Return the resulting options.

        Args:
            manifest: The earlier deployment, or None.
        """
        before = manifest.choices if manifest else SyncChoices()
        return SyncChoices(
            before.native_memories if self.native_memories is None else self.native_memories,
            before.report_use if self.report_use is None else self.report_use,
        )


@dataclass(frozen=True, slots=True)
class PushOptions:
    """Options of a push or clean.

    Attributes:
        asked: The persistent options.
        force: Replace the owner's files and edits; a copy is kept.
        rebuild: Move blocks to the position of new blocks.
        dry_run: Write nothing.
        check: Asks the real Codex; None skips the check.
    """

    asked: RequestedChoices = field(default_factory=RequestedChoices)
    force: bool = False
    rebuild: bool = False
    dry_run: bool = False
    check: StrictCheck | None = None


@dataclass(frozen=True, slots=True)
class PushResult:
    """The result of a push or clean, or of a dry run.

    Attributes:
        place: The folder.
        plan: The plan.
        notes: Remarks for the user.
        is_checked: The real Codex accepted the configuration.
        was_deployed: The folder had an earlier deployment.
    """

    place: ClientFolder
    plan: SyncPlan
    notes: tuple[str, ...]
    is_checked: bool = False
    was_deployed: bool = False


def push(repository: Repository, place: ClientFolder, options: PushOptions) -> PushResult:
    """Deploy a repository to a client's folder.

    Raises:
        ConfigurationError: The plan has obstacles; then nothing is written.
        DeadlineError: Another command has not finished in time.
    """
    return _deploy(repository, place, options)


def clean(place: ClientFolder, options: PushOptions) -> PushResult:
    """Remove everything deployed to a client's folder.

    Raises:
        ConfigurationError: The plan has obstacles; then nothing is written.
        DeadlineError: Another command has not finished in time.
    """
    return _deploy(None, place, options)


def check(repository: Repository, place: ClientFolder, asked: RequestedChoices) -> list[Drift]:
    """Return the differences from a push's result.

    Raises:
        ConfigurationError: A file is unreadable, or the repository is not deployable.
    """
    folder = Folder(place.home)
    manifest = read_manifest(folder.root)
    wanted = wanted_of(repository, place.target, folder.root, asked.choices(manifest))
    return list(drifts(folder, wanted, manifest))


def warnings(repository: Repository, place: ClientFolder) -> tuple[str, ...]:
    """Return notes on parts deployed without expansion, and obstacles to a push or its effect."""
    manifest = read_manifest(place.home.resolve())
    choices = RequestedChoices().choices(manifest)
    odd = wanted_of(repository, place.target, place.home.resolve(), choices).notes
    if not place.home.is_dir():
        return (*odd, f"{place.home} is not there yet; a push makes it")
    override = place.target.override
    if override is None or not repository.memories:
        return odd
    path = place.home / override
    try:
        is_used = bool(path.read_bytes().strip())
    except OSError:
        return odd
    told = f"{path} replaces {place.target.instructions}, so no memory reaches the model"
    return (*odd, told) if is_used else odd


def _deploy(repository: Repository | None, place: ClientFolder, options: PushOptions) -> PushResult:
    root = place.home.resolve()
    if options.dry_run or (repository is None and not root.is_dir()):
        return _carried(root, repository, place, options)
    with locked(root) as is_new:
        is_needless = is_new and read_manifest(root) is None
        try:
            done = _carried(root, repository, place, options)
            # With nothing of ours left, the lock file is removed as well.
            is_needless = done.plan.final is None and (is_new or done.was_deployed)
        finally:
            if is_needless:
                delete_lock(root)
    return done


def _carried(
    root: Path, repository: Repository | None, place: ClientFolder, options: PushOptions
) -> PushResult:
    folder = Folder(root)
    manifest = read_manifest(root)
    choices = options.asked.choices(manifest)
    wanted = wanted_of(repository, place.target, root, choices) if repository else WantedContents()
    source = str(repository.root) if repository else ""
    if source:
        _refuse_other(root, manifest, source, force=options.force)
    how = PlanOptions(source, datetime.now(UTC), choices, options.force, options.rebuild)
    planned = plan(folder, wanted, manifest, how)
    notes = _check(planned, root, place, options)
    if not options.dry_run:
        carry_out(folder, planned, manifest)
    told = (*planned.notes, *(notes or ()))
    return PushResult(place, planned, told, notes == (), manifest is not None)


def _refuse_other(root: Path, manifest: Manifest | None, source: str, *, force: bool) -> None:
    other = manifest.repository if manifest else ""
    if other in {"", source} or force or not is_repository(Path(other)):
        return
    raise ConfigurationError(
        f"{root} was deployed from {other}, and this is {source}; remove its files with "
        f"`codexmcp sync clean-runtime --no-redeploy --repo {other}`, or replace them with "
        "--force"
    )


def _check(
    planned: SyncPlan, root: Path, place: ClientFolder, options: PushOptions
) -> tuple[str, ...] | None:
    """Return Codex's notes on the plan, or None without a check.

    Raises:
        ConfigurationError: Codex refuses a configuration that was accepted before.
    """
    changed = {change.path: change.after for change in planned.changes if _is_config(change.path)}
    if options.check is None or not place.target.has_config or not changed:
        return None
    before = _configs(root)
    after = {name: data for name, data in {**before, **changed}.items() if data is not None}
    problems = options.check(root, after)
    if not problems:
        return ()
    known = options.check(root, before)
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
