from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import codexmcp.env_file
import codexmcp.installation
from tests.support.builds import CHECKOUT

# Few examples after every change, and more in CI, which asks for them by
# `--hypothesis-profile=thorough`: enough to find a fault within days of pushes. No deadline, as
# a busy machine makes any single example slow.
settings.register_profile("quick", max_examples=10, deadline=None)
settings.register_profile("thorough", max_examples=40, deadline=None)
settings.load_profile("quick")

# No test depends on the developer's own `.env`.
codexmcp.installation.CHECKOUT = None
os.environ[codexmcp.env_file.ENV_FILE_VARIABLE] = os.devnull

# Where bytecode is off, as in many images, each worker would rewrite all assertions anew, and each
# program compile all modules.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell without job control has what it starts in the background ignore Ctrl-C, and every child
# inherits that. Here it must arrive.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave what collection has made out of the garbage collector's later rounds."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def codex_home() -> Iterator[Path]:
    """A fresh Codex home.

    It lies in the checkout and not below the system's temporary folder, because Codex makes no
    helper binary there: on a machine with bubblewrap every sandboxed command would then fail
    (measured on 0.163.0). One place for all machines keeps the tests alike.
    """
    home = CHECKOUT / ".cache" / "homes" / uuid.uuid4().hex
    home.mkdir(parents=True, mode=0o700)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


BUDGETS_S = {
    "unit": 60,
    "flow": 180,
    "process": 1500,
    "conformance": 1500,
    "clients": 240,
    "campaign": 900,
    "container": 1500,
}
"""Time of the tests of each tier, summed over all workers, on two cores."""

_spent_s: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the time of each tier."""
    parts = Path(report.nodeid.partition("::")[0]).parts
    _spent_s[parts[1] if len(parts) > 1 else ""] += round(report.duration * 1000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the time of each tier beside its budget."""
    told = {tier: spent / 1000 for tier, spent in _spent_s.items() if tier in BUDGETS_S}
    if not told:
        return
    terminalreporter.section("time of the tiers, over all workers")
    for tier, spent_s in sorted(told.items()):
        over = "  OVER" if spent_s > BUDGETS_S[tier] else ""
        terminalreporter.line(f"{tier:12} {spent_s:6.0f} s of {BUDGETS_S[tier]} s{over}")
