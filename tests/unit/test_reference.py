"""The generated pages of docs/reference are up to date."""

from __future__ import annotations

import pytest

from scripts.reference import COMMAND, FOLDER, environment, pages
from scripts.reference.variables import NETWORK

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    is_current = (FOLDER / name).read_text(encoding="utf-8") == PAGES[name]
    assert is_current, f"docs/reference/{name} is out of date: run `{COMMAND}` and commit the page"


def test_every_variable_in_the_code_is_described_and_no_other() -> None:
    named = environment.names_in_code()
    described = environment.described()
    network = {name for names, *_ in NETWORK for name in names}
    assert named - described.keys() == set()
    assert described.keys() - named - network == set()
