from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import ConfigurationError
from codexmcp.home.sync.choices import SyncChoices
from codexmcp.home.sync.deployed import NOTHING, DeployedEntry, EntryKind
from codexmcp.home.sync.manifest import (
    FILE,
    BlockRecord,
    Manifest,
    ManifestRecord,
    encode,
    read_manifest,
)
from codexmcp.home.sync.states import SETTLED, State, file_state
from codexmcp.home.sync.wanted import WantedFile, digest_of

DIGEST = digest_of(b"x")
_digests = st.lists(st.binary(max_size=2).map(digest_of), min_size=1, max_size=2).map(tuple)
_paths = st.sampled_from(["a", "skills/x/SKILL.md", "a b/é"])
_stats = st.none() | st.tuples(*[st.integers(0, 2**63)] * 4)
_manifests = st.builds(
    Manifest,
    repository=st.text(max_size=5),
    files=st.dictionaries(
        _paths, st.builds(ManifestRecord, _digests, _stats, st.none() | _paths, st.booleans())
    ),
    blocks=st.dictionaries(
        _paths,
        st.builds(
            BlockRecord, st.just("sync"), st.just("toml"), _digests, st.booleans(), st.text()
        ),
    ),
    folders=st.lists(_paths, unique=True).map(sorted).map(tuple),
    backups=st.lists(_paths, unique=True).map(sorted).map(tuple),
    edits=st.lists(_paths, unique=True).map(sorted).map(tuple),
    choices=st.builds(SyncChoices, st.booleans(), st.booleans()),
    is_finished=st.booleans(),
    written_ns=st.integers(0, 2**63),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@given(manifest=_manifests)
def test_what_is_written_is_read_again(folder: Path, manifest: Manifest) -> None:
    (folder / FILE).write_bytes(encode(manifest))
    assert read_manifest(folder) == manifest


def test_without_a_list_nothing_was_deployed(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"../../.ssh/id": {"digests": [DIGEST]}}},
        {"files": {"/etc/passwd": {"digests": [DIGEST]}}},
        {"files": {"a": {"digests": [DIGEST], "backup": "../x"}}},
        {"files": {"a": {"digests": ["short"]}}},
        {"folders": ["C:\\Windows"]},
        {"backups": [7]},
        {"edits": ["../x"]},
        {"version": 2},
        {"written": "x"},
    ],
)
def test_a_list_that_somebody_has_changed_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    value = json.loads(encode(Manifest()))
    (tmp_path / FILE).write_text(json.dumps({**value, **change}))
    with pytest.raises(ConfigurationError, match="move it away and push again"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_broken_list_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(ConfigurationError, match="is broken"):
        read_manifest(tmp_path)


def _file(data: bytes, *, executable: bool = False) -> DeployedEntry:
    return DeployedEntry(EntryKind.FILE, digest_of(data), executable)


OURS = ManifestRecord((DIGEST,))
OTHER = DeployedEntry(EntryKind.OTHER)
WANTED = WantedFile(b"x")
NEWER = WantedFile(b"y")


@pytest.mark.parametrize(
    ("wanted", "record", "seen", "state"),
    [
        (WANTED, None, NOTHING, State.NEW),
        (WANTED, OURS, NOTHING, State.MISSING),
        (WANTED, OURS, OTHER, State.IN_THE_WAY),
        (WANTED, OURS, _file(b"x"), State.CURRENT),
        (WANTED, None, _file(b"x"), State.SAME),
        (NEWER, OURS, _file(b"x"), State.OUTDATED),
        (WANTED, OURS, _file(b"x", executable=True), State.OUTDATED),
        (NEWER, OURS, _file(b"z"), State.EDITED),
        (NEWER, None, _file(b"x"), State.FOREIGN),
        (None, OURS, _file(b"x"), State.STALE),
        (None, OURS, _file(b"z"), State.STALE_EDITED),
        (None, OURS, OTHER, State.STALE_EDITED),
        (None, OURS, NOTHING, State.GONE),
    ],
)
def test_a_file_has_the_state_of_the_table(
    wanted: WantedFile | None, record: ManifestRecord | None, seen: DeployedEntry, state: State
) -> None:
    assert file_state(wanted, record, seen) is state


@given(
    st.none() | st.binary(max_size=1).map(WantedFile),
    st.none() | st.builds(ManifestRecord, _digests),
    st.sampled_from([NOTHING, OTHER]) | st.binary(max_size=1).map(_file),
)
def test_what_is_settled_is_what_shall_be_there(
    wanted: WantedFile | None, record: ManifestRecord | None, seen: DeployedEntry
) -> None:
    if wanted is None and record is None:
        return
    is_there = wanted is not None and seen.digest == wanted.digest
    is_gone = wanted is None and seen is NOTHING
    assert (file_state(wanted, record, seen) in SETTLED) == (is_there or is_gone)
