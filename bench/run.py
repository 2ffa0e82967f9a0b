"""Measure codexmcp: `uv run python bench/run.py [NAMES] [--rounds N] [--json FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # In place of bench/ itself: what lies here is imported as `bench.…` and `tests.…`.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    from bench.command import main

    sys.exit(main())
