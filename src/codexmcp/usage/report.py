"""Sums of spendings as the rows of a report.

Pure, with injected projects and time zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from enum import StrEnum

from codexmcp.codex.access import PROVIDER
from codexmcp.data_classes import dataclass, field
from codexmcp.usage.index import SpendingSum
from codexmcp.usage.prices import Price, Prices
from codexmcp.usage.profiles import DEFAULT_PROVIDER, Profiles
from codexmcp.usage.tokens import Tokens

UNKNOWN = "(unknown)"


class By(StrEnum):
    """The grouping of a report."""

    MODEL = "model"
    DAY = "day"
    PROJECT = "project"
    PROFILE = "profile"
    CLIENT = "client"


@dataclass(slots=True)
class Row:
    """Spendings of a group.

    Attributes:
        name: The name of the group.
        requests: The number of requests to a model.
        tokens: Their tokens.
        cost: The cost of tokens with a known price, in US dollars.
        unpriced: The tokens without a known price.
    """

    name: str
    requests: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    cost: float = 0.0
    unpriced: Tokens = field(default_factory=Tokens)

    @property
    def known_cost(self) -> float | None:
        """The cost; None without any known price."""
        return None if self.unpriced == self.tokens and self.unpriced else self.cost

    def add(self, requests: int, tokens: Tokens, cost: float | None) -> None:
        """Add spendings; a cost of None is unknown."""
        self.requests += requests
        self.tokens = self.tokens.plus(tokens)
        if cost is None:
            self.unpriced = self.unpriced.plus(tokens)
        else:
            self.cost += cost


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A usage report.

    Attributes:
        by: The grouping.
        rows: The rows: days in order, other groups by descending cost.
        total: The sum of all rows.
        days: The same spendings by day, in order.
        unpriced: Models without a known price, sorted.
    """

    by: By
    rows: list[Row]
    total: Row
    days: list[Row]
    unpriced: list[str]


@dataclass(frozen=True, slots=True)
class Names:
    """Names of rows.

    Attributes:
        profiles: The profiles of the home.
        project: Returns the project of a folder.
        day: Returns the day of a time, in the report's time zone.
    """

    profiles: Profiles
    project: Callable[[str], str]
    day: Callable[[int], date]

    def of(self, by: By, each: SpendingSum) -> str:
        """Return the name of the row for spendings."""
        match by:
            case By.MODEL:
                return model_name(each)
            case By.DAY:
                return self.day(each.at).isoformat()
            case By.PROJECT:
                return self.project(each.cwd) or UNKNOWN
            case By.CLIENT:
                return each.client
            case By.PROFILE:
                return self.profiles.of(provider_of(each), each.model)


def provider_of(each: SpendingSum) -> str:
    """Return the id of the provider; our key proxy counts as OpenAI."""
    return DEFAULT_PROVIDER if each.provider == PROVIDER else each.provider


def model_name(each: SpendingSum) -> str:
    """Return a model's name, with its provider unless OpenAI."""
    provider, model = provider_of(each), each.model or UNKNOWN
    return model if provider in {DEFAULT_PROVIDER, ""} else f"{model} ({provider})"


def report(sums: Iterable[SpendingSum], by: By, prices: Prices, names: Names) -> UsageReport:
    """Return the report on spendings.

    Args:
        sums: The spendings.
        by: The grouping.
        prices: The prices.
        names: The names of rows.
    """
    rows: dict[str, Row] = {}
    days: dict[str, Row] = {}
    total = Row("total")
    unpriced: set[str] = set()
    cost_of = _costs(prices)
    for each in sums:
        cost = cost_of(each)
        if cost is None:
            unpriced.add(model_name(each))
        for table, kind in ((rows, by), (days, By.DAY)):
            name = names.of(kind, each)
            row = table.setdefault(name, Row(name))
            row.add(each.requests, each.tokens, cost)
        total.add(each.requests, each.tokens, cost)
    in_order = sorted(days.values(), key=lambda row: row.name)
    ranked = sorted(rows.values(), key=lambda row: (-row.cost, -row.tokens.total, row.name))
    chosen = in_order if by is By.DAY else ranked
    return UsageReport(by, chosen, total, in_order, sorted(unpriced))


def _costs(prices: Prices) -> Callable[[SpendingSum], float | None]:
    """Return a function for the cost of spendings in US dollars, with a cache of prices."""
    limits = prices.limits
    known: dict[tuple[str, str, date], Price | None] = {}

    def cost(each: SpendingSum) -> float | None:
        # Prices change at midnight UTC, independently of the report's time zone.
        choice = (provider_of(each), each.model, datetime.fromtimestamp(each.at, UTC).date())
        if choice not in known:
            known[choice] = prices.find(*choice)
        price = known[choice]
        if price is None:
            return None
        is_long = price.above is not None and limits.index(price.above) < each.limits
        return price.cost(each.tokens, is_long=is_long, hour_written=each.hour_written)

    return cost
