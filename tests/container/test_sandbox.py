"""Codex's own sandbox in a container: found blocked, made to work, and what the profile denies."""

from __future__ import annotations

import json
import platform

import pytest

from tests.support.builds import CHECKOUT
from tests.support.containers import SANDBOXED, Engine

NR = {
    "acct": 163,
    "add_key": 248,
    "bpf": 321,
    "chroot": 161,
    "finit_module": 313,
    "fsopen": 430,
    "init_module": 175,
    "io_uring_setup": 425,
    "kcmp": 312,
    "kexec_load": 246,
    "keyctl": 250,
    "mount_setattr": 442,
    "move_mount": 429,
    "open_by_handle_at": 304,
    "open_tree": 428,
    "perf_event_open": 298,
    "pidfd_getfd": 438,
    "quotactl": 179,
    "reboot": 169,
    "setns": 308,
    "request_key": 249,
    "swapon": 167,
    "syslog": 103,
    "userfaultfd": 323,
}
"""Numbers of system calls on x86-64. Source: syscall_64.tbl of the kernel."""

PROBE = """
import ctypes, errno, json, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number):
    ctypes.set_errno(0)
    failed = libc.syscall(number, -1, 0, 0, 0, 0) < 0
    return errno.errorcode.get(ctypes.get_errno()) if failed else None
said = {name: call(number) for name, number in json.loads(sys.argv[1]).items()}
try:
    socket.socket(40, socket.SOCK_STREAM)
    said["vsock"] = None
except OSError as error:
    said["vsock"] = errno.errorcode.get(error.errno)
print(json.dumps(said))
"""


@pytest.mark.parametrize("mode", ["workspace-write", "read-only"])
async def test_a_blocked_sandbox_is_refused_with_both_remedies(engine: Engine, mode: str) -> None:
    if engine.is_podman:
        pytest.skip("podman's own profile does not block it")
    for choice in ({"CODEX_SANDBOX_MODE": mode}, {}):
        options = [] if choice else ["--sandbox", mode]
        ran = await engine.run("--rehearse", *options, "run `id`", env=choice)
        assert ran.code == 78
        assert f"Codex's sandbox ({mode}) is blocked in this container" in ran.err
        assert "--security-opt seccomp=scripts/seccomp.json" in ran.err
        assert "CODEX_SANDBOX_MODE=danger-full-access" in ran.err


@pytest.mark.parametrize("mode", ['"danger-full-access"', "'danger-full-access'\r"])
async def test_quotes_around_the_mode_are_taken_off(engine: Engine, mode: str) -> None:
    ran = await engine.run("--rehearse", "run `id`", env={"CODEX_SANDBOX_MODE": mode})
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("arguments", [["go on"], ["newway", "go on"], ["serve"], ["mcp-server"]])
async def test_a_mistyped_mode_is_not_taken_for_a_blocked_sandbox(
    engine: Engine, arguments: list[str]
) -> None:
    env = {"CODEX_SANDBOX_MODE": "workspace_write", "OPENAI_API_KEY": "sk-test"}
    ran = await engine.run(*arguments, env=env)
    assert ran.code == 78
    assert "CODEX_SANDBOX_MODE is `workspace_write`; it must be one of read-only" in ran.err
    assert "blocked" not in ran.err


async def test_a_mistyped_option_is_told_by_the_program(engine: Engine) -> None:
    ran = await engine.run("--sandbox", "workspace_write", "--rehearse", "run `id`")
    assert ran.code == 2
    assert "argument --sandbox: invalid choice: 'workspace_write'" in ran.err


async def test_a_broken_configuration_is_not_taken_for_a_blocked_sandbox(engine: Engine) -> None:
    ran = await engine.run(
        "run `id`",
        flags=["--tmpfs=/app/.codex/bin:exec,mode=1777"],
        env={"CODEX_SANDBOX_MODE": "read-only", "CODEX_BIN": "false"},
    )
    assert ran.code == 78
    assert "codex sandbox does not work" in ran.err


@pytest.mark.parametrize("user", ["10001:0", "4321:8765"])
async def test_with_our_profile_the_sandbox_works_in_a_hardened_container(
    engine: Engine, user: str
) -> None:
    hardened = ["--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only"]
    places = ["--tmpfs=/app/.codex", "--tmpfs=/app/output", "--tmpfs=/tmp"]
    ran = await engine.run(
        "--rehearse",
        "run `touch here && ! touch /app/.codex/there && echo kept`",
        flags=[*SANDBOXED, *hardened, *places, f"--user={user}"],
        env={"CODEX_SANDBOX_MODE": "workspace-write"},
    )
    assert ran.code == 0, ran.err
    assert "kept" in ran.out
    assert "Read-only file system" in ran.out


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64")
async def test_our_profile_denies_what_dockers_denies(engine: Engine) -> None:
    ran = await engine.run(
        "python", "-c", PROBE, json.dumps(NR), flags=[*SANDBOXED, "--cap-drop=ALL"]
    )
    said = json.loads(ran.out)
    assert said == dict.fromkeys([*NR, "vsock"], "EPERM")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64")
async def test_the_denial_comes_from_the_profile_and_not_from_missing_capabilities(
    engine: Engine,
) -> None:
    flags = ["--security-opt=seccomp=unconfined", "--cap-drop=ALL"]
    ran = await engine.run("python", "-c", PROBE, json.dumps(NR), flags=flags)
    said = json.loads(ran.out)
    assert said["keyctl"] != "EPERM"
    assert said["io_uring_setup"] != "EPERM"
    assert said["pidfd_getfd"] != "EPERM"


def test_the_profile_leaves_out_only_what_the_sandbox_needs() -> None:
    profile = json.loads((CHECKOUT / "scripts" / "seccomp.json").read_text())
    names = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert profile["defaultAction"] == "SCMP_ACT_ALLOW"
    assert {rule["action"] for rule in profile["syscalls"]} == {"SCMP_ACT_ERRNO"}
    assert not names & {"clone", "unshare", "mount", "umount2", "pivot_root"}
    assert set(NR) <= names
