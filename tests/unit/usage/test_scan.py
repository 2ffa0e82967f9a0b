from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from hashlib import shake_256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.usage import rollouts as reading
from codexmcp.usage.index import Flaws, Index
from codexmcp.usage.scan import Scan, update_index
from codexmcp.usage.tokens import Tokens
from tests.support import rollouts
from tests.support.rollouts import Writer, pack, put, unpack

A, B, C = Tokens(100, 50, 0, 10, 5), Tokens(200, 150, 8, 20, 0), Tokens(300, 0, 0, 30, 30)
REAL = Path(__file__).parent / "rollouts"


@pytest.fixture
def index() -> Iterator[Index]:
    with Index(None) as index:
        yield index


def scan(index: Index, home: Path) -> Scan:
    return update_index(index, home, lambda done, of: None)


def total(index: Index) -> Tokens:
    found = Tokens()
    for each in index.sums(None, None, []):
        found = found.plus(each.tokens)
    return found


def fresh(home: Path) -> Tokens:
    """Return what reading everything anew gives."""
    with Index(None) as index:
        scan(index, home)
        return total(index)


@pytest.mark.parametrize(
    ("version", "requests"),
    [
        ("0.136.0", {"gpt-5.5": 4, "gpt-6-sol": 2, "gpt-6-luna": 1}),
        ("0.149.0", {"gpt-5.5": 4, "gpt-6-sol": 2, "gpt-6-luna": 1}),
        # This build makes room before it goes on with another model, and asks the former one.
        ("0.163.0", {"gpt-5.5": 6, "gpt-6-sol": 2, "gpt-6-luna": 1}),
    ],
)
def test_every_request_of_a_real_build_is_counted_once(
    index: Index, version: str, requests: dict[str, int]
) -> None:
    # Two turns, a fork and a fork of it with a turn each, a compaction, a turn after a resumption
    # with another model, and `codex exec`; request n had 1000 + n, 300, 100 + n and 40 tokens.
    scanned = scan(index, REAL / version)
    count = sum(requests.values())
    found: dict[str, int] = {}
    for each in index.sums(None, None, []):
        found[each.model] = found.get(each.model, 0) + each.requests
    assert found == requests
    numbers = count * (count + 1) // 2
    expected = (1000 * count + numbers, 300 * count, 0, 100 * count + numbers, 40 * count)
    assert total(index) == expected
    assert (scanned.rollouts, scanned.flaws.broken_lines) == (4, 0)


def test_what_was_read_is_not_read_again(index: Index, tmp_path: Path) -> None:
    writer = Writer("t").begin().turn(A)
    path = put(tmp_path, "1", writer.lines)
    assert scan(index, tmp_path).read_bytes == path.stat().st_size
    assert scan(index, tmp_path).read_bytes == 0
    added = len(b"".join(writer.lines))
    put(tmp_path, "1", writer.turn(B).lines)
    assert scan(index, tmp_path).read_bytes == path.stat().st_size - added
    assert total(index) == A.plus(B)


def test_a_line_that_is_not_finished_waits(index: Index, tmp_path: Path) -> None:
    lines = Writer("t").begin().turn(A).lines
    path = put(tmp_path, "1", lines)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert scan(index, tmp_path).flaws.unfinished == 1
    assert total(index) == Tokens()
    path.write_bytes(whole)
    assert scan(index, tmp_path).flaws.unfinished == 0
    assert total(index) == A


def test_broken_lines_are_counted_once_and_cost_only_themselves(
    index: Index, tmp_path: Path
) -> None:
    writer = Writer("t").begin().turn(A)
    # Codex was killed within a line, and went on behind it later.
    torn = rollouts.context("torn")[:40]
    lines = [b"garbage\n", *writer.lines, torn + rollouts.started("t-1"), *writer.turn(B).lines[4:]]
    put(tmp_path, "1", [*lines, b"\n", b"\0\0\0\n"])
    for _ in range(2):
        flaws = scan(index, tmp_path).flaws
        assert (flaws.broken_lines, flaws.broken_rollouts) == (3, 1)
        assert total(index) == A.plus(B)


def test_a_rollout_that_was_archived_is_known_again(index: Index, tmp_path: Path) -> None:
    path = put(tmp_path, "1", Writer("t").begin().turn(A).lines)
    scan(index, tmp_path)
    (tmp_path / "archived_sessions").mkdir()
    path.rename(tmp_path / "archived_sessions" / path.name)
    assert scan(index, tmp_path).read_bytes == 0
    assert total(index) == A


def test_a_rollout_that_is_in_both_folders_counts_once(index: Index, tmp_path: Path) -> None:
    lines = Writer("t").begin().turn(A, B).lines
    put(tmp_path, "1", lines)
    put(tmp_path, "1", lines, "archived_sessions")
    scan(index, tmp_path)
    assert total(index) == A.plus(B)


