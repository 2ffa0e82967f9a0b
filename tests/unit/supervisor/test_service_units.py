from __future__ import annotations

import plistlib
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import ConfigurationError
from codexmcp.supervisor.service_units import (
    Service,
    is_ours,
    launchd_plist,
    systemd_unit,
)

SERVICE = Service(
    argv=["/opt/py thon/bin/python", "-m", "codexmcp", "serve", "--http", "--path", "/a b"],
    env={"PATH": "/usr/bin:/bin", "CODEX_HOME": "/home/me/.codex"},
    unset=["CODEX_BIN"],
    secrets=Path("/home/me/.config/codexmcp/service.env"),
    cwd=Path("/home/me/pro ject"),
    drain_s=30.0,
    log=Path("/home/me/Library/Logs/codexmcp.log"),
)


def test_a_unit_says_how_the_service_is_run_and_ended() -> None:
    lines = systemd_unit(SERVICE).splitlines()

    assert (
        'ExecStart="/opt/py thon/bin/python" "-m" "codexmcp" "serve" "--http" "--path" "/a b"'
    ) in lines
    assert "WorkingDirectory=/home/me/pro ject" in lines
    assert 'Environment="CODEX_HOME=/home/me/.codex"' in lines
    assert "UnsetEnvironment=CODEX_BIN" in lines
    assert "EnvironmentFile=-/home/me/.config/codexmcp/service.env" in lines
    assert "KillMode=mixed" in lines
    assert "TimeoutStopSec=90" in lines
    assert "Restart=on-failure" in lines


def test_nothing_is_set_that_would_break_the_sandbox_of_codex() -> None:
    settings = [line for line in systemd_unit(SERVICE).splitlines() if line[:1] not in {"#", ""}]

    harmful = ("NoNewPrivileges", "Private", "Protect", "Restrict", "LockPers", "SystemCall")
    assert not [
        line for line in settings if line.startswith(harmful) and "RestartPrevent" not in line
    ]


def test_special_characters_are_escaped_as_systemd_wants_it() -> None:
    service = replace(
        SERVICE,
        argv=["/bin/$x%h", "a$HOME", "100%", 'q"\\', "line\nend", ";"],
        env={"A": "$B %C"},
        cwd=Path("/a%b"),
    )

    lines = systemd_unit(service).splitlines()

    assert 'ExecStart="/bin/$x%%h" "a$$HOME" "100%%" "q\\"\\\\" "line\\nend" ";"' in lines
    assert 'Environment="A=$B %%C"' in lines
    assert "WorkingDirectory=/a%%b" in lines


@pytest.mark.parametrize("cwd", ["/a ", "/a\\", "/a\nExecStartPre=/bin/sh"])
def test_a_folder_that_a_unit_cannot_name_is_refused(cwd: str) -> None:
    with pytest.raises(ConfigurationError, match="systemd cannot be given the path"):
        systemd_unit(replace(SERVICE, cwd=Path(cwd)))


@pytest.mark.parametrize("word", ["a\0b", "\x1b[0m", "\udcff"])
def test_what_no_file_can_hold_is_refused(word: str) -> None:
    service = replace(SERVICE, argv=["/bin/python", word])

    for write in (systemd_unit, launchd_plist):
        with pytest.raises(ConfigurationError, match="a service's file cannot hold"):
            write(service)


PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


@given(st.lists(PRINTABLE, max_size=4), st.dictionaries(st.from_regex(r"\A[A-Z]+\Z"), PRINTABLE))
def test_a_unit_has_one_line_for_each_setting_whatever_it_holds(
    words: list[str], env: dict[str, str]
) -> None:
    service = replace(SERVICE, argv=["/bin/python", *words], env=env)

    # As systemd splits lines, and not at all that Unicode calls a line end.
    lines = systemd_unit(service).split("\n")

    assert len([line for line in lines if line.startswith("ExecStart=")]) == 1
    assert len([line for line in lines if line.startswith("Environment=")]) == len(env)
    (command,) = [line for line in lines if line.startswith("ExecStart=")]
    read = [word.replace("%%", "%") for word in shlex.split(command.removeprefix("ExecStart="))]
    assert [word.replace("$$", "$") for word in read] == ["/bin/python", *words]


@given(st.lists(PRINTABLE, max_size=4), st.dictionaries(st.from_regex(r"\A[A-Z]+\Z"), PRINTABLE))
def test_a_property_list_is_read_back_as_it_was(words: list[str], env: dict[str, str]) -> None:
    service = replace(SERVICE, argv=["/bin/python", *words], env=env)

    read = plistlib.loads(launchd_plist(service).encode())

    assert read["ProgramArguments"][4:] == ["/bin/python", *words]
    assert read["EnvironmentVariables"] == env
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["ExitTimeOut"] == 90


def test_the_program_of_a_property_list_sees_the_secrets_and_not_what_is_unset(
    tmp_path: Path,
) -> None:
    secrets = tmp_path / "service.env"
    secrets.write_text("# mine\nOPENAI_API_KEY='sk a'\n")
    service = replace(
        SERVICE,
        argv=[
            "/bin/sh",
            "-c",
            'printf "%s|" "$OPENAI_API_KEY" "$CODEX_BIN" "$@"',
            "x",
            "a b",
            "$c",
        ],
        secrets=secrets,
    )
    command = plistlib.loads(launchd_plist(service).encode())["ProgramArguments"]

    def run() -> str:
        return subprocess.run(
            command,
            env={"CODEX_BIN": "/old"},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout

    assert run() == "sk a||a b|$c|"
    secrets.unlink()
    assert run() == "||a b|$c|"


def test_files_of_ours_are_known() -> None:
    assert is_ours(systemd_unit(SERVICE))
    assert is_ours(launchd_plist(SERVICE))
    assert not is_ours("[Service]\nExecStart=/home/me/.local/bin/codexmcp serve\n")
