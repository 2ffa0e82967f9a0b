from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from codexmcp.home.profiles.exec_run import ExecOutcome, read_end
from codexmcp.home.profiles.expectation import (
    Expectation,
    expectation,
    quiet_settings,
    stand_in_settings,
    stand_in_variables,
)
from codexmcp.home.profiles.files import layered
from codexmcp.home.profiles.verdict import judge

ORIGIN = "http://127.0.0.1:4000"
SETTINGS = tomllib.loads("""
model = "m"
model_provider = "a.b"
notify = ["beep"]
[model_providers."a.b"]
base_url = "https://host/api/v1/"
env_key = "A_KEY"
http_headers = {X-Plain = "p"}
env_http_headers = {X-Team = "TEAM"}
query_params = {api-version = "2"}
[mcp_servers."s.1"]
command = "x"
""")
FINE = ExecOutcome("OK", None)


@dataclass(frozen=True)
class Request:
    path: str = "/api/v1/responses"
    query: str = "api-version=2"
    model: str = "m"
    headers: Mapping[str, str] = field(
        default_factory=lambda: {
            "authorization": "Bearer codexmcp-stand-in-A_KEY",
            "x-plain": "p",
            "x-team": "codexmcp-stand-in-TEAM",
        }
    )


def without(name: str) -> dict[str, str]:
    return {header: value for header, value in Request().headers.items() if header != name}


def test_what_a_provider_says_is_expected() -> None:
    assert expectation(SETTINGS) == Expectation(
        provider="a.b",
        model="m",
        base_url="https://host/api/v1/",
        key_variable="A_KEY",
        headers={"x-plain": "p"},
        variable_headers={"x-team": "TEAM"},
        query={"api-version": "2"},
    )


def test_a_check_sends_codex_elsewhere_with_canaries_and_starts_nothing() -> None:
    expected = expectation(SETTINGS)
    settings = tomllib.loads("\n".join(stand_in_settings(SETTINGS, expected, ORIGIN)))
    assert settings["model_providers"]["a.b"]["base_url"] == f"{ORIGIN}/api/v1"
    assert settings["notify"] == []
    assert settings["mcp_servers"] == {"s.1": {"enabled": False}}
    assert stand_in_variables(expected, ORIGIN) == {
        "A_KEY": "codexmcp-stand-in-A_KEY",
        "TEAM": "codexmcp-stand-in-TEAM",
    }


def test_codex_s_own_providers_are_sent_elsewhere_in_their_own_way() -> None:
    openai = expectation({})
    assert f'openai_base_url="{ORIGIN}/v1"' in stand_in_settings({}, openai, ORIGIN)
    assert set(stand_in_variables(openai, ORIGIN)) == {"CODEX_API_KEY"}
    ollama = expectation({"model_provider": "ollama"})
    assert stand_in_settings({}, ollama, ORIGIN) == quiet_settings({})
    assert stand_in_variables(ollama, ORIGIN) == {"CODEX_OSS_BASE_URL": f"{ORIGIN}/v1"}


def test_a_request_as_the_profile_says_is_fine() -> None:
    verdict = judge("p", expectation(SETTINGS), [Request()], FINE)
    assert verdict.is_ok
    assert (verdict.model, verdict.url) == ("m", "https://host/api/v1/responses")
    assert verdict.key == "A_KEY as a bearer token"


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (Request(model="n"), "the model was n, not m"),
        (Request(path="/v1/responses"), "the path was /v1/responses, not /api/v1/responses"),
        (Request(query=""), "the URL's parameters were"),
        (Request(headers=without("authorization")), "the header authorization was not sent"),
        (Request(headers=without("x-team")), "the header x-team was not sent"),
        (
            Request(headers={**Request().headers, "authorization": "Bearer codexmcp-stand-in-B"}),
            "the header authorization had another value",
        ),
    ],
)
def test_each_difference_is_a_fault(sent: Request, fault: str) -> None:
    (found,) = judge("p", expectation(SETTINGS), [sent], FINE).faults
    assert fault in found


def test_a_key_that_nothing_asks_for_is_a_fault() -> None:
    expected = replace(expectation(SETTINGS), key_variable=None)
    (fault,) = judge("p", expected, [Request()], FINE).faults
    assert "unexpected header authorization" in fault


def test_a_key_in_a_file_is_a_fault() -> None:
    provider = {"base_url": "https://h/v1", "experimental_bearer_token": "x"}
    settings = {"model_provider": "p", "model_providers": {"p": provider}}
    sent = Request(path="/v1/responses", query="", headers={"authorization": "Bearer x"})
    (fault,) = judge("p", expectation(settings), [sent], FINE).faults
    assert "model_providers.p.experimental_bearer_token holds a key" in fault


def test_a_codex_that_sends_nothing_is_a_fault_with_its_reason() -> None:
    (fault,) = judge("p", expectation(SETTINGS), [], ExecOutcome(None, "it is broken")).faults
    assert fault == "Codex sent nothing: it is broken"


def test_settings_of_a_profile_lie_on_top_table_by_table() -> None:
    assert layered({"a": 1, "t": {"x": 1, "y": 1}}, {"t": {"y": 2}, "b": 3}) == {
        "a": 1,
        "b": 3,
        "t": {"x": 1, "y": 2},
    }


def test_only_a_completed_turn_is_an_end_without_trouble() -> None:
    item = {"type": "item.completed", "item": {"type": "agent_message", "text": "OK"}}
    warning = {"type": "item.completed", "item": {"type": "error", "message": "careful"}}
    done = {"type": "turn.completed"}
    assert read_end(lines(warning, item, done), "") == ExecOutcome("OK", None, ("careful",))
    failed = {"type": "turn.failed", "error": {"message": "no key"}}
    assert read_end(lines(failed), "").trouble == "no key"
    assert read_end("no JSON\n[]\n", "").trouble == "Codex ended without a message"
    said = read_end("", "Reading additional input from stdin...\nError: bad\n  line 3")
    assert said.trouble == "Error: bad line 3"


def lines(*events: object) -> str:
    return "".join(f"{json.dumps(event)}\n" for event in events)
