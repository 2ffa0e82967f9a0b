from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.builds import CHECKOUT

# Enough to find what is wrong within days of pushes, and few enough to run after every change. No
# deadline, because a busy machine makes any single example slow.
settings.register_profile("suite", max_examples=40, deadline=None)
settings.load_profile("suite")

# A shell without job control has what it starts in the background ignore Ctrl-C, and every child
# inherits that. Here it must arrive.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
