"""The list of what was deployed to a folder, by which it can be told from what the owner made.

Pure but for `read_manifest`. A list is written before the files it names, with what they held
before and what they shall hold, and once more when all of them are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codexmcp.errors import ConfigurationError
from codexmcp.home.changes import read_file
from codexmcp.home.sync.choices import Choices
from codexmcp.home.sync.paths import trouble_with
from codexmcp.jsonvalues import is_object, list_of, object_of

FILE = ".codexmcp-sync.json"
VERSION = 1

Stat = tuple[int, int, int, int]
"""Size, time of the last write and of the last change in nanoseconds, and inode of a file."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_STAT_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Record:
    """A file that was deployed.

    Attributes:
        digests: What it may hold: what was deployed, and before that was certain, what came before.
        stat: What the file system said of it; None while that is not known.
        backup: The copy of the owner's file that it replaced; None when it replaced none.
        is_owners: Whether the owner had put the very same file there before.
    """

    digests: tuple[str, ...]
    stat: Stat | None = None
    backup: str | None = None
    is_owners: bool = False


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """A block that was deployed.

    Attributes:
        name: The block's name.
        kind: What sort of text it stands in.
        digests: What its body may be.
        made_file: Whether there was no such file before.
        body: What was deployed, where Codex may write it anew.
    """

    name: str
    kind: str
    digests: tuple[str, ...]
    made_file: bool = False
    body: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was deployed to a folder.

    Attributes:
        repository: From where; empty when nothing was.
        files: The files by their paths.
        blocks: The blocks by the paths of their files.
        folders: The folders that were made.
        backups: The copies that were made of the owner's files.
        edits: Those among them that hold a block that the owner had edited.
        choices: What was deployed how.
        is_finished: Whether everything was written.
        written_ns: When the list was written.
    """

    repository: str = ""
    files: Mapping[str, Record] = field(default_factory=dict[str, Record])
    blocks: Mapping[str, BlockRecord] = field(default_factory=dict[str, BlockRecord])
    folders: tuple[str, ...] = ()
    backups: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    choices: Choices = field(default_factory=Choices)
    is_finished: bool = True
    written_ns: int = 0


def read_manifest(home: Path) -> Manifest | None:
    """Return the list of what was deployed to a folder; None when nothing was.

    Raises:
        ConfigurationError: It cannot be read or is broken.
    """
    path = home / FILE
    data = read_file(path)
    if data is None:
        return None
    try:
        return _decoded(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} is broken ({error}); move it away and push again: what is still as it was "
            "deployed is found again"
        ) from None


def encode(manifest: Manifest) -> bytes:
    """Return a list as it is written."""
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


def _file_value(record: Record) -> dict[str, object]:
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
        raise ValueError(f"it is no list of version {VERSION}")
    return Manifest(
        repository=str(value.get("repository", "")),
        files={_path(p): _record(each) for p, each in object_of(value.get("files")).items()},
        blocks={_path(p): _block(each) for p, each in object_of(value.get("blocks")).items()},
        folders=tuple(_path(each) for each in list_of(value.get("folders"))),
        backups=tuple(_path(each) for each in list_of(value.get("backups"))),
        edits=tuple(_path(each) for each in list_of(value.get("edits"))),
        choices=Choices(
            native_memories=value.get("native_memories") is True,
            report_use=value.get("report_use") is True,
        ),
        is_finished=value.get("finished") is True,
        written_ns=_number(value.get("written")),
    )


def _record(value: object) -> Record:
    fields = object_of(value)
    backup = fields.get("backup")
    return Record(
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
        raise ValueError("it names a file without what it holds")
    return digests


def _stat(value: object) -> Stat | None:
    numbers = list_of(value)
    if len(numbers) != _STAT_FIELDS:
        return None
    size, written, changed, inode = map(_number, numbers)
    return size, written, changed, inode


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("it holds something else where a number belongs")  # noqa: TRY004
    return value


def _path(value: object) -> str:
    # What a list names is overwritten and deleted, so it must not lead out of the folder.
    if not isinstance(value, str) or trouble_with(value) is not None:
        raise ValueError(f"it names {value!r}, which is no path in the folder")
    return value
