"""The manifest of deployed files, which separates them from the owner's files.

Pure except `read_manifest`. A manifest is written before the files, with their previous and new
contents, and again after all files are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import ConfigurationError
from codexmcp.home.changes import read_file
from codexmcp.home.sync.choices import SyncChoices
from codexmcp.home.sync.paths import trouble_with
from codexmcp.jsonvalues import is_object, list_of, object_of

FILE = ".codexmcp-sync.json"
VERSION = 1

Stat = tuple[int, int, int, int]
"""Size, time of the last write and of the last change in nanoseconds, and inode of a file."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_STAT_FIELDS = 4


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """A deployed file.

    Attributes:
        digests: Possible contents: the deployed contents, and until confirmed the previous
            contents.
        stat: The file's status; None if unknown.
        backup: The copy of the replaced owner's file; None if no file was replaced.
        is_owners: The owner had the same file there before.
    """

    digests: tuple[str, ...]
    stat: Stat | None = None
    backup: str | None = None
    is_owners: bool = False


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """A deployed block.

    Attributes:
        name: The block's name.
        kind: The file's format.
        digests: Possible digests of the body.
        made_file: The file did not exist before.
        body: The deployed body, for files rewritten by Codex.
    """

    name: str
    kind: str
    digests: tuple[str, ...]
    made_file: bool = False
    body: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents deployed to a folder.

    Attributes:
        repository: The source; empty without a deployment.
        files: The files by path.
        blocks: The blocks by file path.
        folders: The created folders.
        backups: The copies of the owner's files.
        edits: The copies with a block edited by the owner.
        choices: The options of the deployment.
        is_finished: Everything was written.
        written_ns: The time of the manifest.
    """

    repository: str = ""
    files: Mapping[str, ManifestRecord] = field(default_factory=dict[str, ManifestRecord])
    blocks: Mapping[str, BlockRecord] = field(default_factory=dict[str, BlockRecord])
    folders: tuple[str, ...] = ()
    backups: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    choices: SyncChoices = field(default_factory=SyncChoices)
    is_finished: bool = True
    written_ns: int = 0


def read_manifest(home: Path) -> Manifest | None:
    """Return the manifest of a folder; None without a deployment.

    Raises:
        ConfigurationError: The manifest is unreadable or broken.
    """
    path = home / FILE
    data = read_file(path)
    if data is None:
        return None
    try:
        return _decoded(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} is broken ({error}); move it away and push again: unchanged deployed files "
            "are recognized"
        ) from None


def encode(manifest: Manifest) -> bytes:
    """Return a manifest in its file format."""
    value = {
        "version": VERSION,
        "repository": manifest.repository,
        "finished": manifest.is_finished,
        "written": manifest.written_ns,
        "native_memories": manifest.choices.native_memories,
        "report_use": manifest.choices.report_use,
        "blocks": {path: _block_value(block) for path, block in sorted(manifest.blocks.items())},
        "files": {path: _file_value(record) for path, record in sorted(manifest.files.items())},
        "folders": sorted(manifest.folders),
        "backups": sorted(manifest.backups),
        "edits": sorted(manifest.edits),
    }
    return (json.dumps(value, indent=0) + "\n").encode()


def _file_value(record: ManifestRecord) -> dict[str, object]:
    value: dict[str, object] = {"digests": record.digests, "stat": record.stat}
    if record.backup is not None:
        value["backup"] = record.backup
    if record.is_owners:
        value["owners"] = True
    return value


def _block_value(block: BlockRecord) -> dict[str, object]:
    return {
        "name": block.name,
        "kind": block.kind,
        "digests": block.digests,
        "made_file": block.made_file,
        "body": block.body,
    }


def _decoded(value: object) -> Manifest:
    if not is_object(value) or value.get("version") != VERSION:
        raise ValueError(f"not a list of version {VERSION}")
    return Manifest(
        repository=str(value.get("repository", "")),
        files={_path(p): _record(each) for p, each in object_of(value.get("files")).items()},
        blocks={_path(p): _block(each) for p, each in object_of(value.get("blocks")).items()},
        folders=tuple(_path(each) for each in list_of(value.get("folders"))),
        backups=tuple(_path(each) for each in list_of(value.get("backups"))),
        edits=tuple(_path(each) for each in list_of(value.get("edits"))),
        choices=SyncChoices(
            native_memories=value.get("native_memories") is True,
            report_use=value.get("report_use") is True,
        ),
        is_finished=value.get("finished") is True,
        written_ns=_number(value.get("written")),
    )


def _record(value: object) -> ManifestRecord:
    fields = object_of(value)
    backup = fields.get("backup")
    return ManifestRecord(
        digests=_digests(fields),
        stat=_stat(fields.get("stat")),
        backup=None if backup is None else _path(backup),
        is_owners=fields.get("owners") is True,
    )


def _block(value: object) -> BlockRecord:
    fields = object_of(value)
    return BlockRecord(
        name=str(fields.get("name")),
        kind=str(fields.get("kind")),
        digests=_digests(fields),
        made_file=fields.get("made_file") is True,
        body=str(fields.get("body", "")),
    )


def _digests(fields: Mapping[str, Any]) -> tuple[str, ...]:
    digests = tuple(str(each) for each in list_of(fields.get("digests")))
    if not all(map(_DIGEST.fullmatch, digests)):
        raise ValueError("a file has no digest")
    return digests


def _stat(value: object) -> Stat | None:
    numbers = list_of(value)
    if len(numbers) != _STAT_FIELDS:
        return None
    size, written, changed, inode = map(_number, numbers)
    return size, written, changed, inode


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("a value is not a number")  # noqa: TRY004
    return value


def _path(value: object) -> str:
    # Listed files are overwritten and deleted, so their paths must stay inside the folder.
    if not isinstance(value, str) or trouble_with(value) is not None:
        raise ValueError(f"path {value!r}, not a path in the folder")
    return value
