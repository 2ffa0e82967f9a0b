"""The profiles that come with us: whole files, with a model and an endpoint put in where asked.

Pure but for reading them. A key never stands in them, only the name of the variable that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import tomlkit

from codexmcp.errors import UsageError
from codexmcp.home.profiles.files import PROFILE_SUFFIX
from codexmcp.home.urls import check_url
from codexmcp.secret_like import Shape, holds_secret

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
class Choices:
    """What a user puts into a ready profile; None leaves what stands there.

    Attributes:
        model: The model.
        base_url: The endpoint.
        env_key: The name of the variable that holds the key.
    """

    model: str | None = None
    base_url: str | None = None
    env_key: str | None = None


def fragment_text(name: str) -> str:
    """Return the text of a ready profile as it comes.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in FRAGMENTS:
        raise UsageError(
            f"there is no ready profile {name!r}; there are {', '.join(FRAGMENTS)}. For your own, "
            f"write NAME{PROFILE_SUFFIX} into the Codex home"
        )
    return (files("codexmcp.home.profiles") / "fragments" / f"{name}.toml").read_text(
        encoding="utf-8"
    )


def summary(text: str) -> str:
    """Return what the first line of a ready profile says it is for."""
    return text.partition("\n")[0].removeprefix("# ")


def rendered(name: str, choices: Choices, shapes: Iterable[Shape] = ()) -> str:
    """Return the text of a ready profile with a user's choices in it.

    Args:
        name: The ready profile.
        choices: What to put into it.
        shapes: What secrets look like.

    Raises:
        UsageError: There is none of that name, a choice cannot be used, or one is missing.
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


def check_variable(option: str, name: str, shapes: Iterable[Shape] = ()) -> str:
    """Return the name of a variable if it is one.

    Raises:
        UsageError: It is none, or looks like a key; it is not repeated then.
    """
    if holds_secret(name, shapes) or not _VARIABLE.fullmatch(name):
        raise UsageError(
            f"{option} wants the name of a variable, such as OPENROUTER_API_KEY, and was given "
            "something else; keys stay in the environment and out of files"
        )
    return name


def _no_secret(option: str, value: str, shapes: Iterable[Shape]) -> str:
    if holds_secret(value, shapes):
        raise UsageError(
            f"{option} holds what looks like a key; keys stay in the environment and out of files: "
            "name the variable that holds it with --env-key"
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
