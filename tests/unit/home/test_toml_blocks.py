from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import UsageError
from codexmcp.home.block_markers import BlockError, Style
from codexmcp.home.blocks import names
from codexmcp.home.toml_blocks import (
    EditedBlockError,
    is_current,
    plan_block,
    plan_removal,
    read_block,
    split,
)

OWNER = '# mine\nmodel = "gpt-5.5"\n\n[mcp_servers.own]\ncommand = "own"\n'
SERVER = '[mcp_servers.shared]\nurl = "http://127.0.0.1:3000/mcp"\n'
MIXED = f'model_provider = "openrouter"\n\n# the server\n{SERVER}'

_keys = st.sampled_from(["a", "b", '"a b"', "a.b", "'c'.d", "b.a"])
_values = st.sampled_from(
    ["1", '"x"', "[1,\n 2, # no\n]", '"""\n[a]\nb = 1\n"""', "{ x = 1 }", "'''[\n'''", '"#"']
)
_statements = st.one_of(
    st.builds("{} = {}\n".format, _keys, _values),
    st.builds("[{}]\n".format, _keys),
    st.builds("[[{}]]\n".format, _keys),
    st.sampled_from(["# [a]\n", "\n", "  # c\n", "\t\n"]),
)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


tomls = st.builds(
    lambda lines, end: "".join(lines) + end,
    st.lists(_statements, max_size=6),
    st.sampled_from(["", "# end", 'z = "\u00e9"']),
).filter(_is_toml)


