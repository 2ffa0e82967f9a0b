"""The seal in the first line of a block, for files with other writers.

Pure. The seal is a digest of the lines below; it tells added lines from changed lines, no matter
who wrote the block.
"""

from __future__ import annotations

import hashlib
import re

from codexmcp.home.block_markers import lines_of

SEAL = re.compile(
    r"# kept by codexmcp \((\d{1,6}) lines, ([0-9a-f]{12})\); your own settings go outside"
)
"""The pattern of a seal."""

_MOST_LINES = 5000
"""Bound on the lines of a block searched for additions; longer blocks count as edited."""


def seal(body: str) -> str:
    """Return the seal line of a body; every line of the body is terminated."""
    lines = lines_of(body)
    return (
        f"# kept by codexmcp ({len(lines)} lines, {_digest(lines)}); your own settings go outside\n"
    )


def unsealed(sealed: str) -> str:
    """Return a block's lines without the seal, if present."""
    first, _, rest = sealed.partition("\n")
    return rest if SEAL.fullmatch(first) else sealed


def added_range(sealed: str) -> range | None:
    r"""Return the lines added to a sealed block; None when other lines were changed.

    Args:
        sealed: The block's lines with the seal, terminated by `\n`.

    Returns:
        Indices into the lines, including the seal; additions form a single run of lines.
    """
    first, *lines = lines_of(sealed) or [""]
    found = SEAL.fullmatch(first.rstrip("\n"))
    if found is None:
        return None
    count, digest = int(found[1]), found[2]
    added = len(lines) - count
    if added < 0 or len(lines) > _MOST_LINES:
        return None
    # Without additions one comparison is enough.
    for start in range(count + 1 if added else 1):
        if _digest([*lines[:start], *lines[start + added :]]) == digest:
            return range(start + 1, start + 1 + added)
    return None


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("".join(lines).encode(errors="surrogatepass")).hexdigest()[:12]
