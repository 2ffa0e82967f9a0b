"""`codexmcp profiles` with the real Codex: what it writes is what Codex then works by."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from codexmcp.home.profiles.check import Checker, StandIn
from codexmcp.home.profiles.fragments import FRAGMENTS
from codexmcp.testing import HTTPError, ScriptedModel, Surface, Text, unreachable_base_url
from tests.support.builds import codex_build, pinned_codex
from tests.support.commands import codexmcp
from tests.support.real_app_server import environment

ROLES = ("planner", "tools", "agentic", "cheap")

PROVIDER = """\
model = "m"
model_provider = "mine"
[model_providers.mine]
name = "Mine"
base_url = "https://nowhere.invalid/openai"
env_key = "MINE_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


def write(home: Path, name: str, text: str) -> None:
    (home / f"{name}.config.toml").write_text(text)


def backups(home: Path) -> list[Path]:
    return list(home.glob("*.bak-*"))


def files(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()}


async def test_the_four_profiles_are_added_and_codex_works_by_them(codex_home: Path) -> None:
    added = await codexmcp(codex_home, "profiles", "add", *ROLES)
    assert added.code == 0
    before = files(codex_home)
    checked = await codexmcp(codex_home, "profiles", "check", "--json", OPENROUTER_API_KEY="real")
    assert checked.code == 0
    assert {each["profile"]: (each["ok"], each["model"], each["url"]) for each in checked.json} == {
        "planner": (True, "deepseek/deepseek-v4-flash", "https://openrouter.ai/api/v1/responses"),
        "tools": (True, "qwen/qwen3-coder", "https://openrouter.ai/api/v1/responses"),
        "agentic": (True, "moonshotai/kimi-k2.5", "https://openrouter.ai/api/v1/responses"),
        "cheap": (True, "qwen/qwen3-coder:free", "https://openrouter.ai/api/v1/responses"),
    }
    # Nothing of the trial stays in the home, and nothing of the key in a file.
    assert (
        files(codex_home)
        == before
        == {f"{role}.config.toml" for role in ROLES} | {".codexmcp.lock"}
    )


async def test_every_ready_profile_is_taken_by_codex(codex_home: Path) -> None:
    for name in FRAGMENTS:
        choices = ("--model", "m", "--base-url", "https://nowhere.invalid/v1")
        assert (await codexmcp(codex_home, "profiles", "add", name, *choices)).code == 0
    checked = await codexmcp(codex_home, "profiles", "check", "--json")
    assert {each["profile"]: each["faults"] for each in checked.json} == {
        name: [] for name in FRAGMENTS
    }
    # An unset variable is told: nothing else would be, before the first prompt.
    assert all(
        any("is not set here" in note for note in each["notes"])
        for each in checked.json
        if each["key"] != "none"
    )


@pytest.mark.parametrize("version", ["0.163.0", "0.153.4"])
async def test_a_profile_for_openrouter_offers_the_model_functions_only(
    codex_home: Path, version: str
) -> None:
    codex = pinned_codex() if version == "0.163.0" else codex_build(version)
    await codexmcp(codex_home, "profiles", "add", "planner")
    async with ScriptedModel([Text("OK")], surface=Surface.PLAIN) as model:
        checker = Checker(codex_home, codex, environment(codex_home))
        origin = model.base_url.removesuffix("/v1")
        verdict = await checker.check("planner", StandIn(origin, lambda: model.requests))
        (request,) = model.requests
    assert verdict.is_ok, verdict
    tools: list[dict[str, Any]] = request.body["tools"]
    # OpenRouter refuses a request with a tool of another type.
    assert {tool["type"] for tool in tools} == {"function"}


async def test_path_and_parameters_and_headers_of_an_endpoint_are_checked(codex_home: Path) -> None:
    more = 'query_params = {api-version = "2026-01-01"}\nenv_http_headers = {X-Team = "TEAM"}\n'
    write(codex_home, "mine", PROVIDER + more)
    checked = await codexmcp(codex_home, "profiles", "check", "mine", "--json")
    assert (checked.code, checked.json[0]["faults"]) == (0, [])
    assert checked.json[0]["url"] == "https://nowhere.invalid/openai/responses"


