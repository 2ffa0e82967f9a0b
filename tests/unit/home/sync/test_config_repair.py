from __future__ import annotations

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codexmcp.home.sync.config_repair import repaired
from codexmcp.home.toml_blocks import plan_block

BODY = """\
model = "m"

[mcp_servers.shared]
url = "u"
enabled = true
startup_timeout_sec = 10
env = { A = "1" }

[model_providers.p]
name = "P"
"""
OWNER = '# mine\nnote = "n"\n\n[projects."/w"]\ntrust_level = "trusted"\n'
ANEW = """\
[mcp_servers.mine]
command = "x"

[mcp_servers.shared]
url = "u"
startup_timeout_sec = 10.0

[mcp_servers.shared.env]
A = "1"

[mcp_servers.shared.tools.t]
approval_mode = "approve"
"""


def rewritten(anew: str) -> str:
    """Return a config as `codex mcp add` leaves it."""
    text = plan_block(OWNER, "sync", BODY)
    start, stop = text.index("# >>> codexmcp: sync >>>"), text.index("[model_providers.p]")
    return f"{text[:start]}{anew}\n{text[stop:]}"


def test_what_codex_wrote_anew_goes_and_what_is_not_ours_stays() -> None:
    result = repaired(rewritten(ANEW), "sync", BODY)
    assert result is not None
    assert tomllib.loads(result) == {
        "note": "n",
        "projects": {"/w": {"trust_level": "trusted"}},
        "mcp_servers": {
            "mine": {"command": "x"},
            "shared": {"tools": {"t": {"approval_mode": "approve"}}},
        },
    }
    assert "codexmcp" not in result
    assert result.startswith("# mine\n")
    again = tomllib.loads(plan_block(result, "sync", BODY))
    assert again["mcp_servers"]["shared"]["url"] == "u"


def test_a_whole_block_is_left_alone() -> None:
    text = plan_block(OWNER, "sync", BODY)
    assert repaired(text, "sync", BODY) is None
    end = "# <<< codexmcp: sync <<<\n"
    assert repaired(text.replace(end, f"[features]\nx = true\n{end}"), "sync", BODY) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [('url = "u"', 'url = "v"'), ('A = "1"', 'A = "2"'), ('url = "u"', 'url = "u"\nmine = 1')],
)
def test_what_somebody_has_changed_is_not_taken_away(old: str, new: str) -> None:
    assert repaired(rewritten(ANEW.replace(old, new)), "sync", BODY) is None


def test_a_text_that_is_no_toml_is_not_repaired() -> None:
    assert repaired("a = \n# <<< codexmcp: sync <<<\n", "sync", BODY) is None


END = "# <<< codexmcp: sync <<<\n"
TOP = plan_block("", "sync", BODY).partition("# >>> codexmcp: sync >>>")[0]
SHARED = ANEW.partition("\n\n")[2].partition("[mcp_servers.shared.tools.t]")[0]

_tables = st.lists(
    st.sampled_from(
        [
            "[mcp_servers.mine]\ncommand = 1\n",
            SHARED,
            "[mcp_servers.shared.tools.t]\nx = 1\n",
            '[model_providers.p]\nname = "P"\n',
            "[[list]]\nx = 1\n",
            END,
            "# mine\n",
            "[other]\n\n",
        ]
    ),
    unique=True,
).map("".join)


@given(_tables)
@example(f'{SHARED}[model_providers.p]\nname = "P"\n{END}[other]\n\n')
@example(f'{SHARED}[mcp_servers.shared.tools.t]\nx = 1\n[model_providers.p]\nname = "P"\n{END}')
def test_a_repair_takes_nothing_but_ours(tables: str) -> None:
    text = TOP + tables
    result = repaired(text, "sync", BODY)
    if result is None:
        return
    before, after = tomllib.loads(text), tomllib.loads(result)
    assert before.pop("model") == "m"
    for name in ("url", "startup_timeout_sec", "env"):
        before.get("mcp_servers", {}).get("shared", {}).pop(name, None)
    before["model_providers"].pop("p")
    assert tables.count("# mine") == result.count("# mine")
    assert _plain(after) == _plain(before)


def _plain(value: object) -> object:
    if not isinstance(value, dict):
        return value
    found = {name: _plain(each) for name, each in value.items()}
    return {name: each for name, each in found.items() if each != {}}


def test_a_repair_keeps_the_owners_comment_above_the_block() -> None:
    body = f'[model_providers.p]\nname = "P"\n\n{SHARED}enabled = []\n'
    text = plan_block("# mine\n", "sync", body).replace("enabled = []\n", "")
    result = repaired(text, "sync", body)
    assert result is not None
    assert result.strip() == "# mine"
