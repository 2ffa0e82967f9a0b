"""What `codexmcp sync` makes of a config that the real Codex has written anew, and of edits."""

from __future__ import annotations

import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexmcp.errors import ConfigurationError
from codexmcp.home.applying import apply
from codexmcp.home.mcp_plans import plan_add_server
from codexmcp.home.mcp_servers import McpServer
from codexmcp.home.sync.repository import FRAGMENT
from codexmcp.home.sync.use_cases import PushOptions
from tests.support.builds import pinned_codex
from tests.support.real_app_server import environment
from tests.support.sync_places import Sync, fill

SERVER = '# why\n[mcp_servers.shared] # here\nurl = "http://u/mcp"\nenabled = true\n'
PROVIDER = '[model_providers.p]\n# name\nname = "P" # P\n'
OTHER = '\n[model_providers.q]\nname = "Q"\n'
KEYS = '# keys\nmodel = "m"\n\n'
OWNERS = {
    "none": "",
    "comment": '# mine\nmodel_provider = "openai"\n# the last',
    "server": '[mcp_servers.own]\ncommand = "own"\n\n[projects."/w"]\ntrust_level = "trusted"\n',
    "windows": '\ufeff# mine\r\nmodel_provider = "openai"\r\n# the last\r\n',
    "server-last": '[projects."/w"]\ntrust_level = "trusted"\n\n[mcp_servers.own]\ncommand = "o"\n',
}
FRAGMENTS = {
    "server": SERVER,
    "server-first": f"{SERVER}\n{PROVIDER}",
    "server-last": f"{PROVIDER}\n{SERVER}",
    "server-between": f"{PROVIDER}\n{SERVER}{OTHER}",
    "keys": f"{KEYS}{PROVIDER}\n{SERVER}{OTHER}",
    "keys-server": f"{KEYS}{SERVER}",
    "no-server": PROVIDER,
}


@pytest.fixture
def sync(codex_home: Path) -> Sync:
    return Sync(codex_home)


