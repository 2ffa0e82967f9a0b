"""The built-in profiles: whole files with an optional model and endpoint.

Pure except for reading them. They hold no key, only the name of the key's variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import tomlkit

from codexmcp.data_classes import dataclass
from codexmcp.errors import UsageError
from codexmcp.home.profiles.files import PROFILE_SUFFIX
from codexmcp.home.urls import check_url
from codexmcp.secret_like import SecretPattern, holds_secret

FRAGMENTS = (
    "planner",
    "tools",
    "agentic",
    "cheap",
    "azure",
    "mistral",
    "groq",
    "ollama",
    "lmstudio",
    "vllm",
)

_NO_MODEL = "MODEL"
_NO_HOST = "RESOURCE"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ProfileChoices:
    """A user's choices for a built-in profile; None keeps the built-in value.

    Attributes:
        model: The model.
        base_url: The endpoint.
        env_key: The name of the key's variable.
    """

    model: str | None = None
    base_url: str | None = None
    env_key: str | None = None


def fragment_text(name: str) -> str:
    """Return the text of a built-in profile.

    Raises:
        UsageError: No such built-in profile.
    """
    if name not in FRAGMENTS:
        raise UsageError(
            f"no built-in profile {name!r}; there are {', '.join(FRAGMENTS)}. For your own, "
            f"write NAME{PROFILE_SUFFIX} into the Codex home"
        )
    return (files("codexmcp.home.profiles") / "fragments" / f"{name}.toml").read_text(
        encoding="utf-8"
    )


def summary(text: str) -> str:
    """Return the purpose of a built-in profile from its first line."""
    return text.partition("\n")[0].removeprefix("# ")


def rendered(name: str, choices: ProfileChoices, shapes: Iterable[SecretPattern] = ()) -> str:
    """Return the text of a built-in profile with a user's choices.

    Args:
        name: The built-in profile.
        choices: The values to insert.
        shapes: Patterns of secrets.

    Raises:
        UsageError: No such built-in profile, or a missing or unusable choice.
    """
    document: Any = tomlkit.parse(fragment_text(name))
    provider = document["model_providers"][document["model_provider"]]
    given = list(shapes)
    if choices.model is not None:
        document["model"] = _no_secret("--model", choices.model, given)
    if choices.base_url is not None:
        url = _no_secret("--base-url", check_url("--base-url", choices.base_url), given)
        provider["base_url"] = url.rstrip("/")
    if choices.env_key is not None:
        provider["env_key"] = check_variable("--env-key", choices.env_key, given)
    _refuse_gaps(name, str(document["model"]), str(provider["base_url"]))
    return tomlkit.dumps(document)


def check_variable(option: str, name: str, shapes: Iterable[SecretPattern] = ()) -> str:
    """Return the name of a variable if valid.

    Raises:
        UsageError: The name is not valid or resembles a key; the message does not repeat it.
    """
    if holds_secret(name, shapes) or not _VARIABLE.fullmatch(name):
        raise UsageError(
            f"{option} takes the name of a variable, such as OPENROUTER_API_KEY, and was given "
            "something else; keys stay in the environment and out of files"
        )
    return name


def _no_secret(option: str, value: str, shapes: Iterable[SecretPattern]) -> str:
    if holds_secret(value, shapes):
        raise UsageError(
            f"{option} contains a likely key; keys stay in the environment and out of files: "
            "name the key's variable with --env-key"
        )
    return value


def _refuse_gaps(name: str, model: str, base_url: str) -> None:
    if model == _NO_MODEL:
        raise UsageError(f"{name} needs a model: codexmcp profiles add {name} --model MODEL")
    if _NO_HOST in base_url:
        raise UsageError(
            f"{name} needs your endpoint: codexmcp profiles add {name} --model MODEL --base-url "
            f"{base_url}"
        )
