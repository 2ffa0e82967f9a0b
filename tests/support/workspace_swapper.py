"""Swaps two names for each other, as fast as it can, until its standard input ends.

A program: `python -m tests.support.workspace_swapper ONE OTHER`.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
from pathlib import Path

from tests.support.builds import CHECKOUT

_AT_FDCWD, _EXCHANGE = -100, 2
_BURST = 200


def main(one: str, other: str) -> None:
    """Swap; both names exist at any moment.

    Source: renameat2(2), RENAME_EXCHANGE.
    """
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    sys.stdout.write("swapping\n")
    sys.stdout.flush()
    while not select.select([0], [], [], 0)[0]:
        for _ in range(_BURST):
            done = renameat2(_AT_FDCWD, one.encode(), _AT_FDCWD, other.encode(), _EXCHANGE)
            if done != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    assert Path.cwd() == CHECKOUT
    main(*sys.argv[1:])
