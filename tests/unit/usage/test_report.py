from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.events import TokenUsage
from codexmcp.runs.run import Progress, Run, RunRequest
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Selection
from codexmcp.usage.index import SpendingSum
from codexmcp.usage.prices import Price, Prices
from codexmcp.usage.profiles import Profiles, names_by_choice, read_profiles
from codexmcp.usage.projects import Projects
from codexmcp.usage.report import By, Names, report
from codexmcp.usage.runs import sums_of_runs
from codexmcp.usage.tokens import Tokens

NOON = 1795176000
"""2026-11-20, 12:00 UTC."""

MILLION = Tokens(input=1_000_000)
PRICE = Price(("m",), ("openai",), 2.0, 10.0, 0.2, 2.5, above=1000, long_input=2.0)
PRICES = Prices(date(2026, 11, 20), (PRICE,))


def spent(
    model: str = "m", provider: str = "openai", at: int = NOON, cwd: str = "/w", limits: int = 0
) -> SpendingSum:
    return SpendingSum(at, model, provider, cwd, limits, 1, MILLION)


def names(hours: int = 0) -> Names:
    zone = timezone(timedelta(hours=hours))
    profiles = Profiles({("openai", "m"): ("cheap",)})
    return Names(profiles, lambda cwd: cwd, lambda at: datetime.fromtimestamp(at, zone).date())


def test_what_has_no_price_is_not_free() -> None:
    found = report([spent(), spent("llama", "ollama"), spent("x")], By.MODEL, PRICES, names())
    costs = {row.name: row.known_cost for row in found.rows}
    assert costs == {"m": 2.0, "llama (ollama)": None, "x": None}
    assert (found.total.known_cost, found.total.unpriced.input) == (2.0, 2_000_000)
    assert found.unpriced == ["llama (ollama)", "x"]


def test_requests_over_the_limit_have_its_price() -> None:
    assert report([spent(limits=1)], By.MODEL, PRICES, names()).total.cost == 4.0


def test_the_key_proxy_stands_for_openai() -> None:
    found = report([spent(), spent(provider="codexmcp")], By.MODEL, PRICES, names())
    assert [(row.name, row.requests, row.cost) for row in found.rows] == [("m", 2, 4.0)]


def test_days_are_those_of_the_zone_and_prices_those_of_utc() -> None:
    dear = Price(("m",), ("openai",), 9.0, 0.0, 0.0, 0.0, last=date(2026, 11, 19))
    prices = Prices(date(2026, 11, 20), (dear, PRICE))
    found = report([spent(at=NOON - 13 * 3600), spent()], By.DAY, prices, names(hours=2))
    assert [(row.name, row.cost) for row in found.rows] == [("2026-11-20", 11.0)]


def test_days_come_in_their_order_and_other_rows_by_what_they_cost() -> None:
    sums = [spent(cwd="/a", at=NOON + 86_400), spent(cwd="/b"), spent(cwd="/b"), spent("x", cwd="")]
    found = report(sums, By.PROJECT, PRICES, names())
    assert [row.name for row in found.rows] == ["/b", "/a", "(unknown)"]
    assert [row.name for row in found.days] == ["2026-11-20", "2026-11-21"]


def test_profiles_are_those_that_choose_the_model_and_its_provider() -> None:
    found = report([spent(), spent("x")], By.PROFILE, PRICES, names())
    assert [row.name for row in found.rows] == ["cheap", "(none)"]


def test_several_profiles_of_one_choice_are_all_named() -> None:
    config = {"model": "m", "model_provider": "p"}
    layers: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"model": "n"},
        "c": {"model": "n", "model_provider": "p"},
        "d": {"x": 1},
    }
    assert names_by_choice(config, layers) == {
        ("p", "m"): ("(none)", "a", "d"),
        ("p", "n"): ("b", "c"),
    }


def test_profiles_without_a_model_choose_nothing_and_broken_ones_are_told(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("model = 3")
    (tmp_path / "a.config.toml").write_text('model = "m"')
    (tmp_path / "b.config.toml").write_text("[")
    profiles = read_profiles(tmp_path)
    assert (profiles.of("openai", "m"), profiles.of("x", "m")) == ("a", "(none)")
    assert profiles.broken == (str(tmp_path / "b.config.toml"),)


def test_a_project_is_the_root_of_its_repository(tmp_path: Path) -> None:
    inner = tmp_path / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    (tmp_path / "repo" / ".git" / "HEAD").touch()
    # Codex's sandbox leaves such a folder behind.
    (inner / ".git").mkdir()
    worktree = tmp_path / "repo" / "a"
    projects = Projects()
    assert projects.of(str(inner)) == str(tmp_path / "repo")
    (worktree / ".git").write_text("gitdir: elsewhere\n")
    assert projects.of(str(worktree / "gone")) == str(worktree)
    assert projects.of(str(tmp_path)) == str(tmp_path)
    assert projects.of("C:\\work") == "C:\\work"
    assert projects.of("") == ""


def run(number: int, thread: str | None, tokens: int, at: float = NOON) -> Run:
    return Run(
        id=f"r{number}",
        sequence=number,
        request=RunRequest(prompt="p", cwd="/w", audit_dir="", thread={"model": "m"}),
        state=RunState.COMPLETED,
        group="g",
        key="k",
        priority=0,
        created_at=0.0,
        ended_at=at,
        thread_id=thread,
        progress=Progress(usage=TokenUsage(input_tokens=tokens, cached_input_tokens=1)),
    )


@pytest.mark.parametrize("until", [None, NOON + 1])
def test_runs_without_a_rollout_count_with_an_unknown_price(until: float | None) -> None:
    runs = [run(5, "known", 7), run(4, None, 8), run(3, "gone", 9), run(2, "gone", 0)]
    runs.append(run(1, "gone", 10, at=NOON - 1))

    def select(selection: Selection) -> list[Run]:
        return [
            each for each in runs if selection.before is None or each.sequence < selection.before
        ]

    found = list(sums_of_runs(select, {"known"}, NOON, until))
    assert [each.tokens for each in found] == [Tokens(8, 1), Tokens(9, 1)]
    total = report(found, By.MODEL, PRICES, names()).total
    assert (total.known_cost, total.requests) == (None, 0)
