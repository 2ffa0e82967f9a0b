from __future__ import annotations

import io
from typing import Any

import pytest

from codexmcp.cli.output import Output
from codexmcp.cli.runs.answering import Waiting, content_of, filled_in, lines_of
from codexmcp.errors import UsageError
from codexmcp.runs.store import Owner

FORM: dict[str, Any] = {
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "sure": {"type": "boolean"},
        "count": {"type": "integer", "default": 3},
    },
    "required": ["name"],
}
OWNER = Owner("o", 1, "/s", "g")
ASKED = Waiting("r.1", "r", "elicitation", "stub asks:\x1b Who?", OWNER, "/root/a", FORM)


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


def test_a_form_is_asked_for_field_by_field_until_each_fits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = Terminal("\nB\nBo\nmaybe\ny\n\n")
    content = filled_in(ASKED, Output(is_json=False), typed)
    assert content == {"name": "Bo", "sure": True, "count": 3}
    told = capsys.readouterr().err
    assert "/root/a" in told
    assert "name: 'B' is too short" in told
    assert told.count("name [string]: ") == 3
    assert "\x1b" not in told


def test_a_form_that_is_not_filled_in_to_its_end_answers_nothing() -> None:
    with pytest.raises(UsageError, match="nothing was answered"):
        filled_in(ASKED, Output(is_json=False), Terminal("Bo\n"))


def test_a_program_is_told_which_fields_to_give() -> None:
    with pytest.raises(UsageError, match="name, sure, count by --content JSON"):
        filled_in(ASKED, Output(is_json=False), io.StringIO("Bo\n"))


@pytest.mark.parametrize("text", ["", "{", "[1]", "1"])
def test_content_is_a_json_object(text: str) -> None:
    assert content_of('{"name": "Bo"}') == {"name": "Bo"}
    with pytest.raises(UsageError, match="--content is not"):
        content_of(text)


def test_a_question_is_told_with_who_asks_and_what_it_wants() -> None:
    assert lines_of(ASKED) == [
        "r.1  elicitation  /root/a",
        "  stub asks:\N{REPLACEMENT CHARACTER} Who?",
        "  - name: name [string]",
        "  - sure: sure [boolean, optional]",
        "  - count: count [integer, optional, default 3]",
    ]
    link = Waiting("r.2", "r", "elicitation", "stub asks: Log in", OWNER, url="https://x/")
    assert lines_of(link)[2:] == ["  open: https://x/"]
