from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.programs import Project, fresh_project


@pytest.fixture
def project() -> Iterator[Project]:
    with fresh_project() as project:
        yield project


@pytest.fixture(params=["main.py", "newway.py"])
def program(request: pytest.FixtureRequest) -> str:
    """Each entry point in turn."""
    return str(request.param)
