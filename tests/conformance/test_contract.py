"""The contract fits our code and each build, and each item and notification has its place."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from codexmcp.appserver.contract import FILE, Contract, contract, write_contract
from codexmcp.appserver.drift import Kind, schema_differences
from codexmcp.appserver.schema import Schema
from scripts.contract.builds import schema_of, schemas_of
from scripts.contract.making import make_contract
from tests.conformance.builds import BUNDLED, NEWEST, NPM, SAME, Build
from tests.support.builds import NPM_VERSION, ORACLE_VERSION

PINNED = (SAME, BUNDLED, NPM)


@pytest.fixture(scope="module")
def schemas() -> dict[str, Schema]:
    return schemas_of(contract().tested)


@pytest.mark.parametrize("build", [pytest.param(build, id=build.name) for build in PINNED])
def test_a_pinned_build_has_all_that_is_used_and_nothing_unknown(build: Build) -> None:
    assert schema_differences(contract(), schema_of(build.codex())) == []


@pytest.mark.newest
def test_the_newest_build_has_all_that_is_used() -> None:
    found = schema_differences(contract(), schema_of(NEWEST.codex()))
    assert [str(each) for each in found if each.kind is Kind.BREAK] == []


def test_the_contract_is_what_the_code_uses_of_the_tested_builds(
    schemas: dict[str, Schema],
) -> None:
    made = write_contract(make_contract(schemas, contract().untranslated))
    assert made == FILE.read_text(encoding="utf-8"), "run `uv run python -m scripts.contract`"


def test_all_that_is_listed_as_untranslated_exists(schemas: dict[str, Schema]) -> None:
    for kind, reasons in contract().untranslated.items():
        found = [
            each.items() if kind == "items" else each.messages(kind) for each in schemas.values()
        ]
        names = {name for names in reasons.values() for name in names}
        assert names - set().union(*found) == set(), kind


def test_the_tested_builds_are_those_of_the_tests() -> None:
    pinned = version("openai-codex-cli-bin")
    assert set(contract().tested) == {ORACLE_VERSION, pinned, NPM_VERSION}


def test_a_new_name_is_news_and_a_missing_field_breaks() -> None:
    known: Contract = contract()
    schema = Schema({})
    found = schema_differences(known, schema)
    assert {each.where for each in found if each.kind is Kind.BREAK} >= {
        *known.uses["requests"],
        *known.uses["notifications"],
    }
