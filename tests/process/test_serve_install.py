"""Installing the service: its file, a stand-in for systemctl, and the real parser of systemd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import plistlib
import re
import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from codexmcp.cli.service_managers import Launchd, Systemd
from codexmcp.supervisor.service_units import Service, systemd_unit
from tests.support.supervision import BOUND_S, Station, kill, station

ANALYZE = shutil.which("systemd-analyze")
KEY = "sk-test-1234567890abcdef"


@pytest.fixture
async def here(codex_home: Path) -> AsyncIterator[Station]:
    async with station(codex_home) as made:
        for name in ("XDG_CONFIG_HOME", "AGENTOS_TOKEN"):
            made.env.pop(name, None)
        yield made


class Manager:
    """A stand-in for systemctl or launchctl, which keeps what it was called with."""

    def __init__(self, here: Station, name: str = "systemctl", script: str = "exit 0") -> None:
        folder = here.runtime / "bin"
        folder.mkdir(exist_ok=True)
        self._log = folder / f"{name}.log"
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$@" >> "{self._log}"\n{script}\n')
        program.chmod(0o755)
        if str(folder) not in here.env["PATH"]:
            here.env["PATH"] = f"{folder}{os.pathsep}{here.env['PATH']}"

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


INACTIVE = 'case "$*" in *is-active*) exit 3;; *) exit 0;; esac'


def unit_of(here: Station) -> Path:
    return here.home / ".config" / "systemd" / "user" / "codexmcp.service"


async def test_a_dry_run_prints_the_file_and_changes_nothing(here: Station) -> None:
    manager = Manager(here)

    ended = await here.command("serve", "--http", "--port", "3007", "--install", "--dry-run")

    assert ended.code == 0
    (command,) = [line for line in ended.out.splitlines() if line.startswith("ExecStart=")]
    assert command.endswith('"-P" "-m" "codexmcp" "serve" "--http" "--port" "3007"')
    assert f'Environment="CODEX_HOME={here.home}"' in ended.out
    assert f'Environment="XDG_RUNTIME_DIR={here.runtime}"' in ended.out
    assert str(unit_of(here)) in ended.err
    assert not unit_of(here).exists()
    assert manager.calls == []


async def test_the_service_is_installed_started_and_removed(here: Station) -> None:
    manager = Manager(here, script=INACTIVE)

    installed = await here.command("serve", "--install")

    assert installed.code == 0, installed.err
    assert "it is started, now and at each login" in installed.err
    assert unit_of(here).stat().st_mode & 0o777 == 0o600
    assert "--user daemon-reload" in manager.calls
    assert manager.calls[-1] == "--user enable --now codexmcp.service"

    again = await here.command("serve", "--install")
    removed = await here.command("serve", "--uninstall")
    gone = await here.command("serve", "--uninstall")

    assert again.code == 0
    assert removed.code == 0
    assert not unit_of(here).exists()
    assert "--user disable --now codexmcp.service" in manager.calls
    assert (gone.code, "no service is installed" in gone.err) == (3, True)


async def test_without_systemd_it_says_what_to_run(here: Station) -> None:
    Manager(here, script="echo 'Failed to connect to bus' >&2; exit 1")

    installed = await here.command("serve", "--install")
    removed = await here.command("serve", "--uninstall")

    assert installed.code == 0
    assert "now run: systemctl --user daemon-reload" in installed.err
    assert "now run: systemctl --user enable --now codexmcp.service" in installed.err
    assert removed.code == 0
    assert "now run: codexmcp serve --stop" in removed.err
    assert not unit_of(here).exists()


async def test_a_file_of_somebody_else_is_left_alone(here: Station) -> None:
    manager = Manager(here)
    unit_of(here).parent.mkdir(parents=True)
    unit_of(here).write_text("[Service]\nExecStart=/mine\n")

    for words in (["--install"], ["--install", "--dry-run"], ["--uninstall"]):
        refused = await here.command("serve", *words)
        assert refused.code == 78
        assert "was not made by codexmcp" in refused.err
        assert "--force" in refused.err
    assert unit_of(here).read_text() == "[Service]\nExecStart=/mine\n"
    assert manager.calls == []

    forced = await here.command("serve", "--install", "--force")
    assert forced.code == 0
    assert '"serve"\n' in unit_of(here).read_text()


async def test_a_link_is_no_file_of_ours(here: Station) -> None:
    Manager(here)
    unit_of(here).parent.mkdir(parents=True)
    unit_of(here).symlink_to(here.runtime / "elsewhere")

    refused = await here.command("serve", "--install")

    assert refused.code == 78
    assert not (here.runtime / "elsewhere").exists()


async def test_secrets_are_asked_for_and_never_written(here: Station) -> None:
    Manager(here)
    token = "token-0123456789abcdef"
    here.env |= {"OPENAI_API_KEY": KEY, "AGENTOS_TOKEN": token}
    secrets = here.home / ".config" / "codexmcp" / "service.env"

    first = await here.command("serve", "--install")
    secrets.parent.mkdir(parents=True, exist_ok=True)
    secrets.write_text(f"OPENAI_API_KEY={KEY}\nAGENTOS_TOKEN={token}\n")
    secrets.chmod(0o644)
    readable = await here.command("serve", "--install")
    secrets.chmod(0o600)
    second = await here.command("serve", "--install")

    assert "this shell has AGENTOS_TOKEN, OPENAI_API_KEY, which no service sees" in first.err
    assert str(secrets) in first.err
    assert (readable.code, f"chmod 600 {secrets}" in readable.err) == (78, True)
    assert "which no service sees" not in second.err
    for text in (unit_of(here).read_text(), first.err, second.err):
        assert KEY not in text
        assert token not in text


@pytest.mark.parametrize(
    "setting",
    ["model_providers.x.api_key=abc", f"x={KEY}", "x.http_headers.Authorization=abc"],
)
async def test_a_secret_among_the_options_is_refused(here: Station, setting: str) -> None:
    Manager(here)

    refused = await here.command("serve", "-c", setting, "--install")

    assert refused.code == 78
    assert "would hold a secret" in refused.err
    assert KEY not in refused.err
    assert not unit_of(here).exists()


async def test_options_that_make_no_sense_are_refused(here: Station) -> None:
    lonely = await here.command("serve", "--dry-run")
    two = await here.command("serve", "--install", "--status")
    hidden = await here.command("serve", "--install", "--key-stdin")

    assert (lonely.code, two.code, hidden.code) == (2, 2, 2)
    assert "--install and --uninstall" in lonely.err


async def test_a_client_finds_the_service_that_was_installed(here: Station) -> None:
    Manager(here, script=INACTIVE)
    here.env |= {"OPENAI_API_KEY": KEY}
    secrets = here.home / ".config" / "codexmcp" / "service.env"
    secrets.parent.mkdir(parents=True)
    secrets.write_text(f"OPENAI_API_KEY={KEY}\n")
    secrets.chmod(0o600)
    await here.command("serve", "-c", "model_verbosity=low", "--install")

    async with _started(unit_of(here).read_text()):
        status = await _status(here, "-c", "model_verbosity=low")
        installed = await here.command("serve", "-c", "model_verbosity=low", "--install")

    assert "clients: " in status
    assert "another supervisor is running" in installed.err
    assert "codexmcp serve --stop && systemctl --user start codexmcp.service" in installed.err


@contextlib.asynccontextmanager
async def _started(unit: str) -> AsyncIterator[None]:
    """Run what a unit says, as systemd would, while the block runs."""
    argv, env, unset, secrets = _read(unit)
    surroundings = {"PATH": "/usr/bin:/bin", "CODEX_BIN": "/does/not/exist"}
    given = {**surroundings, **env, **_lines(secrets.read_text())}
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={name: value for name, value in given.items() if name not in unset},
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        kill(process.pid)
        await process.wait()


def _read(unit: str) -> tuple[list[str], dict[str, str], list[str], Path]:
    def values(name: str) -> list[str]:
        marked = [line for line in unit.splitlines() if line.startswith(f"{name}=")]
        return [line.partition("=")[2].replace("%%", "%") for line in marked]

    argv = [word.replace("$$", "$") for word in shlex.split(values("ExecStart")[0])]
    env = _lines("\n".join(shlex.split(value)[0] for value in values("Environment")))
    unset = values("UnsetEnvironment")[0].split()
    return argv, env, unset, Path(values("EnvironmentFile")[0].removeprefix("-"))


def _lines(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in text.splitlines())}


async def _status(here: Station, *flags: str) -> str:
    async with asyncio.timeout(BOUND_S):
        while (ended := await here.command("serve", "--status", *flags)).code != 0:
            pass
    return ended.out


NASTY = [
    "a b",
    "tab\tx",
    "line\nend",
    "$HOME",
    "${HOME}",
    "%h %%",
    'q"uote',
    "apos'trophe",
    "back\\slash",
    "ä€𝄞",
    ";",
    "#x",
    "",
    "-x",
    "\\x41",
]


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
def test_systemd_reads_a_unit_as_it_was_meant(tmp_path: Path) -> None:
    folder = tmp_path / "pro ject%n$x"
    folder.mkdir()
    service = Service(
        argv=["/bin/echo", *NASTY],
        env={"NASTY": 'a $b %c "d" \\e ä', "EMPTY": ""},
        unset=["CODEX_BIN", "CODEX_PATH"],
        secrets=folder / "se%crets",
        cwd=folder,
        drain_s=30.0,
        log=tmp_path / "log",
    )
    unit = tmp_path / "codexmcp.service"
    unit.write_text(systemd_unit(service))

    told = _analyzed(unit, {"SYSTEMD_LOG_LEVEL": "debug"})
    quiet = _analyzed(unit, {})

    (command,) = [line for line in told if line.startswith("Command Line: ")]
    # systemd replaces `$$` only when it starts the program.
    words = [word.replace("$$", "$") for word in _unquoted(command.partition(": ")[2])]
    assert words == ["/bin/echo", *NASTY]
    assert 'Environment: NASTY=a $b %c "d" \\e ä' in told
    assert "Environment: EMPTY=" in told
    assert f"EnvironmentFile: -{folder}/se%crets" in told
    assert f"WorkingDirectory: {folder}" in told
    assert quiet == []


def _analyzed(unit: Path, env: Mapping[str, str]) -> list[str]:
    assert ANALYZE is not None
    runtime = unit.parent / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    ran = subprocess.run(
        [ANALYZE, "verify", "--user", str(unit)],
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(runtime), "LANG": "C.UTF-8", **env},
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [line.strip() for line in (ran.stdout or ran.stderr).splitlines()]


_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPES = {"t": "\t", "n": "\n"}


def _unquoted(text: str) -> list[str]:
    """Return the words that systemd shows, with its quotes and escapes taken off."""
    return [
        re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), quoted) or bare
        for quoted, bare in _WORD.findall(text)
    ]


def test_launchd_is_told_and_its_answer_passed_on(here: Station) -> None:
    manager = Manager(here, "launchctl")
    launchd = Launchd(here.env, here.home)

    started = launchd.start(is_elsewhere=False)
    stopped = launchd.stop()

    assert launchd.path == here.home / "Library" / "LaunchAgents" / "dev.codexmcp.serve.plist"
    domain = f"gui/{os.getuid()}"
    assert manager.calls == [
        f"bootstrap {domain} {launchd.path}",
        f"bootout {domain}/dev.codexmcp.serve",
    ]
    assert [*started.left, *stopped.left] == []
    Manager(here, "launchctl", "echo 'Bootstrap failed: 5' >&2; exit 5")
    failed = launchd.start(is_elsewhere=False)
    assert "Bootstrap failed: 5" in failed.left[0]
    waiting = launchd.start(is_elsewhere=True)
    assert "codexmcp serve --stop" in waiting.left[0]


def test_a_property_list_is_written_for_a_service(here: Station) -> None:
    service = Service(["/bin/x"], {}, [], Path("/s"), Path("/"), 1.0, Path("/l"))

    read = plistlib.loads(Launchd(here.env, here.home).text(service).encode())

    assert read["Label"] == "dev.codexmcp.serve"
    assert "ExecStart" in Systemd(here.env, here.home).text(service)
