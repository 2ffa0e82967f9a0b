from __future__ import annotations

import json

import pytest

from codexmcp.cli.checks import Check, Checked, make_checks
from codexmcp.cli.output import Output
from codexmcp.errors import ExitCode

GOOD = Checked(
    is_ok=True, head="a: ok", facts=(("key", "k"), ("endpoint", "e")), fields={"name": "a"}
)
BAD = Checked(is_ok=False, head="b: broken", facts=(("wrong:", "no\nkey"),), fields={"name": "b"})


def check_of(checked: Checked) -> Check:
    async def check() -> Checked:
        return checked

    return Check("checking …", check)


def test_each_check_is_told_with_its_facts_below(capsys: pytest.CaptureFixture[str]) -> None:
    code = make_checks([check_of(GOOD), check_of(BAD)], Output(is_json=False))
    assert code == ExitCode.FAILED
    assert capsys.readouterr().out == (
        "a: ok\n  key       k\n  endpoint  e\nb: broken\n  wrong:  no key\n"
    )


@pytest.mark.parametrize(
    ("checked", "code"),
    [([GOOD], ExitCode.DONE), ([GOOD, BAD], ExitCode.FAILED), ([], ExitCode.DONE)],
)
def test_a_program_gets_one_list(
    capsys: pytest.CaptureFixture[str], checked: list[Checked], code: ExitCode
) -> None:
    assert make_checks(map(check_of, checked), Output(is_json=True)) == code
    assert json.loads(capsys.readouterr().out) == [each.fields for each in checked]
