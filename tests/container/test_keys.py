"""Where the key goes in a container, and what keys and logins can be wrong with.

The model listens on this machine's loopback, which the container shares here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codexmcp.testing import HTTPError, Role, ScriptedModel, ShellCall, Text, unreachable_base_url
from tests.support.containers import KEY, SANDBOXED, USER, Engine

HOST = "--network=host"
LOOK = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'"


def authorizations(model: ScriptedModel) -> set[str]:
    return {request.headers.get("authorization", "") for request in model.requests}


async def seen_by_commands(engine: Engine, command: str, **variables: str) -> str:
    """Return what a command prints that a model had Codex run, and check that the key arrived."""
    async with ScriptedModel([ShellCall(command), Text("done")], None) as model:
        env = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": KEY, **variables}
        ran = await engine.run("go on", flags=[HOST], env=env)
        assert ran.code == 0, ran.err
        assert authorizations(model) == {f"Bearer {KEY}"}
        assert KEY not in ran.out + ran.err
        return json.dumps(model.requests[-2].body)


@pytest.mark.parametrize("auth", ["login", "proxy"])
async def test_no_process_has_the_key_in_its_environment_or_arguments(
    engine: Engine, auth: str
) -> None:
    seen = await seen_by_commands(engine, LOOK, CODEXMCP_AUTH=auth)
    assert "CODEX_HOME=/app/.codex" in seen
    assert KEY not in seen


async def test_with_the_proxy_the_key_is_on_no_disk(engine: Engine) -> None:
    look = f"echo looked; grep -rls {KEY[:12]} /app /home /tmp /var/tmp /run; true"
    assert "looked" in await seen_by_commands(engine, look, CODEXMCP_AUTH="proxy")
    assert "/app/.codex/auth.json" not in await seen_by_commands(
        engine, look, CODEXMCP_AUTH="proxy"
    )


async def test_a_login_is_readable_for_its_user_alone(engine: Engine) -> None:
    seen = await seen_by_commands(engine, "stat -c %a:%u /app/.codex/auth.json")
    assert f"600:{USER}" in seen


@pytest.mark.parametrize("raw", [f'"{KEY}"', f"'{KEY}'", f"{KEY}\r", f" {KEY}\n"])
async def test_what_a_key_brings_along_is_taken_off(engine: Engine, raw: str) -> None:
    assert KEY not in await seen_by_commands(engine, LOOK, OPENAI_API_KEY=raw)


async def test_a_key_may_come_in_a_file(engine: Engine, folder: Path) -> None:
    secret = folder / "openai"
    secret.write_text(f"{KEY}\n")
    secret.chmod(0o644)
    async with ScriptedModel([Text("done")], None) as model:
        ran = await engine.run(
            "go on",
            flags=[HOST, f"--volume={secret}:/run/secrets/openai:ro"],
            env={"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY_FILE": "/run/secrets/openai"},
        )
        assert ran.code == 0, ran.err
        assert authorizations(model) == {f"Bearer {KEY}"}


async def test_sandboxed_commands_can_read_neither_the_key_file_nor_the_login(
    engine: Engine, folder: Path
) -> None:
    secret = folder / "openai"
    secret.write_text(KEY)
    secret.chmod(0o644)
    look = "cat /run/secrets/openai /app/.codex/auth.json; echo looked"
    async with ScriptedModel([ShellCall(look), Text("done")], None) as model:
        env = {
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY_FILE": "/run/secrets/openai",
            "CODEX_SANDBOX_MODE": "workspace-write",
        }
        mounted = f"--volume={secret}:/run/secrets/openai:ro"
        ran = await engine.run("go on", flags=[HOST, mounted, *SANDBOXED], env=env)
        assert ran.code == 0, ran.err
        seen = json.dumps(model.requests[-2].body)
    assert "looked" in seen
    assert seen.count("Permission denied") == 2
    assert KEY not in seen


async def test_a_key_file_that_cannot_be_read_is_named(engine: Engine, folder: Path) -> None:
    secret = folder / "openai"
    secret.write_text(KEY)
    secret.chmod(0)
    for path in ("/run/secrets/openai", "/nowhere"):
        flags = [f"--volume={secret}:/run/secrets/openai:ro"]
        ran = await engine.run("go on", flags=flags, env={"OPENAI_API_KEY_FILE": path})
        assert ran.code == 78
        assert f"cannot read the key from OPENAI_API_KEY_FILE {path}" in ran.err


async def test_a_key_file_without_an_end_is_refused(engine: Engine) -> None:
    ran = await engine.run("go on", env={"OPENAI_API_KEY_FILE": "/dev/zero"})
    assert ran.code == 78
    assert "OPENAI_API_KEY_FILE /dev/zero holds no key" in ran.err


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({}, "there is no key for the model: pass -e OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": '""'}, "there is no key for the model"),
        ({"OPENAI_API_KEY": "sk-a\nsk-b"}, "OPENAI_API_KEY holds characters that no key has"),
        ({"OPENAI_API_KEY": KEY, "CODEXMCP_AUTH": "no"}, "it must be login or proxy"),
        ({"OPENAI_API_KEY": KEY, "CODEX_BIN": "false"}, "codex login failed"),
    ],
)
async def test_what_is_wrong_with_a_key_is_told_before_anything_runs(
    engine: Engine, env: dict[str, str], message: str
) -> None:
    ran = await engine.run("go on", env=env)
    assert ran.code == 78
    assert message in ran.err
    assert "sk-a" not in ran.err
    assert KEY not in ran.err


async def test_a_key_that_is_refused_is_told_and_not_shown(engine: Engine) -> None:
    refusal = HTTPError(401, "Incorrect API key provided", code="invalid_api_key")
    async with ScriptedModel([refusal], [refusal]) as model:
        ran = await engine.run(
            "go on", flags=[HOST], env={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.base_url}
        )
    assert ran.code == 78
    assert f"{model.base_url} refused the key" in ran.err
    assert KEY not in ran.out + ran.err


async def test_an_endpoint_out_of_reach_ends_in_time(engine: Engine) -> None:
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": unreachable_base_url()}
    ran = await engine.run("--timeout", "20", "go on", flags=["--network=none"], env=env)
    assert ran.code in {1, 124}
    assert "error: " in ran.err


async def test_a_mounted_chatgpt_login_is_not_replaced(engine: Engine, folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    login = json.dumps({"OPENAI_API_KEY": None, "tokens": {"refresh_token": "r"}})
    (home / "auth.json").write_text(login)
    (home / "auth.json").chmod(0o666)
    flags = [f"--volume={home}:/app/.codex"]
    ran = await engine.run("doctor", "--no-call", flags=flags, env={"OPENAI_API_KEY": KEY})
    assert "the login with a ChatGPT account in /app/.codex/auth.json" in ran.out
    assert (home / "auth.json").read_text() == login
    assert not (home / "config.toml").exists()


async def test_codex_itself_uses_the_login(engine: Engine) -> None:
    async with ScriptedModel([Text("answered")]) as model:
        ran = await engine.run(
            *(
                "codex",
                "exec",
                "--skip-git-repo-check",
                "-c",
                f'openai_base_url="{model.base_url}"',
            ),
            "go on",
            flags=[HOST],
            env={"OPENAI_API_KEY": KEY},
        )
        assert "answered" in ran.out, ran.err
        assert authorizations(model) == {f"Bearer {KEY}"}
        assert all(request.role is Role.CODEX for request in model.requests)
