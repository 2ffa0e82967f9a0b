"""Checks npm's newest Codex, and writes the differences from the contract to a file.

`uv run python -m scripts.newest_codex FILE`; the exit code is that of `codexmcp codex check`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.builds import newest_codex

TIMEOUT_S = 600.0


def main(file: Path) -> int:
    """Check the build, write the result as JSON, and return the exit code."""
    command = [sys.executable, "-m", "codexmcp", "codex", "check", "--json", "--bin"]
    with file.open("w", encoding="utf-8") as out:
        done = subprocess.run(
            [*command, str(newest_codex())], stdout=out, timeout=TIMEOUT_S, check=False
        )
    sys.stdout.write(file.read_text(encoding="utf-8"))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
