"""`codexmcp codex`: the Codex binary of codexmcp, for a login or a test of the sandbox."""

from __future__ import annotations

import os

from codexmcp.cli.options.parts import PassedOnOptions
from codexmcp.codex.binary import find_codex
from codexmcp.network import direct_to_loopback
from codexmcp.settings import load_settings


def become_codex(options: PassedOnOptions) -> None:
    """Become Codex.

    Raises:
        ConfigurationError: There is no Codex, or a setting cannot be used.
    """
    given = dict(os.environ)
    settings = load_settings(given)
    codex = find_codex(settings.codex_bin)
    # A person's own command sees the keys of its shell, and what `.env` names beside them.
    env = {**os.environ, **given}
    if settings.codex_home is not None:
        env["CODEX_HOME"] = str(settings.codex_home)
    argv = [str(codex), *options.arguments]
    os.execve(codex, argv, direct_to_loopback(env))  # noqa: S606 - no shell is wanted
