from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.fake_app_server import FakeAppServer
from tests.support.turns import Conversation


@pytest.fixture
async def talk() -> AsyncIterator[Conversation]:
    """A thread of a scripted app-server."""
    fake = FakeAppServer()
    async with fake.attached() as server:
        yield Conversation(fake, server)