def test_what_a_deleted_rollout_told_is_forgotten_unless_a_copy_tells_it(
    index: Index, tmp_path: Path
) -> None:
    parent = Writer("t").begin().turn(A)
    fork = parent.fork("f").turn(C)
    path = put(tmp_path, "1", parent.turn(B).lines)
    put(tmp_path, "2", fork.lines)
    scan(index, tmp_path)
    assert total(index) == A.plus(B).plus(C)
    path.unlink()
    scan(index, tmp_path)
    assert total(index) == A.plus(C) == fresh(tmp_path)


def test_a_rollout_that_was_replaced_is_read_anew(index: Index, tmp_path: Path) -> None:
    parent = Writer("t").begin().turn(A)
    put(tmp_path, "1", parent.lines)
    put(tmp_path, "2", parent.fork("f").turn(C).lines)
    scan(index, tmp_path)
    # As long as before and more, so that only its content tells.
    put(tmp_path, "1", Writer("u").begin().turn(B).turn(B).lines)
    scan(index, tmp_path)
    assert total(index) == Tokens().plus(A).plus(B).plus(B).plus(C) == fresh(tmp_path)


def test_a_rollout_that_was_cut_is_read_anew(index: Index, tmp_path: Path) -> None:
    writer = Writer("t").begin().turn(A)
    cut = list(writer.lines)
    put(tmp_path, "1", writer.turn(B).lines)
    scan(index, tmp_path)
    put(tmp_path, "1", cut)
    scan(index, tmp_path)
    assert total(index) == A


def test_the_first_request_of_a_fork_has_its_parents_model(index: Index, tmp_path: Path) -> None:
    put(tmp_path, "1", Writer("t", records=True).begin().turn(A, model="gpt-6-sol").lines)
    put(tmp_path, "2", [rollouts.meta("f", "t"), rollouts.recorded("f1", B)])
    scan(index, tmp_path)
    (each,) = index.sums(None, None, [])
    assert (each.model, each.requests) == ("gpt-6-sol", 2)


