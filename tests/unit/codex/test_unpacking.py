from __future__ import annotations

import io
from hashlib import shake_256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.codex import unpacking
from codexmcp.codex.unpacking import DamagedError, unpacked, zstd

NOISE = shake_256(b"").digest(3_000_000)
"""Cannot be compressed."""


REAL = zstd.ZstdDecompressor


class Counting(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 80)), max_size=8),
)
def test_it_reads_as_the_plain_file_does_wherever_it_is_sought(
    frames: list[bytes], reads: list[tuple[int, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpacking, "_PACKED_BYTES", 7)
        patch.setattr(unpacking, "_PIECE_BYTES", 5)
        patch.setattr(unpacking, "_HEAD_BYTES", 3)
        plain = io.BytesIO(b"".join(frames))
        file = unpacked(io.BytesIO(b"".join(map(zstd.compress, frames))))
        for offset, size in reads:
            assert (plain.seek(offset), plain.read(size)) == (file.seek(offset), file.read(size))


def test_looking_at_the_beginning_and_right_before_the_end_unpacks_nothing_anew() -> None:
    packed = Counting(zstd.compress(NOISE))
    file = unpacked(packed)
    assert file.read() == NOISE
    once = packed.count
    file.seek(0)
    assert file.read(512) == NOISE[:512]
    file.seek(len(NOISE) - 512)
    assert file.read() == NOISE[-512:]
    assert packed.count == once


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (zstd.compress(NOISE)[:-1], "truncated"),
        (zstd.compress(NOISE) + b"no frame", "Unknown frame"),
        (b'{"timestamp":', "Unknown frame"),
        # A frame that says it needs two gigabytes to be unpacked.
        (bytes.fromhex("28b52ffd00a8 0100 00"), "too much memory"),
    ],
    ids=["empty", "cut", "more behind it", "plain", "window"],
)
def test_damage_is_told_for_what_it_is(data: bytes, why: str) -> None:
    with pytest.raises(DamagedError, match=why):
        unpacked(io.BytesIO(data)).read()


def test_what_lies_before_the_damage_can_be_read() -> None:
    file = unpacked(io.BytesIO(zstd.compress(NOISE)[:-1]))
    assert file.read(2_000_000) == NOISE[:2_000_000]
    with pytest.raises(DamagedError):
        file.read()
    file.seek(1_000)
    assert file.read(10) == NOISE[1_000:1_010]


def test_what_was_made_to_fill_a_machine_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_FREE_BYTES", 5_000_000)
    file = unpacked(io.BytesIO(zstd.compress(bytes(64_000_000))))
    assert file.read(4_000_000) == bytes(4_000_000)
    with pytest.raises(DamagedError, match="more than 1000 times the compressed size"):
        file.read(6_000_000)


def test_what_repeats_a_lot_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_FREE_BYTES", 0)
    data = (NOISE[:2000].hex().encode() + b"\n") * 500
    assert unpacked(io.BytesIO(zstd.compress(data))).read() == data


class Fed:
    """A decompressor that counts what it is fed, in all instances together."""

    count = 0

    def __init__(self, options: dict[int, int] | None = None) -> None:
        self._real = REAL(options=options)

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        Fed.count += len(data)
        return self._real.decompress(data, max_length)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_a_frame_for_each_line_is_fed_little_more_than_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [NOISE[at : at + 125].hex().encode() + b"\n" for at in range(0, 500_000, 125)]
    packed = b"".join(map(zstd.compress, lines))
    monkeypatch.setattr(zstd, "ZstdDecompressor", Fed)
    assert unpacked(io.BytesIO(packed)).read() == b"".join(lines)
    # A decompressor copies what lies behind the end of its frame: of a whole block 256 KiB.
    assert Fed.count < 8192 * len(lines)
