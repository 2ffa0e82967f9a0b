"""scripts/upgrade_codex.py: the changes of files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codexmcp.appserver.contract import contract
from scripts.upgrade_codex import builds_after, pinned_version, with_line, with_pin
from tests.support.builds import CHECKOUT

PYPROJECT = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
TESTED = ("0.153.4", "0.163.0", "0.171.0")


def test_the_pin_is_a_tested_build_and_is_replaced() -> None:
    assert pinned_version(PYPROJECT) in contract().tested
    changed = with_pin(PYPROJECT, "0.180.1")
    assert pinned_version(changed) == "0.180.1"
    assert len(changed.splitlines()) == len(PYPROJECT.splitlines())


@pytest.mark.parametrize(
    ("version", "kind", "expected"),
    [
        ("0.165.0", "pin", ["0.153.4", "0.165.0", "0.171.0"]),
        ("0.171.0", "pin", ["0.153.4", "0.171.0"]),
        ("0.1000.0", "pin", ["0.153.4", "0.1000.0"]),
        ("0.172.0", "npm", ["0.153.4", "0.163.0", "0.172.0"]),
    ],
)
def test_the_oldest_the_pinned_and_the_newest_build_are_tested(
    version: str, kind: str, expected: list[str]
) -> None:
    assert builds_after(TESTED, "0.163.0", version, is_pin=kind == "pin") == expected


def test_the_changelog_gets_its_line_once() -> None:
    text = "# Changelog\n\n## [Unreleased]\n\n### Changed\n\n- Before.\n"
    changed = with_line(text, "- Codex is pinned to 1.0.0.")
    assert "### Changed\n\n- Codex is pinned to 1.0.0.\n- Before.\n" in changed
    assert with_line(changed, "- Codex is pinned to 1.0.0.") == changed


def test_a_wrong_version_is_refused_before_any_step() -> None:
    command = [sys.executable, str(CHECKOUT / "scripts" / "upgrade_codex.py"), "newest"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert ran.returncode == 2
    assert "give a version such as 0.171.0" in ran.stderr
