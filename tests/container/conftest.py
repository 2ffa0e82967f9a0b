from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builds import CHECKOUT
from tests.support.containers import Engine, prepare_engine

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.container)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def image_engine() -> Engine:
    """An engine that runs the image of this checkout."""
    try:
        return prepare_engine()
    except RuntimeError as error:
        pytest.fail(str(error))


@pytest.fixture
def engine(image_engine: Engine) -> Engine:
    return image_engine


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that a daemon can mount: not every one sees the system's temporary folder."""
    path = CHECKOUT / ".cache" / "mounts" / uuid.uuid4().hex
    path.mkdir(parents=True)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def as_root() -> None:
    """Skip where the tests may not give files to other users."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files to other users")
