"""The first line of a block in a file that other programs write to: a seal of the lines below.

Pure. By it, lines that were added are told from lines that were changed, whoever made the block.
"""

from __future__ import annotations

import hashlib
import re

from codexmcp.home.block_markers import lines_of

SEAL = re.compile(
    r"# kept by codexmcp \((\d{1,6}) lines, ([0-9a-f]{12})\); your own settings go outside"
)
"""What a seal looks like."""

_MOST_LINES = 5000
"""Lines of a block in which added ones are looked for; longer ones count as edited."""


def seal(body: str) -> str:
    """Return the line that seals a body whose every line is ended."""
    lines = lines_of(body)
    return (
        f"# kept by codexmcp ({len(lines)} lines, {_digest(lines)}); your own settings go outside\n"
    )


def unsealed(sealed: str) -> str:
    """Return a block's lines without the seal, if it has one."""
    first, _, rest = sealed.partition("\n")
    return rest if SEAL.fullmatch(first) else sealed


def surplus(sealed: str) -> range | None:
    r"""Return which lines of a sealed block were added to it; None when others were changed.

    Args:
        sealed: The block's lines with the seal, ended by `\n`.

    Returns:
        Indices into the lines, the seal counted; what was added is one run of lines.
    """
    first, *lines = lines_of(sealed) or [""]
    found = SEAL.fullmatch(first.rstrip("\n"))
    if found is None:
        return None
    count, digest = int(found[1]), found[2]
    added = len(lines) - count
    if added < 0 or len(lines) > _MOST_LINES:
        return None
    # With nothing added one look is enough.
    for start in range(count + 1 if added else 1):
        if _digest([*lines[:start], *lines[start + added :]]) == digest:
            return range(start + 1, start + 1 + added)
    return None


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("".join(lines).encode(errors="surrogatepass")).hexdigest()[:12]
