"""Costs of tokens: a dated price table, and the arithmetic.

Pure except for reading the table and the user's prices. A missing price is None, never 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError
from codexmcp.jsonvalues import is_list, is_object
from codexmcp.usage.tokens import Tokens

OVERRIDE_NAME = "codexmcp-prices.toml"
"""A file in the Codex home with prices in preference to ours."""

ANY_PROVIDER = "*"

_TABLE = Path(__file__).with_name("prices.toml")
_OPENAI = "openai"
_PER = 1_000_000
_DATED = re.compile(r"-\d{4}-\d\d-\d\d|-20\d{6}|\[1m\]")
"""Suffixes of model names for a release or a context size, with the model's own price."""
_REQUIRED = {"input": float, "output": float}
_OPTIONAL = {
    "cached_input": float,
    "cache_write": float,
    "cache_write_1h": float,
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
    """The price of a model, in US dollars per million tokens.

    Attributes:
        models: The names of the model.
        providers: The ids of the providers with this price.
        input: Input neither read from nor written to a cache.
        output: Output, including reasoning.
        cached: Input from the cache.
        written: Input written to the cache.
        hour_written: Input written to an hour's cache; None means the price of `written`.
        above: Requests with more input than this have a higher price; None means no limit.
        long_input: The factor on their input price.
        long_output: The factor on their output price.
        first: The first day of this price; None means from the beginning.
        last: The last day of this price; None means until today.
        as_of: The date of the source; None if unknown.
        source: The source.
    """

    models: tuple[str, ...]
    providers: tuple[str, ...]
    input: float
    output: float
    cached: float
    written: float
    hour_written: float | None = None
    above: int | None = None
    long_input: float = 1.0
    long_output: float = 1.0
    first: date | None = None
    last: date | None = None
    as_of: date | None = None
    source: str = ""

    def holds(self, provider: str, model: str, day: date) -> bool:
        """Return True if the price applies to a model at a provider on a day."""
        return (
            (model in self.models or _DATED.sub("", model) in self.models)
            and (provider in self.providers or ANY_PROVIDER in self.providers)
            and (self.first is None or self.first <= day)
            and (self.last is None or day <= self.last)
        )

    def cost(self, tokens: Tokens, *, is_long: bool, hour_written: int = 0) -> float:
        """Return the cost of tokens, in US dollars.

        Source: OpenAI's price pages. Reasoning is billed as part of the output.

        Args:
            tokens: The tokens.
            is_long: The requests have more input than `above`.
            hour_written: The part of the tokens written to an hour's cache.
        """
        cached = min(tokens.cached, tokens.input)
        written = min(tokens.written, tokens.input - cached)
        plain = tokens.input - cached - written
        hours = min(hour_written, written)
        hour_rate = self.written if self.hour_written is None else self.hour_written
        read = plain * self.input + cached * self.cached
        read += (written - hours) * self.written + hours * hour_rate
        if is_long:
            return (read * self.long_input + tokens.output * self.output * self.long_output) / _PER
        return (read + tokens.output * self.output) / _PER


@dataclass(frozen=True, slots=True)
class Prices:
    """All known prices.

    Attributes:
        as_of: The date of the latest review of our table.
        prices: The user's prices, then ours.
        override: The user's file, or None.
    """

    as_of: date
    prices: tuple[Price, ...]
    override: Path | None = None

    @property
    def limits(self) -> list[int]:
        """The input sizes with a higher price beyond them, in ascending order."""
        return sorted({price.above for price in self.prices if price.above is not None})

    def find(self, provider: str, model: str, day: date) -> Price | None:
        """Return the price of a model at a provider on a day (UTC), or None if unknown."""
        found = (price for price in self.prices if price.holds(provider, model, day))
        return next(found, None)


def load_prices(home: Path) -> Prices:
    """Return the price table with the user's own prices from the Codex home.

    Raises:
        ConfigurationError: The user's file is unreadable or invalid.
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
        name: The table's name in errors.
        providers: The default providers of an entry.

    Raises:
        ConfigurationError: An entry is invalid.
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
        hour_written=values.get("cache_write_1h"),
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
    "have providers, cached_input, cache_write, cache_write_1h, above, long_input, long_output, "
    "from, until, as_of and source"
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
