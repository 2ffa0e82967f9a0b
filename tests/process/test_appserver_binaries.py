"""Binaries that are no app-server, or none that is supported."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from codexmcp.appserver import client
from codexmcp.appserver.client import AppServer
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.codex.binary import find_codex, package_version
from codexmcp.errors import AppServerClosedError, CodexBinaryError, CodexMCPError
from tests.support.builds import codex_build, pinned_codex
from tests.support.ended import run_to_end
from tests.support.processes import BOUND_S, processes_of, until
from tests.support.real_app_server import launch_options

TOO_OLD = "0.149.0"


def program(folder: Path, script: str) -> Path:
    """Return an executable shell script."""
    path = folder / "codex"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


async def failure(home: Path, codex: Path) -> CodexMCPError:
    """Return what starting an app-server from a binary raises."""
    with pytest.raises(CodexMCPError) as caught:
        async with AppServer.launch(launch_options(home, codex=codex)):
            pytest.fail("the block must not run")
    await until(lambda: not processes_of(home), "every process is gone")
    return caught.value


# The first run on a machine downloads the build.
@pytest.mark.timeout(240)
async def test_a_build_that_is_too_old_is_refused_with_the_remedy(codex_home: Path) -> None:
    codex = codex_build(TOO_OLD)
    error = await failure(codex_home, codex)
    assert isinstance(error, CodexBinaryError)
    assert f"{codex} is Codex {TOO_OLD}, and 0.153.4 is the oldest supported" in str(error)
    assert "unset CODEX_BIN" in str(error)
    assert package_version(codex) == TOO_OLD


async def test_a_file_that_is_not_executable_is_refused(codex_home: Path, tmp_path: Path) -> None:
    codex = program(tmp_path, "exit 0")
    codex.chmod(0o644)
    error = await failure(codex_home, codex)
    assert isinstance(error, CodexBinaryError)
    assert f"cannot start {codex}: Permission denied" in str(error)


async def test_a_program_that_exits_at_once_is_reported_with_its_words(
    codex_home: Path, tmp_path: Path
) -> None:
    codex = program(tmp_path, "echo 'libssl.so.3: cannot open shared object' >&2; exit 127")
    error = await failure(codex_home, codex)
    assert isinstance(error, AppServerClosedError)
    assert error.reason.startswith(
        f"{codex} did not start as an app-server: `codex app-server` ended: codex exited with "
        "code 127; name a working Codex in CODEX_BIN"
    )
    assert error.stderr_tail == "libssl.so.3: cannot open shared object"


async def test_a_program_that_never_answers_is_given_up(
    codex_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time for a shell to start and say something, whoever else is at work.
    monkeypatch.setattr(client, "HANDSHAKE_TIMEOUT_S", 2.0)
    codex = program(tmp_path, "echo waiting for a debugger >&2; cat >/dev/null")
    error = await failure(codex_home, codex)
    assert isinstance(error, AppServerClosedError)
    assert f"{codex} did not answer as an app-server within 2 s" in error.reason
    assert error.stderr_tail == "waiting for a debugger"


async def test_a_program_that_closes_its_stdout_is_reported_at_once(
    codex_home: Path, tmp_path: Path
) -> None:
    codex = program(tmp_path, "echo going dark >&2; exec cat >/dev/null")
    error = await failure(codex_home, codex)
    assert isinstance(error, AppServerClosedError)
    assert "did not start as an app-server: the app-server closed the connection" in error.reason
    assert error.stderr_tail == "going dark"


async def test_a_program_that_answers_nonsense_and_stays_is_given_up_in_time(
    codex_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HANDSHAKE_TIMEOUT_S", 0.2)
    codex = program(tmp_path, "trap '' TERM; echo Welcome; while :; do sleep 1; done")
    async with asyncio.timeout(BOUND_S):
        error = await failure(codex_home, codex)
    assert "did not answer" in str(error)


async def test_a_codex_that_refuses_its_settings_is_reported_with_its_words(
    codex_home: Path,
) -> None:
    options = launch_options(codex_home)
    broken = LaunchOptions(
        codex=options.codex, env=options.env, overrides=["sandbox_mode=[[[", "=", "x"]
    )
    with pytest.raises(AppServerClosedError) as caught:
        async with AppServer.launch(broken):
            pytest.fail("the block must not run")
    assert caught.value.reason.startswith("Codex did not start: ")
    assert "CODEX_BIN" not in caught.value.reason


async def test_a_feature_that_codex_does_not_know_is_named(codex_home: Path) -> None:
    options = launch_options(codex_home)
    broken = LaunchOptions(options.codex, options.env, flags=["--enable=nonsense"])
    with pytest.raises(AppServerClosedError, match="leave --enable or --disable nonsense out"):
        async with AppServer.launch(broken):
            pytest.fail("the block must not run")


@pytest.mark.parametrize(
    ("disk", "fault"),
    [("read-only", "Read-only file system"), ("full", "No space left on device")],
)
async def test_a_home_that_codex_cannot_write_to_is_named(
    codex_home: Path, disk: str, fault: str
) -> None:
    own_mounts = ("unshare", "--user", "--map-root-user", "--mount")
    program = (sys.executable, "-m", "tests.support.unwritable_home", disk, str(codex_home))
    ended = await run_to_end([*own_mounts, *program], dict(os.environ), bound_s=BOUND_S)
    assert ended.code == 0, ended
    assert f"Codex cannot write to its home {codex_home}: {fault}; make it" in ended.out
    assert "CODEX_BIN" not in ended.out


def test_the_bundled_binary_is_found_with_its_version() -> None:
    codex = find_codex(None)
    assert codex == pinned_codex()
    assert package_version(codex) == "0.163.0"


def test_a_binary_without_a_package_has_no_package_version(tmp_path: Path) -> None:
    assert package_version(program(tmp_path, "exit 0")) is None


def test_a_named_binary_must_exist_and_be_executable(tmp_path: Path) -> None:
    with pytest.raises(CodexBinaryError, match="there is no such file"):
        find_codex(str(tmp_path / "missing"))
    with pytest.raises(CodexBinaryError, match="there is no such file"):
        find_codex(str(tmp_path))
    codex = program(tmp_path, "exit 0")
    codex.chmod(0o644)
    with pytest.raises(CodexBinaryError, match="chmod"):
        find_codex(str(codex))
    codex.chmod(0o755)
    assert find_codex(str(codex)) == codex


def test_a_bare_name_is_looked_for_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CodexBinaryError, match="no such program on PATH"):
        find_codex("codex")
    assert find_codex(str(program(tmp_path, "exit 0"))) == find_codex("codex")
