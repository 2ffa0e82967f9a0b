"""Each item and notification that app-server may send is translated, or listed with a reason."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.conformance.builds import BUNDLED, NEWEST, NPM, SAME, Build
from tests.conformance.untranslated import (
    ITEMS,
    NOTIFICATIONS,
    TRANSLATED_ITEMS,
    TRANSLATED_NOTIFICATIONS,
    items_of,
    listed,
    notifications_of,
    unknown_items,
    unknown_notifications,
)

PINNED = (SAME, BUNDLED, NPM)
_TIMEOUT_S = 30.0


@cache
def schema_of(build: Build) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        words = ("app-server", "generate-json-schema", "--experimental", "--out", folder)
        environment = {"HOME": folder, "CODEX_HOME": folder}
        subprocess.run([build.codex(), *words], env=environment, check=True, timeout=_TIMEOUT_S)
        schema: dict[str, Any] = json.loads((Path(folder) / "ServerNotification.json").read_text())
        return schema


@pytest.mark.parametrize(
    "build",
    [
        *(pytest.param(build, id=build.name) for build in PINNED),
        pytest.param(NEWEST, id="newest", marks=pytest.mark.newest),
    ],
)
def test_all_that_app_server_tells_is_translated_or_listed(build: Build) -> None:
    schema = schema_of(build)
    assert unknown_notifications(schema) == set()
    assert unknown_items(schema) == set()


def test_all_that_is_translated_or_listed_exists() -> None:
    schemas = [schema_of(build) for build in PINNED]
    notifications = set().union(*map(notifications_of, schemas))
    items = set().union(*map(items_of, schemas))
    assert (listed(NOTIFICATIONS) | TRANSLATED_NOTIFICATIONS) - notifications == set()
    assert (listed(ITEMS) | TRANSLATED_ITEMS) - items == set()


def test_nothing_is_both_translated_and_listed() -> None:
    assert listed(NOTIFICATIONS) & TRANSLATED_NOTIFICATIONS == set()
    assert listed(ITEMS) & TRANSLATED_ITEMS == set()


def test_a_new_notification_and_a_new_item_are_found() -> None:
    schema = {
        "oneOf": [{"properties": {"method": {"enum": [name]}}} for name in ("error", "a/new")],
        "definitions": {
            "ThreadItem": {
                "oneOf": [{"properties": {"type": {"enum": [t]}}} for t in ("plan", "aNew")]
            }
        },
    }
    assert (unknown_notifications(schema), unknown_items(schema)) == ({"a/new"}, {"aNew"})
