from __future__ import annotations

from pathlib import Path

from codexmcp.workspace.commands import find_program, passed_environment, safe_path


def test_a_program_sees_no_secret_and_speaks_english() -> None:
    env = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "OPENAI_API_KEY": "sk",
        "AGENTOS_TOKEN": "t",
        "GIT_DIR": "/x",
        "LD_PRELOAD": "/x",
        "LANG": "de_DE.UTF-8",
        "EXTRA": "1",
        "TMPDIR": "",
    }

    assert passed_environment(env, frozenset({"EXTRA"})) == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "EXTRA": "1",
        "LC_ALL": "C.UTF-8",
    }


def test_a_path_loses_what_others_could_put_programs_in(tmp_path: Path) -> None:
    (tmp_path / "root" / "bin").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "root" / "bin")
    (tmp_path / "rooted").mkdir()
    given = f"/usr/bin::.:bin:{tmp_path}/root/bin:{tmp_path}/link:{tmp_path}/rooted:/bin"

    kept = safe_path(given, [str(tmp_path / "root")])

    assert kept == f"/usr/bin:{tmp_path}/rooted:/bin"


def test_a_program_is_found_by_an_absolute_path_or_not_at_all() -> None:
    assert find_program("sh", "/bin") == "/bin/sh"
    assert find_program("sh", "") is None
    assert find_program("no-such-program", "/bin") is None