def _flat(value: object, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    if not isinstance(value, dict):
        return {path: value}
    found: dict[tuple[str, ...], object] = {}
    for name, each in value.items():
        found |= _flat(each, (*path, name))
    return found


@given(tomls, tomls, st.sampled_from(["", "\ufeff"]), st.sampled_from(["\n", "\r\n"]))
def test_a_plan_means_both_and_can_be_undone_or_names_a_line(
    text: str, body: str, mark: str, newline: str
) -> None:
    text = mark + text.replace("\n", newline)
    try:
        planned = plan_block(text, "sync", body)
    except BlockError:
        # It may be right not to go together, but never without a clash.
        assert body
        return
    plain = text.removeprefix("\ufeff")
    both = _flat(tomllib.loads(plain)) | _flat(tomllib.loads(body))
    assert _flat(tomllib.loads(planned.removeprefix("\ufeff"))) == both
    assert plan_block(planned, "sync", body) == planned
    assert plan_removal(planned, "sync") == text
    assert is_current(planned, "sync", body)
    assert tomllib.loads(read_block(planned, "sync") or "") == tomllib.loads(body)


@given(tomls)
def test_splitting_keeps_every_line_and_puts_no_table_first(body: str) -> None:
    body += "" if body.endswith("\n") or not body else "\n"
    keys, tables = split(body)
    assert keys + tables == body
    assert all(not isinstance(each, dict) or each for each in tomllib.loads(keys).values())
    assert tomllib.loads(body) == tomllib.loads(keys + tables)


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_is_planned_or_refused_with_a_line(text: str, body: str) -> None:
    line = 1
    try:
        plan_block(text, "sync", body)
    except BlockError as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + body.count("\n") + 9


def test_keys_go_to_the_top_and_tables_to_the_end() -> None:
    planned = plan_block(OWNER, "sync", MIXED)
    assert names(planned, Style.HASH) == ["sync.top", "sync"]
    assert tomllib.loads(planned)["model_provider"] == "openrouter"
    assert planned.index("model_provider") < planned.index("# mine")
    assert planned.index("[mcp_servers.own]") < planned.index("# the server")


def test_a_block_that_lost_its_keys_loses_the_part_that_held_them() -> None:
    planned = plan_block(plan_block(OWNER, "sync", MIXED), "sync", SERVER)
    assert names(planned, Style.HASH) == ["sync"]


def test_invalid_toml_is_refused_with_its_line() -> None:
    with pytest.raises(BlockError, match="invalid TOML") as raised:
        plan_block("a = 1\nb = \n", "sync", SERVER)
    assert raised.value.line == 2
    with pytest.raises(BlockError, match="in the text for 'sync'") as raised:
        plan_block("", "sync", "a = 1\n\n[b\n")
    assert raised.value.line == 3


@pytest.mark.parametrize(
    ("text", "body", "line", "told"),
    [
        (OWNER, 'model = "x"\n', 2, "`model`"),
        (OWNER, "[mcp_servers.own]\nenabled = true\n", 4, "`[mcp_servers.own]`"),
        (OWNER, 'mcp_servers.own.url = "x"\n', 4, "`[mcp_servers.own]`"),
        ('a = 1\nmcp_servers = { own = { command = "x" } }\n', SERVER, 2, "`mcp_servers`"),
        ('mcp_servers.shared.url = "x"\n', SERVER, 1, "`mcp_servers.shared.url`"),
        ("[a]\n\n[[b]]\nx = 1\n", "[b.c]\ny = 1\n", 3, "`[b]`"),
        ('s = """\n[mcp_servers.shared]\n"""\n' + SERVER, SERVER, 4, "`[mcp_servers.shared]`"),
    ],
)
def test_what_the_owner_also_sets_is_refused_with_its_line(
    text: str, body: str, line: int, told: str
) -> None:
    with pytest.raises(BlockError, match="also set by block 'sync'") as raised:
        plan_block(text, "sync", body)
    assert raised.value.line == line
    assert told in str(raised.value)


def test_a_table_left_open_above_the_blocks_keys_is_refused_with_its_line() -> None:
    planned = plan_block("", "sync", 'model = "x"\n')
    moved = f"[mine]\na = 1\n{planned}"
    with pytest.raises(BlockError, match=r"\[mine\] is open above block 'sync.top'") as raised:
        plan_block(moved, "sync", 'model = "y"\n')
    assert raised.value.line == 1
    with pytest.raises(BlockError, match="is open above"):
        plan_removal(moved, "sync")


def test_an_owners_key_after_the_blocks_tables_is_refused_with_its_line() -> None:
    planned = plan_block(OWNER, "sync", SERVER) + 'model_provider = "openai"\n'
    with pytest.raises(BlockError, match="falls into its last table") as raised:
        plan_block(planned, "sync", SERVER.replace("3000", "3001"))
    assert raised.value.line == planned.count("\n")
    with pytest.raises(BlockError, match="falls into its last table"):
        plan_removal(planned, "sync")


def test_a_table_that_codex_wrote_before_the_end_marker_is_moved_behind_it() -> None:
    planned = plan_block(OWNER, "sync", MIXED)
    trust = '\n[projects."/work"]\ntrust_level = "trusted"\n'
    end = "# <<< codexmcp: sync <<<\n"
    written = planned.replace(end, trust + end)
    assert is_current(written, "sync", MIXED)
    assert plan_block(written, "sync", MIXED) == planned + trust
    assert plan_removal(written, "sync") == OWNER + trust


def test_a_subtable_that_codex_wrote_in_the_midst_of_the_block_is_moved_behind_it() -> None:
    body = SERVER + '\n[model_providers.p]\nname = "P"\n'
    tool = '\n[mcp_servers.shared.tools.fs_read]\napproval_mode = "approve"\n'
    planned = plan_block(OWNER, "sync", body)
    written = planned.replace('mcp"\n\n[model', f'mcp"\n{tool}\n[model')
    assert written != planned
    assert is_current(written, "sync", body)
    assert plan_removal(plan_block(written, "sync", body), "sync") == OWNER + tool


def test_added_lines_that_mean_something_only_inside_the_block_count_as_an_edit() -> None:
    body = SERVER + '\n[model_providers.p]\nname = "P"\n'
    written = plan_block(OWNER, "sync", body).replace('mcp"\n\n', 'mcp"\nenabled = false\n\n')
    with pytest.raises(EditedBlockError):
        plan_block(written, "sync", body)


def test_an_edited_block_is_only_overwritten_when_asked_for() -> None:
    planned = plan_block(OWNER, "sync", SERVER)
    edited = planned.replace("3000", "4000")
    assert not is_current(edited, "sync", SERVER)
    with pytest.raises(EditedBlockError, match="was edited") as raised:
        plan_block(edited, "sync", SERVER)
    assert raised.value.line == planned[: planned.index("# >>>")].count("\n") + 1
    with pytest.raises(EditedBlockError):
        plan_removal(edited, "sync")
    assert plan_block(edited, "sync", SERVER, overwrite=True) == planned
    assert plan_removal(edited, "sync", overwrite=True) == OWNER


def test_a_name_that_marks_a_part_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\.top"):
        plan_block("", "sync.top", SERVER)


def test_a_marker_inside_a_string_of_the_owner_is_no_block() -> None:
    text = 'note = """\n# >>> codexmcp: sync >>>\nx\n# <<< codexmcp: sync <<<\n"""\n'
    with pytest.raises(BlockError):
        plan_block(text, "sync", SERVER)
    with pytest.raises(BlockError):
        plan_removal(text, "sync")
