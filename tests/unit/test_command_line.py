from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.command_line import (
    HIDDEN,
    ArgumentParser,
    argument,
    flag,
    given,
    option,
    parse,
    part,
    repeated,
    rest,
    toggle,
    words_of,
)
from codexmcp.data_classes import dataclass
from codexmcp.errors import UsageError
from codexmcp.units import seconds


@dataclass(frozen=True, kw_only=True)
class Inner:
    config: tuple[str, ...] = repeated("a setting", "KEY=VALUE", short="-c")
    level: str = option("how much", choices=("low", "high"), default="low")


@dataclass(frozen=True, kw_only=True)
class Sample:
    names: tuple[str, ...] = argument("some names", "NAME", nargs="*")
    folder: Path | None = option("where", "DIR", parse=Path)
    timeout: float = option("bound", "SECONDS", parse=seconds, default=90.5)
    as_: str | None = option("the new name", "NAME")
    loud: bool = flag("say more", exclusive="volume")
    quiet: bool = flag("say less", exclusive="volume")
    log: bool | None = toggle("keep a log")
    secret: str | None = option(HIDDEN)
    inner: Inner = part(Inner, "inner options")


@dataclass(frozen=True, kw_only=True)
class Launcher:
    name: str = argument("the program", "NAME")
    command: tuple[str, ...] = rest("COMMAND")


WORDS = [
    *("--folder", "x", "--timeout", "0.25", "--as", "b", "--loud", "--no-log", "--config", "a=1"),
    *("--config=-b", "--level", "high"),
]


def test_without_words_the_defaults_hold() -> None:
    assert parse(Sample, []) == Sample()
    assert words_of(Sample()) == []


def test_options_are_read_from_words_and_lead_to_them() -> None:
    options = parse(Sample, ["one", *WORDS, "--quiet"][:-1])
    assert options == Sample(
        names=("one",),
        folder=Path("x"),
        timeout=0.25,
        as_="b",
        loud=True,
        log=False,
        inner=Inner(config=("a=1", "-b"), level="high"),
    )
    assert words_of(options) == WORDS
    assert [name for name, _ in given(options.inner)] == ["--config", "--config", "--level"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-such"], "unrecognized arguments: --no-such"),
        (["--time", "1"], "unrecognized arguments"),
        (["--timeout", "x"], "not a duration"),
        (["--as", ""], "empty value"),
        (["--folder", ""], "empty value"),
        (["--level", "middle"], "invalid choice"),
        (["--loud", "--quiet"], "not allowed with argument"),
    ],
)
def test_wrong_words_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(Sample, words)


def test_the_help_has_groups_and_defaults_and_hides_what_is_hidden() -> None:
    parser = ArgumentParser(prog="sample")
    parser.add_options(Sample)
    text = parser.format_help()
    assert "inner options:\n  -c KEY=VALUE, --config KEY=VALUE" in text
    assert "bound; default: 90.5" in text
    assert "how much; default: low" in text
    assert "[--loud | --quiet]" in text
    assert "--secret" not in text


def test_words_behind_two_dashes_are_a_command_of_their_own() -> None:
    parser = ArgumentParser()
    parser.add_options(Launcher)
    values = vars(parser.parse_args(["n", "--", "npx", "-y", "--", "x"]))
    assert values == {"name": "n", "command": ["npx", "-y", "--", "x"]}
