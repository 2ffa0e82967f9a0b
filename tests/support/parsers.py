"""The parsers of commands, for tests of help and usage."""

from __future__ import annotations

import argparse
from collections.abc import Iterator


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands of a parser, by their names."""
    made = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return {name: inner for each in made for name, inner in each.choices.items()}


def all_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of all its commands."""
    yield parser
    for each in commands_of(parser).values():
        yield from all_parsers(each)
