from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.appserver.version import check_user_agent, parse_version
from codexmcp.errors import CodexBinaryError

CODEX = Path("/opt/codex")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("codexmcp/0.163.0 (Debian 12.0.0; x86_64)", (0, 163, 0)),
        ("codex-cli 0.153.4", (0, 153, 4)),
        ("codexmcp/0.164.0-alpha.3 (…)", (0, 164, 0)),
        ("unknown", None),
        ("", None),
    ],
)
def test_the_first_version_of_a_text_counts(
    text: str, version: tuple[int, int, int] | None
) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("found", ["0.149.0", "0.153.3", "0.99.999"])
def test_a_build_that_is_too_old_is_refused_with_the_remedy(found: str) -> None:
    with pytest.raises(CodexBinaryError) as caught:
        check_user_agent(CODEX, f"codexmcp/{found} (Debian 12.0.0; x86_64)")
    message = str(caught.value)
    assert f"/opt/codex is Codex {found}, and 0.153.4 is the oldest supported" in message
    assert "unset CODEX_BIN" in message


@pytest.mark.parametrize("found", ["0.153.4", "0.163.0", "1.0.0"])
def test_the_oldest_supported_build_and_newer_ones_are_accepted(found: str) -> None:
    check_user_agent(CODEX, f"codexmcp/{found} (…)")


def test_a_build_that_does_not_tell_its_version_is_accepted() -> None:
    check_user_agent(CODEX, "codexmcp (development build)")
