from __future__ import annotations

import re

import pytest

from codexmcp.installation import IS_CHECKOUT, command, repair
from tests.support.sources import texts


@pytest.mark.parametrize(
    ("is_checkout", "start", "fix"),
    [
        (True, "uv run codexmcp codex login", "run `uv sync`"),
        (False, "codexmcp codex login", "install codexmcp-agents again"),
    ],
)
def test_advice_fits_the_installation(is_checkout: bool, start: str, fix: str) -> None:  # noqa: FBT001
    assert command("codex login", is_checkout=is_checkout) == start
    assert repair(is_checkout=is_checkout) == fix


def test_these_tests_run_in_a_checkout() -> None:
    assert IS_CHECKOUT


def test_no_other_module_gives_advice_for_a_checkout_alone() -> None:
    advice = re.compile(r"uv run codexmcp|uv sync|`main\.py|run newway\.py")
    given = {file for file, text in texts().items() if advice.search(text)}
    found = {file for file in given if advice.search(_code(texts()[file]))}
    # This one is about newway.py, which only a checkout has.
    assert found <= {"installation.py", "agents/exec_launch.py"}


def _code(text: str) -> str:
    """Return a module without its docstrings and comments."""
    return re.sub(r'""".*?"""|#[^\n]*', "", text, flags=re.DOTALL)