async def test_an_mcp_server_and_a_notifier_of_the_home_are_not_started(codex_home: Path) -> None:
    mark = codex_home / "started"
    command = f'command = "touch"\nargs = ["{mark}"]\n'
    (codex_home / "config.toml").write_text(
        f'notify = ["touch", "{mark}"]\n[mcp_servers."a.b"]\n{command}'
    )
    write(codex_home, "mine", PROVIDER)
    assert (await codexmcp(codex_home, "profiles", "check")).code == 0
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PROVIDER.replace('"responses"', '"chat"'), '`wire_api = "chat"` is no longer supported'),
        ('approval_policy = "untrusted"\n' + PROVIDER, "no longer supported"),
        (PROVIDER.replace('name = "Mine"\n', ""), "provider name must not be empty"),
        ('model_provider = "gone"\n', "no settings name the provider gone"),
        (PROVIDER.replace("env_key", "experimental_bearer_token"), "holds a key"),
    ],
)
async def test_what_keeps_codex_from_working_is_told(
    codex_home: Path, text: str, words: str
) -> None:
    write(codex_home, "broken", text)
    checked = await codexmcp(codex_home, "profiles", "check")
    assert checked.code == 1
    assert words in checked.out
    assert "codexmcp-" not in checked.out  # no path of the home beside


async def test_a_setting_that_codex_passes_over_is_a_note(codex_home: Path) -> None:
    write(codex_home, "typo", f"modell_verbosity = 'low'\n{PROVIDER}")
    (verdict,) = (await codexmcp(codex_home, "profiles", "check", "--json")).json
    assert verdict["ok"]
    assert any(
        "unknown configuration field `modell_verbosity`" in note for note in verdict["notes"]
    )


async def test_broken_toml_is_an_error_with_file_and_line(codex_home: Path) -> None:
    write(codex_home, "broken", "model = 'm'\nx =\n")
    checked = await codexmcp(codex_home, "profiles", "check")
    assert checked.code == 78
    assert str(codex_home / "broken.config.toml") in checked.err
    assert "line 2" in checked.err


async def test_a_missing_profile_is_an_error_though_codex_ignores_it(codex_home: Path) -> None:
    checked = await codexmcp(codex_home, "profiles", "check", "planer")
    assert checked.code == 78
    assert "silently ignores a missing profile" in checked.err


async def test_a_live_check_calls_the_endpoint_with_the_key_and_warns_of_the_cost(
    codex_home: Path,
) -> None:
    async with ScriptedModel([Text("OK")], surface=Surface.PLAIN) as model:
        write(
            codex_home, "mine", PROVIDER.replace("https://nowhere.invalid/openai", model.base_url)
        )
        words = ("profiles", "check", "mine", "--live")
        checked = await codexmcp(codex_home, *words, MINE_KEY="real-key")
        (request,) = model.requests
    assert checked.code == 0
    assert "the real endpoint of mine with" in checked.err
    assert "costs money" in checked.err
    assert "the model said: OK" in checked.out
    assert request.headers["authorization"] == "Bearer real-key"


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "MINE_KEY"])
async def test_a_live_check_tells_why_an_endpoint_refuses(codex_home: Path, variable: str) -> None:
    async with ScriptedModel([HTTPError(401, "wrong key")], surface=Surface.PLAIN) as model:
        text = PROVIDER.replace("https://nowhere.invalid/openai", model.base_url)
        write(codex_home, "mine", text.replace("MINE_KEY", variable))
        checked = await codexmcp(codex_home, "profiles", "check", "--live", **{variable: "k"})
        (request,) = model.requests
    assert checked.code == 1
    assert "401 Unauthorized: wrong key" in checked.out
    assert request.headers["authorization"] == "Bearer k"