def test_a_line_without_end_is_passed_over_in_bounded_memory(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PIECE_BYTES", 1000)
    monkeypatch.setattr(reading, "_LONGEST_LINE_BYTES", 5000)
    writer = Writer("t").begin().turn(A)
    # The second one could tell something, if it were not so long.
    long = [rollouts.message("x" * 20_000), rollouts.context("x" * 20_000)]
    put(tmp_path, "1", [*writer.lines, *long, *writer.turn(B).lines[5:]])
    assert scan(index, tmp_path).flaws.broken_lines == 1
    assert total(index) == A.plus(B)


def test_a_rollout_that_was_compressed_is_known_again(index: Index, tmp_path: Path) -> None:
    parent = Writer("t").begin().turn(A)
    path = put(tmp_path, "1", parent.lines)
    other = put(tmp_path, "2", parent.fork("f").turn(C).lines)
    scan(index, tmp_path)
    packed = pack(path)
    assert scan(index, tmp_path).read_bytes == packed.stat().st_size
    assert scan(index, tmp_path).read_bytes == 0
    # Nothing was forgotten, or the fork would have been read again.
    assert index.get(str(other)) is not None
    path = unpack(packed)
    whole = path.stat().st_size
    path.write_bytes(b"".join(parent.turn(B).lines))
    assert scan(index, tmp_path).read_bytes == path.stat().st_size - whole
    assert total(index) == A.plus(C).plus(B) == fresh(tmp_path)


def test_of_a_rollout_and_its_compressed_form_the_plain_one_counts(
    index: Index, tmp_path: Path
) -> None:
    writer = Writer("t").begin().turn(A)
    packed = pack(put(tmp_path, "1", writer.lines))
    scan(index, tmp_path)
    put(tmp_path, "1", writer.turn(B).lines)
    for _ in range(2):
        assert packed.exists()
        assert scan(index, tmp_path).rollouts == 1
        assert total(index) == A.plus(B)


def test_a_compressed_rollout_that_was_replaced_is_read_anew(index: Index, tmp_path: Path) -> None:
    pack(put(tmp_path, "1", Writer("t").begin().turn(A).lines))
    scan(index, tmp_path)
    pack(put(tmp_path, "1", Writer("u").begin().turn(B).lines))
    scan(index, tmp_path)
    assert total(index) == B


def test_a_compressed_rollout_may_end_within_a_line(index: Index, tmp_path: Path) -> None:
    path = put(tmp_path, "1", Writer("t").begin().turn(A).lines)
    path.write_bytes(path.read_bytes() + b'{"timest')
    pack(path)
    assert scan(index, tmp_path).flaws == Flaws(0, 0, 1, 0, "")
    assert total(index) == A


def test_of_a_damaged_rollout_what_comes_before_counts_and_the_damage_is_told_each_time(
    index: Index, tmp_path: Path
) -> None:
    writer = Writer("t").begin().turn(A)
    # What cannot be compressed, so that the damage lies far behind the first turn.
    noise = shake_256(b"").hexdigest(4_000_000)
    path = put(tmp_path, "1", [*writer.lines, rollouts.message(noise), *writer.turn(B).lines[4:]])
    packed = pack(path)
    data = packed.read_bytes()
    packed.write_bytes(data[:-100])
    for _ in range(2):
        flaws = scan(index, tmp_path).flaws
        assert (flaws.damaged, flaws.damage) == (1, f"{packed}: truncated")
        assert total(index) == A
    packed.write_bytes(data[:3_000_000] + b"x" * 100_000 + data[3_100_000:])
    flaws = scan(index, tmp_path).flaws
    assert flaws.damaged + flaws.broken_lines == 1
    assert total(index) in {A, A.plus(B)}
    packed.write_bytes(data)
    assert scan(index, tmp_path).flaws == Flaws(0, 0, 0, 0, "")
    assert total(index) == A.plus(B)


def test_what_cannot_be_read_is_told_and_the_rest_is_read(index: Index, tmp_path: Path) -> None:
    put(tmp_path, "1", Writer("t").begin().turn(A).lines)
    path = put(tmp_path, "2", [])
    path.unlink()
    path.mkdir()
    dangling = path.with_name("rollout-3.jsonl")
    dangling.symlink_to(dangling)
    pipe = path.with_name("rollout-5.jsonl")
    os.mkfifo(pipe)
    scanned = scan(index, tmp_path)
    assert set(scanned.unreadable) == {str(dangling), str(pipe)}
    assert total(index) == A


def test_a_home_without_rollouts_has_none(index: Index, tmp_path: Path) -> None:
    assert scan(index, tmp_path / "missing").rollouts == 0


def test_names_that_are_no_text_are_fine(index: Index, tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode(b"h\xff")
    put(home, "1", Writer("t").begin().turn(A).lines)
    for _ in range(2):
        scan(index, home)
        assert total(index) == A


def test_an_index_that_was_written_down_wrong_is_read_anew(tmp_path: Path) -> None:
    put(tmp_path, "1", Writer("t").begin().turn(A).lines)
    with Index(tmp_path / "x" / "usage.sqlite3") as index:
        scan(index, tmp_path)
        index._database.execute("UPDATE files SET thread = '{', size = 0")
        scan(index, tmp_path)
        assert total(index) == A


def test_an_index_of_another_version_is_made_anew(tmp_path: Path) -> None:
    put(tmp_path, "1", Writer("t").begin().turn(A).lines)
    for _ in range(2):
        with Index(tmp_path / "x" / "usage.sqlite3") as index:
            assert scan(index, tmp_path).read_bytes > 0
            assert total(index) == A
            index._database.execute("PRAGMA user_version = 99")


def test_the_index_is_private(tmp_path: Path) -> None:
    path = tmp_path / "x" / "usage.sqlite3"
    with Index(path):
        assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


def test_sums_keep_to_the_time_and_tell_long_requests_apart(index: Index, tmp_path: Path) -> None:
    writer = Writer("t").begin()
    for hour, tokens in ((10, A), (11, B), (12, Tokens(300_000, 0, 0, 1, 0))):
        writer.turn(tokens, at=f"2026-11-20T{hour}:30:00.000Z")
    put(tmp_path, "1", writer.lines)
    scan(index, tmp_path)
    half_past_eleven = 1795174200
    sums = list(index.sums(half_past_eleven, half_past_eleven + 3600, [272_000]))
    assert [(each.at, each.limits, each.tokens) for each in sums] == [(half_past_eleven, 0, B)]
    assert [each.limits for each in index.sums(half_past_eleven + 1, None, [100, 272_000])] == [2]


STEP = st.sampled_from(["turn", "fork", "delete", "archive", "compress", "scan"])
STEPS = st.lists(st.tuples(STEP, st.integers(0, 3)), max_size=12)


@given(STEPS)
def test_the_index_says_what_reading_everything_says(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    home = tmp_path_factory.mktemp("home")
    writers = [Writer("t0").begin()]
    paths: dict[int, Path] = {0: put(home, "0", writers[0].lines)}
    with Index(None) as index:
        for step, number in steps:
            which = number % len(writers)
            writer, path = writers[which], paths.get(which)
            if step == "scan":
                scan(index, home)
            elif step == "fork":
                writers.append(writer.fork(f"t{len(writers)}"))
                paths[len(writers) - 1] = put(home, str(len(writers)), writers[-1].lines)
            elif path is None:
                continue
            elif step == "turn":
                if path.suffix == ".zst":
                    path = paths[which] = unpack(path)
                path.write_bytes(b"".join(writer.turn(Tokens(number + 1, 0, 0, 1, 0)).lines))
            elif step == "delete":
                paths.pop(which).unlink()
            elif step == "compress":
                paths[which] = path if path.suffix == ".zst" else pack(path)
            else:
                (home / "archived_sessions").mkdir(exist_ok=True)
                paths[which] = path.rename(home / "archived_sessions" / path.name)
        scan(index, home)
        assert total(index) == fresh(home)
    shutil.rmtree(home)
