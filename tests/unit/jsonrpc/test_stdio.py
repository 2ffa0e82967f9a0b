from __future__ import annotations

import os
import pty
import sys

import pytest

from codexmcp.jsonrpc.stdio import WAITING, expect_client


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_person_is_told_what_is_waited_for(
    *, is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fds = pty.openpty() if is_terminal else os.pipe()
    with os.fdopen(fds[0], "rb", buffering=0) as one, os.fdopen(fds[1], "wb", buffering=0):
        monkeypatch.setattr(sys, "stdin", one)
        expect_client()
    assert capsys.readouterr() == ("", WAITING if is_terminal else "")
