"""The probable profile of a request.

Source: rollouts do not name the profile (0.136.0 to 0.169.0). They name the model and its provider,
the two settings of a profile, so often only a single profile is possible.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.home.profiles.files import PROFILE_SUFFIX, profile_names
from codexmcp.jsonvalues import text_of

DEFAULT_PROVIDER = "openai"
"""Source: Codex's provider without a provider in the configuration."""

NO_PROFILE = "(none)"


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of a home, by provider and model.

    Attributes:
        names: Profiles by provider and model; includes `(none)` for the configuration without a
            profile.
        broken: Unreadable files.
    """

    names: Mapping[tuple[str, str], tuple[str, ...]]
    broken: tuple[str, ...] = ()

    def of(self, provider: str, model: str) -> str:
        """Return the possible profiles, separated by ` | `."""
        return " | ".join(self.names.get((provider, model), (NO_PROFILE,)))


def read_profiles(home: Path) -> Profiles:
    """Return the profiles of a Codex home; empty if the home is missing."""
    broken: list[str] = []

    def read(path: Path) -> dict[str, Any]:
        try:
            return tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            broken.append(str(path))
            return {}

    config = read(home / "config.toml")
    layers = {name: read(home / f"{name}{PROFILE_SUFFIX}") for name in profile_names(home)}
    return Profiles(names_by_choice(config, layers), tuple(broken))


def names_by_choice(
    config: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the profiles by provider and model.

    Args:
        config: The decoded `config.toml`.
        layers: The decoded profiles by name, applied on top of it.
    """
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    bare: Mapping[str, Any] = {}
    for name, layer in {NO_PROFILE: bare, **layers}.items():
        both = {**config, **layer}
        model = text_of(both.get("model"))
        if model:
            choice = (text_of(both.get("model_provider")) or DEFAULT_PROVIDER, model)
            names[choice] = (*names.get(choice, ()), name)
    return names
