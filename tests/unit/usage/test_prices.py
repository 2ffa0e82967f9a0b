from __future__ import annotations

import tomllib
from datetime import date
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import ConfigurationError
from codexmcp.home.profiles.fragments import FRAGMENTS, fragment_text
from codexmcp.usage.prices import OVERRIDE_NAME, Price, Prices, load_prices
from codexmcp.usage.tokens import Tokens

TODAY = date(2026, 11, 20)
MILLION = 1_000_000


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Prices:
    return load_prices(tmp_path_factory.mktemp("home"))


def price(**given: object) -> Price:
    fields: dict[str, object] = {"models": ("m",), "providers": ("openai",)}
    rates = {"input": 2.0, "output": 10.0, "cached": 0.2, "written": 2.5}
    return Price(**{**fields, **rates, **given})  # type: ignore[arg-type]


def test_every_price_of_ours_has_a_source_that_was_looked_at(ours: Prices) -> None:
    for each in ours.prices:
        assert each.source.startswith("https://")
        assert each.as_of is not None
        assert each.as_of <= ours.as_of


@pytest.mark.parametrize("name", FRAGMENTS)
def test_every_model_of_a_ready_profile_has_a_price(ours: Prices, name: str) -> None:
    profile = tomllib.loads(fragment_text(name))
    if profile["model"] != "MODEL":
        assert ours.find(profile["model_provider"], profile["model"], TODAY)


@pytest.mark.parametrize(
    "model", ["claude-opus-5-5", "claude-haiku-4-5-20251001", "claude-sonnet-5-5[1m]"]
)
def test_models_of_claude_code_have_prices_by_all_of_their_names(ours: Prices, model: str) -> None:
    assert ours.find("anthropic", model, TODAY)


def test_input_that_is_cached_for_an_hour_has_a_rate_of_its_own() -> None:
    tokens = Tokens(input=MILLION, written=MILLION)
    hour = price(hour_written=4.0)
    assert hour.cost(tokens, is_long=False, hour_written=400_000) == pytest.approx(1.5 + 1.6)
    assert price().cost(tokens, is_long=False, hour_written=400_000) == pytest.approx(2.5)


def test_no_price_of_ours_hides_another(ours: Prices) -> None:
    for number, each in enumerate(ours.prices):
        for provider, model in product(each.providers, each.models):
            for day in (each.first, each.last, TODAY):
                if day is not None and each.holds(provider, model, day):
                    others = [
                        one for one in ours.prices[:number] if one.holds(provider, model, day)
                    ]
                    assert not others


def test_cached_and_written_input_have_rates_of_their_own() -> None:
    tokens = Tokens(input=MILLION, cached=400_000, written=100_000, output=MILLION)
    assert price().cost(tokens, is_long=False) == pytest.approx(1.0 + 0.08 + 0.25 + 10.0)


def test_reasoning_is_part_of_the_output_and_not_billed_twice() -> None:
    plain, thought = Tokens(output=MILLION), Tokens(output=MILLION, reasoning=900_000)
    assert price().cost(plain, is_long=False) == price().cost(thought, is_long=False) == 10.0


def test_a_long_request_costs_more_for_all_of_its_tokens() -> None:
    long = price(above=272_000, long_input=2.0, long_output=1.5)
    tokens = Tokens(input=MILLION, cached=500_000, output=MILLION)
    assert long.cost(tokens, is_long=True) == pytest.approx(2 * (1.0 + 0.1) + 15.0)


@given(*[st.integers(0, 10**9)] * 4)
def test_a_cost_is_never_negative_nor_more_than_without_a_cache(
    read: int, cached: int, written: int, output: int
) -> None:
    tokens = Tokens(read, cached, written, output)
    at_most = (read * 2.5 + output * 10.0) / MILLION
    assert 0 <= price().cost(tokens, is_long=False) <= at_most + 1e-6


