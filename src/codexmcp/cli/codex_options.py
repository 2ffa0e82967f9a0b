"""The launch of Codex, from options, settings and the Codex home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.cli.options.parts import LaunchFlags
from codexmcp.codex import options
from codexmcp.codex.config import default_home
from codexmcp.codex.options import CodexOptions
from codexmcp.codex.resolution import CodexChoices, Resolution, resolve
from codexmcp.settings import Settings


def resolution(
    flags: LaunchFlags,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    profile: str | None = None,
    codex: Path | None = None,
) -> Resolution:
    """Return binary, home and credentials for Codex; see `resolve`.

    Args:
        flags: The options of Codex.
        settings: The settings.
        environ: The environment, without keys.
        profile: The profile of all tasks; None without a common profile.
        codex: The binary, when the caller knows it.

    Raises:
        ConfigurationError: The binary or the home cannot be used.
        ArgumentsError: There is no such profile.
    """
    endpoint = flags.model_endpoint
    home = settings.codex_home or default_home()
    settings_of_profile: Mapping[str, Any] = {}
    if profile is not None:
        from codexmcp.policy.extras import read_profile  # noqa: PLC0415 - 10 ms, and most need none

        settings_of_profile = read_profile(home, profile)
    choices = CodexChoices(
        overrides=flags.config,
        profile=settings_of_profile,
        endpoint=endpoint and endpoint.rstrip("/"),
    )
    return resolve(settings, environ, choices, codex=codex)


def codex_options(
    flags: LaunchFlags, found: Resolution, *, opt_out: Sequence[str] = ()
) -> CodexOptions:
    """Return the launch of Codex, and its key proxy if the key is ours to guard.

    Args:
        flags: The options of Codex.
        found: Binary, home and credentials.
        opt_out: Notifications that Codex must not send.
    """
    return options.codex_options(found, flags=_flags(flags), opt_out=opt_out)


def _flags(flags: LaunchFlags) -> list[str]:
    return [
        *(f"--enable={name}" for name in flags.enable),
        *(f"--disable={name}" for name in flags.disable),
        *(["--strict-config"] if flags.strict_config else []),
    ]
