from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from codexmcp.agents.arguments import Arguments, MainArguments, parse_arguments
from codexmcp.errors import UsageError


def parse(*argv: str, default_prompt: str | None = None, server_command: bool = True) -> Arguments:
    return parse_arguments(
        argv,
        program="main.py",
        command="uv run python main.py",
        default_prompt=default_prompt,
        server_command=server_command,
    )


def test_without_options_the_defaults_hold() -> None:
    assert parse("do", "it") == MainArguments(prompt="do it")


def test_options_may_stand_anywhere() -> None:
    arguments = parse("do", "--cwd", "x", "it", "--json", "--timeout", "0", "now")
    assert arguments == MainArguments(prompt="do it now", cwd=Path("x"), json=True, timeout=0.0)


@pytest.mark.parametrize(
    ("argv", "prompt"),
    [
        (["--", "--help"], "--help"),
        (["- buy milk"], "- buy milk"),
        (["--json", "--", "-x", "--y"], "-x --y"),
        (["caf\udce9"], "caf\N{REPLACEMENT CHARACTER}"),
        ([" two\n\nlines "], " two\n\nlines "),
    ],
)
def test_a_prompt_is_taken_as_it_is(argv: list[str], prompt: str) -> None:
    assert parse(*argv).prompt == prompt


def test_a_dash_reads_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from stdin \xff\n")))
    assert parse("-").prompt == "from stdin \N{REPLACEMENT CHARACTER}\n"


def test_the_default_prompt_stands_in_for_a_missing_one() -> None:
    assert parse(default_prompt="smoke").prompt == "smoke"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "there is no prompt"),
        ([""], "the prompt is empty"),
        (["x", "--resume", ""], "argument --resume: empty value"),
        (["x", "--cwd", ""], "argument --cwd: empty value"),
        (["x", "--nonsense"], "--nonsense"),
        (["x", "--reh"], "--reh"),
        (["x", "--timeout", "nan"], "'nan' is not a number of seconds"),
        (["x", "--timeout", "-1"], "'-1' is not a number of seconds"),
        (["x", "--max-turns", "two"], "'two' is not a whole number"),
        (["x", "--sandbox", "off"], "read-only"),
    ],
)
def test_wrong_usage_is_told_in_one_line(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(*argv)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_server_command_is_an_option_of_main_alone() -> None:
    assert parse("x", "--server-command", "a b").server_command == "a b"
    with pytest.raises(UsageError):
        parse("x", "--server-command", "a b", server_command=False)
