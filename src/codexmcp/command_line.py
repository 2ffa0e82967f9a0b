"""Typed options: a frozen dataclass per command, from which parser, help and words derive.

Owns the declarations (`flag`, `option`, ...), the argparse parser made of them, the instance made
of parsed words, and the words that lead to an instance. No option or argument accepts the empty
value: a shell passes it for an unset variable, and `--resume "$ID"` would change its meaning.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast, overload

from codexmcp.data_classes import MISSING, dataclass, field, fields
from codexmcp.errors import UsageError

ANY_TEXT = str
"""The `parse` of an argument with any value, empty or not."""

HIDDEN = argparse.SUPPRESS
"""The help of an option for our own programs."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: a use case with its options, or a group of commands.

    Attributes:
        name: The word on the command line.
        summary: One line for the list of commands.
        run: Module and function of the use case, as `module:function`.
        options: The class of the options, an instance of which the function gets.
        description: The text above the options; empty for the summary as a sentence.
        epilog: The text below the options.
        usage: The usage, where argparse's own does not say enough.
        commands: The commands of a group.
    """

    name: str
    summary: str
    run: str = ""
    options: type[Any] | None = None
    description: str = ""
    epilog: str = ""
    usage: str | None = None
    commands: Sequence[Command] = ()


def flag(text: str, **more: str) -> bool:
    """Declare the switch `--name`; `more` as in `_option`."""
    declared: bool = _option({"action": "store_true"}, text, default=False, **more)
    return declared


def toggle(text: str, **more: str) -> bool | None:
    """Declare `--name` and `--no-name`; None without either."""
    words = {"action": argparse.BooleanOptionalAction}
    declared: bool | None = _option(words, text, **more)
    return declared


@overload
def option(
    text: str, metavar: str = ..., *, default: T, parse: Callable[[str], T] = ..., **more: Any
) -> T: ...


@overload
def option(
    text: str, metavar: str = ..., *, parse: Callable[[str], T] = ..., **more: Any
) -> T | None: ...


def option(
    text: str,
    metavar: str = "",
    *,
    default: Any = None,
    parse: Any = None,
    choices: Sequence[str] = (),
    **more: Any,
) -> Any:
    """Declare `--name VALUE`; the help ends with the default, unless that is empty or 0."""
    if default and text is not HIDDEN:
        text = f"{text}; default: {_shown(default)}".removeprefix("; ").replace("%", "%%")
    words = {"metavar": metavar, "type": parse, "choices": choices}
    return _option(words, text, default=default, **more)


def repeated(
    text: str, metavar: str = "", *, parse: Any = None, choices: Sequence[str] = (), **more: Any
) -> tuple[Any, ...]:
    """Declare `--name VALUE`, which may be given any number of times."""
    words = {"action": "append", "metavar": metavar, "type": parse, "choices": choices}
    declared: tuple[Any, ...] = _option(words, text, default=(), **more)
    return declared


def argument(
    text: str, metavar: str, *, parse: Any = None, nargs: str | None = None, default: Any = MISSING
) -> Any:
    """Declare a positional argument.

    Args:
        text: The help.
        metavar: The name in the usage.
        parse: The parser of its text.
        nargs: As in argparse: None for one, `?` for at most one, `*` or `+` for a tuple.
        default: The value without one, for `?`.
    """
    words = {"metavar": metavar, "type": parse, "nargs": nargs, "help": text}
    return field(default=() if nargs == "*" else default, metadata={"argument": words})


def rest(metavar: str) -> tuple[str, ...]:
    """Declare the words behind `--`, which are another program's command line."""
    return field(default=(), metadata={"rest": metavar})


def part(cls: type[T], group: str = "") -> T:
    """Declare the options of another class as a part of this one.

    Args:
        cls: The class.
        group: The title, in the help, of its options without a group.
    """
    return field(default=cls(), metadata={"part": cls, "group": group})


def _option(
    words: Mapping[str, Any],
    text: str,
    *,
    default: Any = None,
    short: str = "",
    group: str = "",
    exclusive: str = "",
) -> Any:
    """Return the field of an option.

    Args:
        words: Keywords of `add_argument`; empty ones are left out.
        text: The help.
        default: The default.
        short: A second, short name, such as `-f`.
        group: The title of its group in the help.
        exclusive: The name of a set; at most one member of a set may be given.
    """
    own = {"short": short, "group": group, "exclusive": exclusive}
    return field(default=default, metadata={"option": {**words, "help": text}, **own})


def read(cls: type[T], values: Mapping[str, Any]) -> T:
    """Return the options of a class from parsed values."""
    given: dict[str, Any] = {}
    for each in fields(cls):  # type: ignore[arg-type] # classes of options are dataclasses
        own = each.metadata
        if "part" in own:
            given[each.name] = read(own["part"], values)
        elif each.name in values:
            value = values[each.name]
            is_many = isinstance(value, list)
            given[each.name] = tuple(cast("list[Any]", value)) if is_many else value
    return cls(**given)


