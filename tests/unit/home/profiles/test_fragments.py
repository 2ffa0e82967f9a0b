from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from codexmcp.errors import UsageError
from codexmcp.home.profiles.expectation import expectation
from codexmcp.home.profiles.fragments import (
    FRAGMENTS,
    ProfileChoices,
    fragment_text,
    rendered,
    summary,
)
from codexmcp.runs.audit.secret_shapes import SHAPES

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"
RESERVED = {"openai", "ollama", "lmstudio", "amazon-bedrock"}
ANY = ProfileChoices(model="m", base_url="https://host/v1")


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_ready_profile_names_a_provider_that_codex_takes(name: str) -> None:
    settings = tomllib.loads(rendered(name, ANY))
    provider = settings["model_providers"][settings["model_provider"]]
    # Source: Codex refuses a provider without a name, and its own names for others.
    assert provider["name"]
    assert provider["wire_api"] == "responses"
    assert settings["model_provider"] not in RESERVED
    assert summary(fragment_text(name)).endswith((".", ")"))


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("planner", "deepseek/deepseek-v4-flash"),
        ("tools", "qwen/qwen3-coder"),
        ("agentic", "moonshotai/kimi-k2.5"),
        ("cheap", "qwen/qwen3-coder:free"),
    ],
)
def test_the_profiles_for_roles_need_nothing_but_a_key(name: str, model: str) -> None:
    expected = expectation(tomllib.loads(rendered(name, ProfileChoices())))
    assert (expected.model, expected.key_variable) == (model, "OPENROUTER_API_KEY")
    assert expected.base_url == "https://openrouter.ai/api/v1"


@pytest.mark.parametrize("name", ["azure", "mistral", "groq", "ollama", "lmstudio", "vllm"])
def test_a_profile_for_a_provider_wants_a_model(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} needs a model"):
        rendered(name, ProfileChoices())


def test_azure_wants_an_endpoint() -> None:
    with pytest.raises(UsageError, match="azure needs your endpoint"):
        rendered("azure", ProfileChoices(model="m"))


def test_what_is_chosen_is_put_in_and_comments_stay() -> None:
    text = rendered("vllm", ProfileChoices("m/x", "http://10.0.0.1:8000/v1/", "VLLM_KEY"))
    expected = expectation(tomllib.loads(text))
    assert (expected.model, expected.base_url) == ("m/x", "http://10.0.0.1:8000/v1")
    assert expected.key_variable == "VLLM_KEY"
    assert text.startswith("# vLLM on this machine.\n")


@pytest.mark.parametrize(
    "choices",
    [
        ProfileChoices(model=KEY),
        ProfileChoices(model="m", env_key=KEY),
        ProfileChoices(model="m", env_key="two words"),
        ProfileChoices(model="m", base_url=f"https://user:{KEY}@host/v1"),
        ProfileChoices(model="m", base_url=f"https://host/v1?api_key={KEY}"),
    ],
)
def test_a_key_is_refused_and_not_repeated(choices: ProfileChoices) -> None:
    with pytest.raises(UsageError) as refusal:
        rendered("vllm", choices, SHAPES)
    assert KEY not in str(refusal.value)


@pytest.mark.parametrize("url", ["host/v1", "ftp://host", "http://", "http://h:x/", "http://a b/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not a URL"):
        rendered("vllm", ProfileChoices(model="m", base_url=url))


def test_an_unknown_profile_is_an_error_that_names_the_known() -> None:
    with pytest.raises(UsageError, match="there are planner, tools"):
        fragment_text("plannner")


def test_every_file_of_a_ready_profile_is_known() -> None:
    import codexmcp.home.profiles as package  # noqa: PLC0415 - for its folder alone

    folder = Path(str(package.__file__)).parent / "fragments"
    assert {file.stem for file in folder.glob("*.toml")} == set(FRAGMENTS)
