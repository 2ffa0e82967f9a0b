from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from codexmcp.testing import ScriptedModel
from tests.support.git_ground import GitGround, locked_server
from tests.support.programs import Project, fresh_project
from tests.support.supervision import Station, station


@pytest.fixture
def project() -> Iterator[Project]:
    with fresh_project() as project:
        yield project


@pytest.fixture(params=["main.py", "newway.py"])
def program(request: pytest.FixtureRequest) -> str:
    """Each entry point in turn."""
    return str(request.param)


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    """A model that answers as its owner wants."""
    async with ScriptedModel() as started:
        yield started


@pytest.fixture
async def here(codex_home: Path) -> AsyncIterator[Station]:
    """A fresh Codex home, where clients start a supervisor."""
    async with station(codex_home) as made:
        yield made


@pytest.fixture
def ground(tmp_path: Path) -> GitGround:
    """A git repository, and what lies around it."""
    return GitGround(tmp_path)


@pytest.fixture
def locked_host() -> Iterator[str]:
    """The URL of a repository behind a password."""
    with locked_server() as url:
        yield url
