"""Callers of runs, with a policy."""

from __future__ import annotations

from typing import Any

from codexmcp.policy.caller import Caller
from codexmcp.policy.policy import Policy
from codexmcp.run_settings import RunSettings


def fixed(caller: Caller, settings: RunSettings | None = None, **policy: Any) -> Caller:
    """Return a caller with a fixed policy."""
    return Caller(
        home=caller.home,
        base_dir=caller.base_dir,
        policy=Policy(**policy),
        settings=settings or caller.settings,
    )
