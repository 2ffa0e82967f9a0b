"""What `codexmcp sync` makes of real folders."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codexmcp.errors import ConfigurationError
from codexmcp.home.sync.repository import FRAGMENT, MEMORY, SKILLS, read_repository
from codexmcp.home.sync.use_cases import PushOptions, RequestedChoices, warnings
from tests.support.sync_places import FRAGMENT_TEXT, OWNER, Sync, fill, tree

FORCE = PushOptions(force=True)


@pytest.fixture
def sync(tmp_path: Path) -> Sync:
    sync = Sync(tmp_path)
    fill(sync.home, OWNER)
    return sync


def test_what_was_pushed_is_in_sync_and_pushing_again_writes_nothing(sync: Sync) -> None:
    assert sync.drift()
    sync.push()
    assert sync.drift() == {}
    before = tree(sync.home)
    assert sync.push().plan.changes == ()
    assert tree(sync.home) == before


def test_cleaning_leaves_a_home_with_odd_bytes_as_it_was(sync: Sync) -> None:
    (sync.home / "config.toml").chmod(0o640)
    before = tree(sync.home)
    sync.push()
    assert tree(sync.home) != before
    sync.clean()
    assert tree(sync.home) == before


def test_cleaning_a_home_that_was_empty_leaves_it_empty(tmp_path: Path) -> None:
    sync = Sync(tmp_path)
    sync.push()
    sync.clean()
    assert tree(sync.home) == {}


def test_cleaning_what_was_never_pushed_to_changes_nothing(sync: Sync) -> None:
    fill(sync.home, {".codexmcp.lock": ""})
    before = tree(sync.home)
    assert sync.clean().plan.changes == ()
    assert tree(sync.home) == before


_data = st.binary(max_size=30) | st.sampled_from([b"\r\n", b"a\n", b"\xef\xbb\xbf", b"a"])
_toml = st.lists(
    st.sampled_from(["a = 1", "", "# c", "[t]", "[t.u]", "[[l]]", 'b = "x"']), max_size=5
).map("\n".join)


@given(
    agents=st.none() | _data,
    config=st.none() | st.tuples(_toml, st.sampled_from(["", "\n", "\r\n"])).map("".join),
    fragment=_toml,
    skill=st.text(alphabet="ab{}\\ \n", max_size=12),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_push_is_refused_whole_or_in_sync_and_undone_by_cleaning(
    agents: bytes | None, config: str | None, fragment: str, skill: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sync = Sync(Path(folder))
        fill(sync.repository, {FRAGMENT: fragment, f"{SKILLS}/one/SKILL.md": skill})
        if agents is not None:
            fill(sync.home, {"AGENTS.md": agents})
        if config is not None:
            fill(sync.home, {"config.toml": config})
        before = tree(sync.home)
        try:
            sync.push()
        except ConfigurationError:
            assert tree(sync.home) == before
            return
        assert sync.drift() == {}
        sync.clean()
        assert tree(sync.home) == before


def test_a_skill_is_expanded_for_its_client_and_reports_its_use(sync: Sync) -> None:
    sync.push()
    skill = (sync.home / "skills/one/SKILL.md").read_text()
    assert f"In {sync.home} for codex." in skill
    assert "http://127.0.0.1:3000/command-log" in skill
    mode = (sync.home / "skills/one/scripts/run.sh").stat().st_mode
    assert stat.S_IMODE(mode) == 0o700


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        (FRAGMENT, "a = 1\nb =\n", "config-fragment.toml, line 2: invalid TOML"),
        (FRAGMENT, "model = 'x'\n", "config.toml, line 2: `model` is also set by block 'sync'"),
        ("clients/codex/profiles/p.config.toml", "[", "p.config.toml, line 1"),
        ("clients/codex/profiles/a b.config.toml", "", "invalid profile name"),
        (f"{SKILLS}/two/readme.md", "x", "has no SKILL.md"),
        (f"{SKILLS}/two/nul", "x", "is the name of a device on Windows"),
        (f"{MEMORY}/global.md", b"a\n\xff\n", "global.md, line 2: not UTF-8 text"),
        (f"{MEMORY}/global.md", "<!-- >>> codexmcp: x >>> -->\n", "contains a marker"),
    ],
)
def test_what_is_wrong_in_the_repository_is_named_and_nothing_is_written(
    sync: Sync, path: str, text: str | bytes, told: str
) -> None:
    fill(sync.repository, {path: text})
    before = tree(sync.home)
    with pytest.raises(ConfigurationError) as raised:
        sync.push()
    assert told in str(raised.value)
    assert tree(sync.home) == before


def test_all_that_is_wrong_in_the_repository_is_named_at_once(sync: Sync) -> None:
    odd: dict[str, str | bytes] = {
        FRAGMENT: "b =\n",
        "clients/codex/profiles/p.config.toml": "[",
        "clients/codex/profiles/a b.config.toml": "",
        f"{MEMORY}/global.md": b"\xff",
        f"{SKILLS}/three/nul": "x",
        f"{SKILLS}/two/readme.md": "x",
    }
    fill(sync.repository, odd)
    with pytest.raises(ConfigurationError) as raised:
        sync.push()
    named = str(raised.value).replace(f"{SKILLS}/two ", f"{SKILLS}/two/readme.md ")
    assert [path for path in odd if path not in named] == []


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("SKILL.md", "a\n{{WORD}}\n", "SKILL.md, line 2: {{WORD}} stays as it is"),
        ("more/notes.md", "{{WORD}}\n", "more/notes.md, line 1: {{WORD}} stays as it is"),
        ("SKILL.md", b"a\n\xff\n", "SKILL.md, line 2: not UTF-8 text"),
        ("SKILL.md", "<!-- >>> codexmcp: x >>> -->\n", "SKILL.md, line 1: "),
    ],
)
def test_an_odd_skill_is_deployed_as_it_is_with_the_rest_and_named(
    sync: Sync, path: str, text: str | bytes, told: str
) -> None:
    good = {"SKILL.md": "---\nname: odd\ndescription: x\n---\n"}
    files = {f"{SKILLS}/odd/{name}": data for name, data in {**good, path: text}.items()}
    fill(sync.repository, files)
    sync.push()
    deployed = (sync.home / "skills/odd" / path).read_bytes()
    assert deployed.startswith(text.encode() if isinstance(text, str) else text)
    assert "for codex" in (sync.home / "skills/one/SKILL.md").read_text()
    assert sync.drift() == {}
    (note,) = warnings(read_repository(sync.repository), sync.place)
    assert told in note


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("a = 1\nb = \n", "config.toml, line 2: invalid TOML"),
        ("# >>> codexmcp: sync >>>\n", "config.toml, line 1: block 'sync' has no end marker"),
        (b"a = '\xff'\n", "config.toml, line 1: not UTF-8 text"),
        ("\n[model_providers.openrouter]\n", "config.toml, line 2: `[model_providers.openrouter]`"),
    ],
)
def test_what_is_wrong_in_the_home_is_named_and_nothing_is_written(
    sync: Sync, config: str | bytes, told: str
) -> None:
    fill(sync.home, {"config.toml": config})
    before = tree(sync.home)
    with pytest.raises(ConfigurationError) as raised:
        sync.push()
    assert told in str(raised.value)
    assert tree(sync.home) == before
    assert sync.drift()["config.toml"] in {"broken", "new"}


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="codexmcp init"):
        read_repository(tmp_path)


def test_an_edited_file_is_drift_and_only_replaced_when_asked_for(sync: Sync) -> None:
    sync.push()
    skill = sync.home / "skills/one/SKILL.md"
    deployed = skill.read_bytes()
    skill.write_bytes(b"my words\n")
    assert sync.drift() == {"skills/one/SKILL.md": "edited"}
    with pytest.raises(ConfigurationError, match=r"was changed there.*\n.*--force"):
        sync.push()
    assert skill.read_bytes() == b"my words\n"
    sync.push(FORCE)
    assert skill.read_bytes() == deployed
    copy = next(skill.parent.glob("SKILL.md.bak-*"))
    assert copy.read_bytes() == b"my words\n"


def test_an_edit_of_the_same_size_and_time_is_drift(sync: Sync) -> None:
    sync.push()
    memory = sync.home / "agentos-memories/global.md"
    status = memory.stat()
    memory.write_bytes(b"# Me?"[: status.st_size])
    os.utime(memory, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert memory.stat().st_size == status.st_size
    assert sync.drift() == {"agentos-memories/global.md": "edited"}


def test_what_the_owner_had_in_its_place_comes_back_when_cleaned(sync: Sync) -> None:
    fill(sync.home, {"planner.config.toml": "mine = 1\n"})
    (sync.home / "planner.config.toml").chmod(0o644)
    before = tree(sync.home)
    with pytest.raises(ConfigurationError, match="is there already and is not ours"):
        sync.push()
    assert tree(sync.home) == before
    sync.push(FORCE)
    assert sync.drift() == {}
    sync.clean()
    assert tree(sync.home) == before


def test_a_file_that_the_owner_had_just_so_stays_when_cleaned(sync: Sync) -> None:
    fill(sync.home, {"planner.config.toml": 'model = "planner"\n'})
    before = tree(sync.home)
    sync.push()
    sync.clean()
    assert tree(sync.home) == before
    sync.push()
    fill(sync.repository, {"clients/codex/profiles/planner.config.toml": 'model = "newer"\n'})
    assert sync.drift() == {"planner.config.toml": "outdated"}
    sync.push()
    sync.clean()
    assert tree(sync.home) == before


def test_what_left_the_repository_leaves_the_home(sync: Sync) -> None:
    sync.push()
    for file in (sync.repository / SKILLS / "one/scripts").iterdir():
        file.unlink()
    assert sync.drift() == {"skills/one/scripts/run.sh": "stale"}
    sync.push()
    assert not (sync.home / "skills/one/scripts").exists()
    assert (sync.home / "skills/one/SKILL.md").exists()
    assert sync.drift() == {}


def test_a_fragment_that_left_the_repository_leaves_the_config(sync: Sync) -> None:
    before = (sync.home / "config.toml").read_bytes()
    sync.push()
    (sync.repository / FRAGMENT).unlink()
    assert sync.drift() == {"config.toml": "stale"}
    sync.push()
    assert (sync.home / "config.toml").read_bytes() == before


def test_an_edited_file_that_was_deployed_stays_when_cleaned(sync: Sync) -> None:
    before = tree(sync.home)
    sync.push()
    (sync.home / "skills/one/SKILL.md").write_bytes(b"my words\n")
    notes = sync.clean().notes
    assert any("it is yours now" in note for note in notes)
    left = {path: each for path, each in tree(sync.home).items() if path not in before}
    assert set(left) == {"skills/one", "skills/one/SKILL.md"}
    assert left["skills/one/SKILL.md"][1] == b"my words\n"


def test_an_edited_block_is_drift_and_only_replaced_when_asked_for(sync: Sync) -> None:
    sync.push()
    for name, old in (("config.toml", b"3000"), ("AGENTS.md", b"# Me")):
        file = sync.home / name
        file.write_bytes(file.read_bytes().replace(old, b"edited"))
    assert sync.drift() == {"config.toml": "edited", "AGENTS.md": "edited"}
    with pytest.raises(ConfigurationError, match="was edited"):
        sync.push()
    with pytest.raises(ConfigurationError, match="was edited"):
        sync.clean()
    sync.push(FORCE)
    assert sync.drift() == {}


def test_what_codex_adds_to_the_config_is_no_drift_and_stays(sync: Sync) -> None:
    sync.push()
    config = sync.home / "config.toml"
    end = b"# <<< codexmcp: sync <<<"
    trust = b'\r\n[projects."/w"]\r\ntrust_level = "trusted"\r\n'
    config.write_bytes(config.read_bytes().replace(end, trust + end))
    assert sync.drift() == {}
    sync.push()
    assert sync.drift() == {}
    sync.clean()
    assert config.read_bytes() == OWNER["config.toml"] + b"\r\n" + trust[:-2]


def test_a_changed_repository_is_drift_until_it_is_pushed(sync: Sync) -> None:
    sync.push()
    fill(
        sync.repository,
        {FRAGMENT: FRAGMENT_TEXT.replace("3000", "3001"), f"{MEMORY}/global.md": "# I\n"},
    )
    assert sync.drift() == {
        "config.toml": "outdated",
        "AGENTS.md": "outdated",
        "agentos-memories/global.md": "outdated",
        "skills/one/SKILL.md": "outdated",
    }
    sync.push()
    assert sync.drift() == {}


def test_cleaning_anew_puts_everything_back(sync: Sync) -> None:
    sync.push()
    first = tree(sync.home)
    (sync.home / "skills/one/SKILL.md").unlink()
    sync.push(PushOptions(rebuild=True))
    assert sync.drift() == {}
    kept = {path for path in first if ".bak-" not in path and path != ".codexmcp-sync.json"}
    after = tree(sync.home)
    assert {path: after[path] for path in kept} == {path: first[path] for path in kept}


def test_a_dry_run_writes_nothing(sync: Sync) -> None:
    before = tree(sync.home)
    assert sync.push(PushOptions(dry_run=True)).plan.changes
    assert tree(sync.home) == before


def test_another_repository_does_not_take_a_home_over_unasked(sync: Sync, tmp_path: Path) -> None:
    sync.push()
    other = Sync(fill(tmp_path / "other", {}))
    other.place = sync.place
    with pytest.raises(ConfigurationError, match="was deployed from"):
        other.push()
    other.push(FORCE)
    sync.repository.rename(tmp_path / "moved")
    other.push()


def test_native_memories_are_remembered_until_told_otherwise(sync: Sync) -> None:
    sync.push(PushOptions(asked=RequestedChoices(native_memories=True, report_use=False)))
    assert (sync.home / "memories/global.md").read_text() == "# Me\n"
    assert not (sync.home / "agentos-memories").exists()
    assert "command-log" not in (sync.home / "skills/one/SKILL.md").read_text()
    assert sync.drift() == {}
    sync.push(PushOptions(asked=RequestedChoices(native_memories=False)))
    assert not (sync.home / "memories").exists()
    assert (sync.home / "agentos-memories/global.md").exists()


def test_links_that_lead_out_of_the_home_are_not_written_through(
    sync: Sync, tmp_path: Path
) -> None:
    outside = fill(tmp_path / "outside", {"config.toml": "", "keep": "x"})
    (sync.home / "config.toml").unlink()
    (sync.home / "config.toml").symlink_to(outside / "config.toml")
    with pytest.raises(ConfigurationError, match="leads out of the folder"):
        sync.push()
    (sync.home / "config.toml").unlink()
    (sync.home / "agentos-memories").symlink_to(outside)
    with pytest.raises(ConfigurationError, match="leads out of the folder"):
        sync.push()
    assert sorted(tree(outside)) == ["config.toml", "keep"]


def test_a_file_that_became_a_link_is_not_written_through(sync: Sync, tmp_path: Path) -> None:
    sync.push()
    outside = fill(tmp_path / "outside", {"x": "x"})
    skill = sync.home / "skills/one/SKILL.md"
    skill.unlink()
    skill.symlink_to(outside / "x")
    assert sync.drift() == {"skills/one/SKILL.md": "in-the-way"}
    with pytest.raises(ConfigurationError, match="not a plain file"):
        sync.push(FORCE)
    sync.clean()
    assert (outside / "x").read_text() == "x"
    assert skill.is_symlink()


def test_links_that_lead_out_of_the_repository_are_not_followed(sync: Sync, tmp_path: Path) -> None:
    secret = fill(tmp_path / "outside", {"id_rsa": "key"}) / "id_rsa"
    link = sync.repository / SKILLS / "one/notes.md"
    link.symlink_to(secret)
    with pytest.raises(ConfigurationError, match="a link out of"):
        sync.push()
    link.unlink()
    link.symlink_to("SKILL.md")
    sync.push()
    assert (sync.home / "skills/one/notes.md").is_file()
    assert not (sync.home / "skills/one/notes.md").is_symlink()


def test_a_file_in_the_way_of_a_folder_is_refused(sync: Sync) -> None:
    fill(sync.home, {"agentos-memories": "a file"})
    before = tree(sync.home)
    with pytest.raises(ConfigurationError, match="in the way of a folder"):
        sync.push()
    assert tree(sync.home) == before


def test_an_override_that_hides_the_memory_is_told(sync: Sync) -> None:
    repository = read_repository(sync.repository)
    assert warnings(repository, sync.place) == ()
    fill(sync.home, {"AGENTS.override.md": "mine\n"})
    assert "replaces AGENTS.md" in warnings(repository, sync.place)[0]


def test_claude_gets_skills_and_memory_and_no_config(tmp_path: Path) -> None:
    sync = Sync(tmp_path, "claude")
    sync.push()
    assert "# Me" in (sync.home / "CLAUDE.md").read_text()
    assert "for claude." in (sync.home / "skills/one/SKILL.md").read_text()
    assert not list(sync.home.glob("*.toml"))
    sync.clean()
    assert tree(sync.home) == {}


def test_cursor_gets_memory_as_a_skill(tmp_path: Path) -> None:
    sync = Sync(tmp_path, "cursor")
    sync.push()
    assert "# Me" in (sync.home / "skills/agentos-memory/SKILL.md").read_text()
    assert not list(sync.home.glob("*.md"))
    fill(sync.repository, {f"{SKILLS}/agentos-memory/SKILL.md": "x"})
    with pytest.raises(ConfigurationError, match="rename it"):
        sync.push()


def test_a_home_with_two_thousand_skills_and_a_long_config_is_kept(tmp_path: Path) -> None:
    sync = Sync(tmp_path)
    skill = "---\nname: s\ndescription: d\n---\n\n{{client}}\n"
    fill(sync.repository, {f"{SKILLS}/s{number}/SKILL.md": skill for number in range(2000)})
    folder = "/work/of/many/years" * 10
    projects = (f'[projects."{folder}/{n}"]\ntrust_level = "trusted"\n' for n in range(22_000))
    config = "".join(projects).encode()
    assert len(config) > 5_000_000
    fill(sync.home, {"config.toml": config})
    sync.push()
    assert sync.drift() == {}
    sync.clean()
    assert set(tree(sync.home)) == {"config.toml"}
    assert (sync.home / "config.toml").read_bytes() == config
