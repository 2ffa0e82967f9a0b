from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clients.install import claude_code
from tests.clients.user import User
from tests.support.processes import until


@pytest.fixture
async def user(codex_home: Path, tmp_path: Path) -> AsyncIterator[User]:
    """A fresh user, none of whose processes may outlive the test."""
    user = User(home=codex_home, folder=tmp_path)
    user.codex_home.mkdir()
    yield user
    await until(lambda: not user.processes(), f"every process has ended: {user.processes()}")


@pytest.fixture
async def claude_user(user: User) -> User:
    """A user who has Claude Code."""
    program = await asyncio.to_thread(claude_code)
    user.programs.append(program.parent)
    return user


@pytest.fixture
def as_user(user: User, monkeypatch: pytest.MonkeyPatch) -> User:
    """The same user, whose shell the test itself runs in: for clients that are libraries."""
    for name, value in user.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(user.folder)
    return user
