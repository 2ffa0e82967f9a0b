"""A Codex home without room is told before a task begins, at every door."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.builds import CHECKOUT
from tests.support.doors import BOUND_S, DOORS


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_full_home_is_told_at_every_door(codex_home: Path, when: str, door: str) -> None:
    ran = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount"),
            *(sys.executable, "-m", "tests.support.full_home", when, door, str(codex_home)),
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["refused"]
    assert "No space left on device" in told["text"]
    assert "Traceback" not in told["text"]
    assert told["code"] in {None, 78}
