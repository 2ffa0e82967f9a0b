"""What tokens cost: a dated table of prices, and the arithmetic.

Pure but for reading the table and the user's own. A price that is not in them is None, never 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from codexmcp.errors import ConfigurationError
from codexmcp.jsonvalues import is_list, is_object
from codexmcp.usage.tokens import Tokens

OVERRIDE_NAME = "codexmcp-prices.toml"
"""A file in the Codex home with prices that come before ours."""

ANY_PROVIDER = "*"

_TABLE = Path(__file__).with_name("prices.toml")
_OPENAI = "openai"
_PER = 1_000_000
_DATED = re.compile(r"-\d{4}-\d\d-\d\d")
_REQUIRED = {"input": float, "output": float}
_OPTIONAL = {
    "cached_input": float,
    "cache_write": float,
    "above": int,
    "long_input": float,
    "long_output": float,
    "from": date,
    "until": date,
    "as_of": date,
    "source": str,
}
_LISTS = ("models", "providers")


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in US dollars for a million tokens.

    Attributes:
        models: The names of the model.
        providers: The ids of the providers that take this price.
        input: Input that is neither from a cache nor goes into one.
        output: Output, reasoning included.
        cached: Input from the cache.
        written: Input that goes into the cache.
        above: A request with more input than this costs more; None when there is no such limit.
        long_input: How many times as much its input costs.
        long_output: How many times as much its output costs.
        first: The first day of this price; None means from the beginning.
        last: The last day of it; None means until today.
        as_of: When its source was looked at; None when nobody says.
        source: Where it was found.
    """

    models: tuple[str, ...]
    providers: tuple[str, ...]
    input: float
    output: float
    cached: float
    written: float
    above: int | None = None
    long_input: float = 1.0
    long_output: float = 1.0
    first: date | None = None
    last: date | None = None
    as_of: date | None = None
    source: str = ""

    def holds(self, provider: str, model: str, day: date) -> bool:
        """Return whether this is the price of a model at a provider on a day."""
        return (
            (model in self.models or _DATED.sub("", model) in self.models)
            and (provider in self.providers or ANY_PROVIDER in self.providers)
            and (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
        )

    def cost(self, tokens: Tokens, *, is_long: bool) -> float:
        """Return what tokens cost, in US dollars.

        Source: OpenAI's price pages. Reasoning is billed as the output that it is part of.

        Args:
            tokens: The tokens.
            is_long: Whether they are of requests with more input than `above`.
        """
        cached = min(tokens.cached, tokens.input)
        written = min(tokens.written, tokens.input - cached)
        plain = tokens.input - cached - written
        read = plain * self.input + cached * self.cached + written * self.written
        if is_long:
            return (read * self.long_input + tokens.output * self.output * self.long_output) / _PER
        return (read + tokens.output * self.output) / _PER


@dataclass(frozen=True, slots=True)
class Prices:
    """All prices that are known.

    Attributes:
        as_of: When our table was last looked through.
        prices: The user's first, then ours.
        override: The user's file; None when there is none.
    """

    as_of: date
    prices: tuple[Price, ...]
    override: Path | None = None

    @property
    def limits(self) -> list[int]:
        """The sizes of input above which some request costs more, the smallest first."""
        return sorted({price.above for price in self.prices if price.above is not None})

    def find(self, provider: str, model: str, day: date) -> Price | None:
        """Return the price of a model at a provider on a day (UTC); None when it is unknown."""
        found = (price for price in self.prices if price.holds(provider, model, day))
        return next(found, None)


def load_prices(home: Path) -> Prices:
    """Return our prices and those of the user's own file in the Codex home.

    Raises:
        ConfigurationError: The user's file cannot be read or used.
    """
    ours = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    table = read_prices(ours, str(_TABLE), providers=(_OPENAI,))
    path = home / OVERRIDE_NAME
    try:
        theirs = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Prices(ours["as_of"], table)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; correct or remove it") from None
    except tomllib.TOMLDecodeError as error:
        # The message ends in "(at line 3, column 7)".
        raise ConfigurationError(f"{path}: {error}; correct that line") from None
    own = read_prices(theirs, str(path), providers=(ANY_PROVIDER,))
    return Prices(ours["as_of"], (*own, *table), path)


def read_prices(table: Mapping[str, Any], name: str, providers: Sequence[str]) -> tuple[Price, ...]:
    """Return the prices of a decoded table.

    Args:
        table: The table.
        name: What to call it in errors.
        providers: Those of an entry that names none.

    Raises:
        ConfigurationError: An entry is wrong.
    """
    entries = table.get("price", [])
    if not is_list(entries) or table.keys() - {"price", "as_of"}:
        raise ConfigurationError(f"{name}: it must hold nothing but [[price]] tables; correct it")
    return tuple(
        _price(entry, f"{name}, price {number}", providers)
        for number, entry in enumerate(entries, start=1)
    )


def _price(entry: object, name: str, providers: Sequence[str]) -> Price:
    values = entry if is_object(entry) else {}
    known = _REQUIRED | _OPTIONAL
    for key in sorted(values.keys() - known.keys() - {*_LISTS}):
        raise ConfigurationError(f"{name}: {key} is not known; {_HELP}")
    for key in sorted({"models", *_REQUIRED} - values.keys()):
        raise ConfigurationError(f"{name}: {key} is missing; {_HELP}")
    for key, value in values.items():
        if not _is_list_of_texts(value) if key in _LISTS else not _fits(value, known[key]):
            raise ConfigurationError(f"{name}: {key} is {value!r}; {_HELP}")
    plain = float(values["input"])
    return Price(
        models=tuple(values["models"]),
        providers=tuple(values.get("providers", providers)),
        input=plain,
        output=float(values["output"]),
        cached=float(values.get("cached_input", plain)),
        written=float(values.get("cache_write", plain)),
        above=values.get("above"),
        long_input=float(values.get("long_input", 1.0)),
        long_output=float(values.get("long_output", 1.0)),
        first=values.get("from"),
        last=values.get("until"),
        as_of=values.get("as_of"),
        source=values.get("source", ""),
    )


_HELP = (
    'an entry has models = ["NAME"], input and output in US dollars for a million tokens, and may '
    "have providers, cached_input, cache_write, above, long_input, long_output, from, until, as_of "
    "and source"
)


def _is_list_of_texts(value: object) -> bool:
    return is_list(value) and bool(value) and all(isinstance(each, str) for each in value)


def _fits(value: object, kind: type) -> bool:
    if kind is float:
        return type(value) in {int, float} and 0 <= value < float("inf")  # type: ignore[operator]
    if kind is int:
        return type(value) is int and value >= 0
    # A date with a time is a date too, and cannot be compared with one.
    return type(value) is kind
