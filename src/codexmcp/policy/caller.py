"""The caller of the run tools. A separate module, because every server imports it at startup."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codexmcp.data_classes import dataclass, field
from codexmcp.policy.policy import Policy
from codexmcp.run_settings import RunSettings


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of the run tools, with the settings for the caller's runs.

    Attributes:
        home: The Codex home.
        base_dir: Base of relative paths, and the default working directory of runs.
        policy: The fixed policy.
        settings: The run settings of the caller's environment.
        env: The environment of commands.
        idle_timeout_s: Bound on Codex's silence, in seconds. None: unbounded.
    """

    home: Path
    base_dir: Path
    policy: Policy = field(default_factory=Policy)
    settings: RunSettings = field(default_factory=RunSettings)
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    idle_timeout_s: float | None = None