def parse(cls: type[T], words: Sequence[str]) -> T:
    """Return the options of a class from words.

    Raises:
        UsageError: An option is unknown or wrong.
    """
    return read(cls, vars(_parser_of(cls).parse_args(words)))  # type: ignore[arg-type] # hashable


def words_of(options: Any) -> list[str]:
    """Return the words that lead to these options; none for a default."""
    return [word for name, value in given(options) for word in _words(name, value)]


def given(options: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each option on the command line that differs from its default."""
    for each in fields(options):
        value = getattr(options, each.name)
        if "part" in each.metadata:
            yield from given(value)
        elif "option" in each.metadata and value != each.default:
            is_repeated = each.metadata["option"].get("action") == "append"
            for one in value if is_repeated else (value,):
                yield _name(each.name), one


def _words(name: str, value: Any) -> list[str]:
    if value is True:
        return [name]
    if value is False:
        return [name.replace("--", "--no-", 1)]
    text = _shown(value)
    return [f"{name}={text}"] if text.startswith("-") else [name, text]


def _shown(value: Any) -> str:
    """Return the text of a value on a command line."""
    if isinstance(value, tuple):
        return ",".join(cast("tuple[str, ...]", value))
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _name(field_name: str) -> str:
    return f"--{field_name.rstrip('_').replace('_', '-')}"


class ArgumentParser(argparse.ArgumentParser):
    """A parser that refuses empty values, for all options, arguments and commands."""

    def __init__(self, **options: Any) -> None:
        words: dict[str, Any] = {"formatter_class": _Formatter, "allow_abbrev": False, **options}
        super().__init__(**words)
        # Source: argparse looks a type up in its registry first; None stands for plain text.
        self.register("type", None, _text)
        self.register("type", Path, _path)
        self._groups: dict[str, Any] = {"": self}
        self._rest = ""

    def add_command(self, commands: Any, command: Command) -> None:
        """Add a command, and those of its group, to the commands of this parser."""
        summary = command.summary
        parser: ArgumentParser = commands.add_parser(
            command.name,
            help=summary,
            description=command.description or f"{summary[0].upper()}{summary[1:]}.",
            epilog=command.epilog,
            usage=command.usage,
        )
        parser.set_defaults(selected=command)
        if command.options is not None:
            parser.add_options(command.options)
        inner = parser.add_commands() if command.commands else None
        for each in command.commands:
            parser.add_command(inner, each)

    def add_commands(self) -> Any:
        """Return argparse's maker of parsers for commands."""
        return self.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add_options(self, cls: type[Any], title: str = "") -> None:
        """Add the options of a class.

        Args:
            cls: The class.
            title: The title of the group for options without one.
        """
        for each in fields(cls):
            own = each.metadata
            if "part" in own:
                self.add_options(own["part"], own["group"])
            elif "rest" in own:
                self._rest = each.name
            elif "argument" in own:
                self.add_argument(each.name, default=argparse.SUPPRESS, **own["argument"])
            elif "option" in own:
                self._add_option(each.name, own, own["group"] or title)

    def _add_option(self, name: str, own: Mapping[str, Any], title: str) -> None:
        words = {key: value for key, value in own["option"].items() if value}
        if title not in self._groups:
            self._groups[title] = self.add_argument_group(title)
        group, exclusive = self._groups[title], own["exclusive"]
        if exclusive:
            if exclusive not in self._groups:
                self._groups[exclusive] = group.add_mutually_exclusive_group()
            group = self._groups[exclusive]
        names = [*([own["short"]] if own["short"] else []), _name(name)]
        group.add_argument(*names, dest=name, default=argparse.SUPPRESS, **words)

    def parse_known_args(  # type: ignore[override] # argparse's is overloaded for namespaces
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse the words before `--` alone when a field takes those behind it."""
        if not self._rest or args is None or "--" not in args:
            return super().parse_known_args(args, namespace)
        words = list(args)
        at = words.index("--")
        found, unknown = super().parse_known_args(words[:at], namespace)
        setattr(found, self._rest, words[at + 1 :])
        return found, unknown


@cache
def _parser_of(cls: type[Any]) -> ArgumentParser:
    parser = RaisingParser(add_help=False)
    parser.add_options(cls)
    return parser


class RaisingParser(ArgumentParser):
    """A parser that raises usage errors, in place of printing them and ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise a usage error."""
        raise UsageError(message)


class _Formatter(argparse.HelpFormatter):
    """Keeps the lines of texts that have several.

    argparse's own looks for the width by `shutil`, which takes 5 ms to import.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


def _columns() -> int:
    """Return the width of the terminal. Source: `shutil.get_terminal_size`."""
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("empty value: pass a value, or omit the argument")
    return text


def _path(text: str) -> Path:
    return Path(_text(text))