def test_a_price_holds_on_its_days_at_its_providers_and_for_dated_names() -> None:
    dated = price(first=date(2026, 7, 30), last=date(2026, 8, 20))
    assert dated.holds("openai", "m", date(2026, 7, 30))
    assert dated.holds("openai", "m-2026-07-09", date(2026, 8, 20))
    assert not dated.holds("openai", "m", date(2026, 7, 29))
    assert not dated.holds("openai", "m", date(2026, 8, 21))
    assert not dated.holds("openrouter", "m", date(2026, 8, 1))
    assert not dated.holds("openai", "m-mini", date(2026, 8, 1))


def test_a_price_that_changed_is_that_of_the_day(ours: Prices) -> None:
    def luna(day: date) -> float | None:
        found = ours.find("openai", "gpt-5.6-luna", day)
        return None if found is None else found.input

    assert luna(date(2026, 7, 29)) == 1.0
    assert luna(date(2026, 7, 30)) == 0.2


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "rehearsal"), ("ollama", "gpt-5.5"), ("", ""), ("", "gpt-5.5")],
)
def test_a_price_that_nobody_knows_is_none(ours: Prices, provider: str, model: str) -> None:
    assert ours.find(provider, model, TODAY) is None


def test_a_price_that_was_promised_until_a_day_is_unknown_after_it(ours: Prices) -> None:
    assert ours.find("openai", "gpt-5.6-sol", date(2026, 11, 21)) is not None
    assert ours.find("openai", "gpt-5.6-sol", date(2026, 11, 22)) is None


def test_the_users_prices_come_first_and_hold_at_every_provider(tmp_path: Path) -> None:
    own = '[[price]]\nmodels = ["gpt-5.5", "llama"]\ninput = 1\noutput = 3\nabove = 1000\n'
    (tmp_path / OVERRIDE_NAME).write_text(f"\ufeff{own}", encoding="utf-8")
    prices = load_prices(tmp_path)
    assert prices.override == tmp_path / OVERRIDE_NAME
    for provider, model in (("openai", "gpt-5.5"), ("ollama", "llama")):
        found = prices.find(provider, model, TODAY)
        assert found is not None
        # What the cache holds costs as much as any other input when nobody says otherwise.
        assert (found.input, found.cached, found.written, found.output) == (1.0, 1.0, 1.0, 3.0)
    assert prices.limits == [1000, 100_000, 272_000]
    assert prices.find("openai", "gpt-6-sol", TODAY) is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("price = 3", "nothing but"),
        ("[prices]", "nothing but"),
        ("x = [", "end of document"),
        ('[[price]]\nmodels = ["m"]\ninput = 1', "output is missing"),
        ('[[price]]\nmodels = "m"\ninput = 1\noutput = 1', "models is 'm'"),
        ("[[price]]\nmodels = []\ninput = 1\noutput = 1", "models is []"),
        ('[[price]]\nmodels = ["m"]\ninput = -1\noutput = 1', "input is -1"),
        ('[[price]]\nmodels = ["m"]\ninput = inf\noutput = 1', "input is inf"),
        ('[[price]]\nmodels = ["m"]\ninput = "1"\noutput = 1', "input is '1'"),
        ('[[price]]\nmodels = ["m"]\ninput = 1\noutput = 1\ncached = 1', "cached is not known"),
        ('[[price]]\nmodels = ["m"]\ninput = 1\noutput = 1\nabove = 1.5', "above is 1.5"),
        ('[[price]]\nmodels = ["m"]\ninput = 1\noutput = 1\nfrom = 2026-01-01T00:00:00', "from is"),
    ],
)
def test_a_wrong_price_file_is_refused_with_its_name_and_the_place(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / OVERRIDE_NAME).write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_prices(tmp_path)
    assert OVERRIDE_NAME in str(caught.value)
    assert said in str(caught.value)


def test_a_price_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / OVERRIDE_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_prices(tmp_path)
