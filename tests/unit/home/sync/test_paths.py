from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import ConfigurationError
from codexmcp.home.sync.paths import located, resolved_file, trouble_with
from codexmcp.home.sync.targets import TARGETS, home_of, token_values

WINDOWS_HOME = PureWindowsPath("C:\\Users\\Ann Lee")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "C:/Windows/x",
        "C:x",
        "a\\..\\..\\x",
        "\\\\server\\share\\x",
        "skills/con",
        "skills/NUL.txt",
        "skills/COM1",
        "a/b.",
        "a/b ",
        "a/b?.md",
        "a/b\x00",
        "file.txt:stream",
    ],
)
def test_a_path_that_means_something_else_on_some_system_is_refused(path: str) -> None:
    assert trouble_with(path) is not None


@pytest.mark.parametrize(
    "path", ["a", "skills/x/SKILL.md", ".hidden", "a b/é.md", "console/x", "...x", "COM10"]
)
def test_plain_paths_are_taken(path: str) -> None:
    assert trouble_with(path) is None


_parts = st.lists(
    st.one_of(st.text(max_size=4), st.sampled_from(["..", ".", "", "\\", "C:", "a", "nul", "~"])),
    max_size=5,
)


@given(_parts, st.sampled_from(["/", "\\"]))
def test_no_path_that_is_taken_leaves_its_folder_on_any_system(
    parts: list[str], separator: str
) -> None:
    path = separator.join(parts)
    if trouble_with(path) is None:
        windows = PureWindowsPath("C:\\home").joinpath(*path.split("/"))
        assert windows.parts[:2] == ("C:\\", "home")
        assert ".." not in windows.parts
        posix = PurePosixPath("/home", path)
        assert posix.parts[:2] == ("/", "home")
        assert ".." not in posix.parts


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "skills").symlink_to(outside)
    (root / "config.toml").symlink_to(outside / "config.toml")
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(ConfigurationError, match="leads out of the folder"):
        located(root, "skills/x/SKILL.md", "folder")
    with pytest.raises(ConfigurationError, match="leads out of the folder"):
        resolved_file(root, "config.toml", "folder")
    with pytest.raises(ConfigurationError, match="its links form a loop"):
        located(root, "loop/x/y", "folder")
    with pytest.raises(ConfigurationError, match="its links form a loop"):
        resolved_file(root, "loop", "folder")


def test_a_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "skills").symlink_to("real")
    (tmp_path / "config.toml").symlink_to("real/config.toml")
    assert located(tmp_path, "skills/SKILL.md", "folder") == tmp_path / "real" / "SKILL.md"
    assert resolved_file(tmp_path, "config.toml", "folder") == tmp_path / "real" / "config.toml"


def test_folders_of_clients_are_found_on_windows_too() -> None:
    assert home_of(TARGETS["codex"], {}, WINDOWS_HOME) == WINDOWS_HOME / ".codex"
    named = home_of(TARGETS["codex"], {"CODEX_HOME": "D:\\codex"}, WINDOWS_HOME)
    assert named == PureWindowsPath("D:\\codex")
    assert home_of(TARGETS["cursor"], {"CODEX_HOME": "D:\\x"}, WINDOWS_HOME).name == ".cursor"
    claude = home_of(TARGETS["claude"], {"CLAUDE_CONFIG_DIR": ""}, PurePosixPath("/home/u"))
    assert claude == PurePosixPath("/home/u/.claude")


def test_tokens_stand_for_paths_with_slashes_on_windows_too() -> None:
    home = WINDOWS_HOME / ".codex"
    values = token_values(TARGETS["codex"], home, PureWindowsPath("D:\\repo"), "agentos-memories")
    assert values == {
        "client": "codex",
        "home": "C:/Users/Ann Lee/.codex",
        "memories": "C:/Users/Ann Lee/.codex/agentos-memories",
        "repo": "D:/repo",
        "skills": "C:/Users/Ann Lee/.codex/skills",
    }
