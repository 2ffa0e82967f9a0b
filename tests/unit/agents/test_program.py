from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.builds import CHECKOUT


@pytest.mark.parametrize("entry", ["main", "newway"])
def test_an_entry_point_loads_little_before_ctrl_c_is_heeded(entry: str) -> None:
    slow = ["asyncio", "logging", "argparse", "json", "ssl"]
    code = f"import sys, {entry}; print([name for name in {slow} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {code}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert run.stdout == "[]\n"
