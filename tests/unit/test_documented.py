"""Each command in the README and in docs is run by a test, or has a reason to be left out."""

from __future__ import annotations

import re
import shlex

from codexmcp.agents.program import installed_program
from codexmcp.cli import app
from scripts.reference.cli import parser_of
from tests.support.builds import CHECKOUT
from tests.support.documented import NOT_RUN, PAGES, RUN_BY, commands

ALL = {command for page in PAGES for command in commands(page)}


def test_the_first_two_commands_of_the_readme_need_no_key() -> None:
    smoke = "$mcp-skill-smoke run the smoke script and report the file contents"
    assert commands(CHECKOUT / "README.md")[:2] == [
        f"uv run python main.py --rehearse '{smoke}'",
        "uv run pytest",
    ]


def test_the_readme_has_at_most_1000_words() -> None:
    assert len((CHECKOUT / "README.md").read_text(encoding="utf-8").split()) <= 1000


def test_the_tables_name_documented_commands_only_and_each_once() -> None:
    assert {*RUN_BY, *NOT_RUN} - ALL == set()
    assert RUN_BY.keys() & NOT_RUN.keys() == set()


def test_the_tests_that_run_documented_commands_exist() -> None:
    for test in set(RUN_BY.values()):
        file, _, name = test.partition("::")
        source = (CHECKOUT / file).read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), test


def test_every_documented_command_of_ours_is_understood() -> None:
    parser, agent = parser_of(app.load_command), parser_of(installed_program(rehearses=False).load)
    for command in sorted(ALL):
        start = re.search(r"(?:^|-- |^id=\$\()codexmcp (?!codex |--version)", command)
        if start is not None:
            line = re.split(r" (?:&&|\||>) |\)$", command[start.end() :])[0]
            words = shlex.split(line)
            is_agent = words[0] in {"agent", "rehearse"}
            # Wrong usage ends the process, and with it the test.
            (agent if is_agent else parser).parse_args(words[1:] if is_agent else words)