def codex(sync: Sync, *words: str) -> None:
    done = subprocess.run(
        [str(pinned_codex()), *words],
        env=environment(sync.home),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def config(sync: Sync) -> Path:
    return sync.home / "config.toml"


@pytest.mark.parametrize("added", [0, 2])
@pytest.mark.parametrize("fragment", FRAGMENTS)
@pytest.mark.parametrize("owner", OWNERS)
def test_a_push_repairs_whatever_codex_leaves_after_adding_a_server(
    sync: Sync, owner: str, fragment: str, added: int
) -> None:
    fill(sync.repository, {FRAGMENT: FRAGMENTS[fragment]})
    fill(sync.home, {"config.toml": OWNERS[owner]})
    sync.push()
    for number in range(added):
        server = McpServer(f"s{number}", command=("x",))
        apply(plan_add_server(sync.home, server).changes)
    codex(sync, "mcp", "add", "mine", "--", "x")
    text = config(sync).read_text()
    written = tomllib.loads(text.removeprefix("\ufeff"))
    drift = sync.drift()
    assert drift in ({}, {"config.toml": "rewritten"})
    assert bool(drift) == bool(sync.push().plan.changes)
    assert sync.drift() == {}
    after = tomllib.loads(config(sync).read_text().removeprefix("\ufeff"))
    for each in (after, written):
        each["mcp_servers"].get("shared", {}).pop("enabled", None)
    assert after == written
    sync.clean()
    left = config(sync).read_text()
    assert "codexmcp: sync" not in left
    assert ("# the last" in left) == ("# the last" in text)
    assert tomllib.loads(left.removeprefix("\ufeff"))["mcp_servers"]["mine"] == {"command": "x"}


PLAIN = SERVER.replace("# why\n", "").replace(" # here", "")
BLOCK = f"{SERVER.replace('# why', '# why not')}\n{PROVIDER}"
BEGIN, END = "# >>> codexmcp: sync >>>\n", "# <<< codexmcp: sync <<<"
SEAL = "# kept by codexmcp"
EDITS = {
    "note in a server": ('url = "http://u/mcp"', 'url = "http://u/mcp" # my note', "edited"),
    "note elsewhere": ('name = "P"', 'name = "P" # my note', "edited"),
    "value": ("http://u/mcp", "http://v/mcp", "edited"),
    "key gone": ('url = "http://u/mcp"\n', "", "edited"),
    "setting": ("enabled = true\n", "enabled = true\nrequired = true\n", "edited"),
    "seal gone": (SEAL, "# mine", "edited"),
    "end gone": (END, "", "broken"),
    "begin gone": (BEGIN, "", "broken"),
    "begin twice": (BEGIN, BEGIN + BEGIN, "broken"),
    "end twice": (END, f"{END}\n{END}", "broken"),
    "nested": (f"\n{PROVIDER}", f"{BEGIN}{PROVIDER}{END}\n", "broken"),
    "begin spoilt": (BEGIN, BEGIN.replace(">>>\n", ">>\n"), "broken"),
}


@pytest.mark.parametrize("fragment", [BLOCK, f"{PROVIDER}\n{PLAIN}"])
@pytest.mark.parametrize("edit", EDITS)
def test_what_somebody_has_edited_between_our_markers_or_in_them_is_not_replaced_unasked(
    sync: Sync, edit: str, fragment: str
) -> None:
    fill(sync.repository, {FRAGMENT: fragment})
    fill(sync.home, {"config.toml": OWNERS["server"]})
    sync.push()
    old, new, state = EDITS[edit]
    text = config(sync).read_text()
    assert old in text
    config(sync).write_text(text.replace(old, new, 1))
    assert sync.drift() == {"config.toml": state}
    for act in (sync.push, sync.clean):
        with pytest.raises(ConfigurationError, match=r"config\.toml, line \d+: "):
            act()
    assert config(sync).read_text() == text.replace(old, new, 1)


@pytest.mark.parametrize("line", ["# mine", "[mine]", "[mcp_servers.shared.tools.x]"])
def test_a_check_and_a_push_agree_on_what_was_added_between_our_markers(
    sync: Sync, line: str
) -> None:
    fill(sync.repository, {FRAGMENT: BLOCK})
    sync.push()
    text = config(sync).read_text().replace(f"\n{PROVIDER}", f"{line}\n\n{PROVIDER}")
    assert line in text
    config(sync).write_text(text)
    assert sync.drift() == {}
    assert sync.push().plan.changes == ()
    fill(sync.repository, {FRAGMENT: BLOCK + OTHER})
    sync.push()
    assert line in config(sync).read_text()
    sync.clean()
    assert line in config(sync).read_text()


@pytest.mark.parametrize("name", ["config.toml", "AGENTS.md"])
def test_a_copy_of_an_edited_block_stays_whatever_comes_after(sync: Sync, name: str) -> None:
    sync.push()
    file = sync.home / name
    old = b"3000" if name == "config.toml" else b"# Me"
    file.write_bytes(edited := file.read_bytes().replace(old, b"4000 my words"))
    sync.push(PushOptions(force=True))
    (copy,) = (path for path in sync.home.glob(f"{name}.bak-*") if b"my words" in path.read_bytes())
    for text in ("# one\n", "# two\n"):
        fill(sync.repository, {"clients/shared/memory/global.md": text, FRAGMENT: text + SERVER})
        sync.push()
    sync.push(PushOptions(rebuild=True))
    sync.clean()
    assert copy.read_bytes() == edited


_hands = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["", "# mine-{}\n", "[mine-{}]\n", "mine-{} = 1\n", " # mine-{}\n"]),
    ),
    min_size=1,
    max_size=3,
)


@given(
    fragment=st.sampled_from([*FRAGMENTS.values(), PLAIN, f"{PROVIDER}\n{PLAIN}"]),
    owner=st.sampled_from(list(OWNERS.values())),
    hands=_hands,
)
@settings(max_examples=60, deadline=None)
def test_a_push_loses_nothing_that_somebody_has_written_and_agrees_with_the_check(
    fragment: str, owner: str, hands: list[tuple[float, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sync = Sync(Path(folder))
        fill(sync.repository, {FRAGMENT: fragment})
        fill(sync.home, {"config.toml": owner})
        sync.push()
        lines = config(sync).read_bytes().decode().splitlines(keepends=True)
        for number, (where, new) in enumerate(hands):
            at = int(where * len(lines))
            text = new.format(number)
            if new.startswith(" "):
                lines[at] = f"{lines[at].rstrip()}{text}"
            else:
                lines[at : at if new else at + 1] = [text]
        edited = "".join(lines).encode()
        config(sync).write_bytes(edited)
        is_in_sync = sync.drift() == {}
        try:
            is_unchanged = sync.push().plan.changes == ()
        except ConfigurationError:
            assert not is_in_sync
            assert config(sync).read_bytes() == edited
            return
        assert is_in_sync == is_unchanged
        after = config(sync).read_text()
        assert all(mine in after for mine in re.findall(r"mine-\d+", edited.decode()))