async def test_a_live_check_of_an_endpoint_that_is_not_there_ends(codex_home: Path) -> None:
    url = unreachable_base_url()
    write(codex_home, "mine", PROVIDER.replace("https://nowhere.invalid/openai", url))
    checked = await codexmcp(codex_home, "profiles", "check", "--live", MINE_KEY="k")
    assert (checked.code, "wrong:" in checked.out) == (1, True)


async def test_profiles_of_old_become_files_by_which_codex_works(codex_home: Path) -> None:
    old = f'profile = "mine"\n\n[profiles.mine]\n# quick\nmodel = "m2"\n\n{PROVIDER}'
    old = old.replace('model = "m"\nmodel_provider = "mine"\n', "").replace(
        'model = "m2"', 'model = "m2"\nmodel_provider = "mine"'
    )
    (codex_home / "config.toml").write_text(old)
    shown = await codexmcp(codex_home, "profiles", "migrate", "--dry-run")
    assert (shown.code, files(codex_home)) == (0, {"config.toml"})
    assert '-profile = "mine"' in shown.out
    assert "+# quick" in shown.out

    moved = await codexmcp(codex_home, "profiles", "migrate")
    assert moved.code == 0
    assert "codex --profile mine" in moved.err
    (backup,) = backups(codex_home)
    assert backup.read_text() == old

    checked = await codexmcp(codex_home, "profiles", "check", "--json")
    assert (checked.code, checked.json[0]["model"]) == (0, "m2")
    again = await codexmcp(codex_home, "profiles", "migrate")
    assert (again.code, len(backups(codex_home))) == (0, 1)


async def test_a_profile_that_cannot_be_moved_does_not_keep_codex_from_the_others(
    codex_home: Path,
) -> None:
    tables = '[profiles.mine]\nmodel = "m2"\nmodel_provider = "mine"\n\n[profiles."a b"]\nx = 1\n'
    provider = PROVIDER.replace('model = "m"\nmodel_provider = "mine"\n', "")
    (codex_home / "config.toml").write_text(tables + provider)
    moved = await codexmcp(codex_home, "profiles", "migrate", "--json")
    assert (moved.code, moved.json["profiles"]) == (1, ["mine"])
    assert "not moved: " in moved.err
    assert f"{codex_home / 'config.toml'}, line 5: invalid profile name 'a b'" in moved.err
    # Codex works with the file although the odd table is still in config.toml.
    checked = await codexmcp(codex_home, "profiles", "check", "--json")
    assert (checked.code, checked.json[0]["model"]) == (0, "m2")


async def test_two_commands_at_once_both_get_done(codex_home: Path) -> None:
    one, two = ROLES[:2], ROLES[1:]
    ended = await asyncio.gather(
        *(codexmcp(codex_home, "profiles", "add", *names) for names in (one, two, one, two))
    )
    assert [ran.code for ran in ended] == [0] * 4
    assert files(codex_home) == {f"{role}.config.toml" for role in ROLES} | {".codexmcp.lock"}


async def test_profiles_are_listed_shown_and_removed(codex_home: Path) -> None:
    await codexmcp(codex_home, "profiles", "add", "planner", "--as", "thinker")
    listed = (await codexmcp(codex_home, "profiles", "list", "--json")).json
    assert [each["name"] for each in listed["profiles"]] == ["thinker"]
    assert {each["name"] for each in listed["ready"]} == set(FRAGMENTS)
    shown = await codexmcp(codex_home, "profiles", "show", "thinker")
    assert 'model = "deepseek/deepseek-v4-flash"' in shown.out
    assert (await codexmcp(codex_home, "profiles", "remove", "thinker")).code == 0
    assert not (codex_home / "thinker.config.toml").exists()
    gone = await codexmcp(codex_home, "profiles", "show", "thinker")
    assert (gone.code, "there is no thinker.config.toml" in gone.err) == (78, True)
