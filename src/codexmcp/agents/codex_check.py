"""Asks a Codex binary of the user's own for its version before it is relied on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from codexmcp.appserver.child import Child
from codexmcp.appserver.version import check_user_agent, parse_version
from codexmcp.errors import CodexBinaryError
from codexmcp.settings import child_environment

VERSION_TIMEOUT_S = 10.0
"""Bound on `codex --version`, which takes about 30 ms."""


async def check_codex(codex: Path) -> None:
    """Refuse a binary that is no Codex or too old.

    Raises:
        CodexBinaryError: It cannot be started, does not answer, or is too old.
    """
    child = await Child.start([str(codex), "--version"], env=child_environment())
    try:
        async with asyncio.timeout(VERSION_TIMEOUT_S):
            said = (await child.stdout.read(4096)).decode(errors="replace")
    except TimeoutError:
        raise CodexBinaryError(
            f"{codex} --version did not answer within {VERSION_TIMEOUT_S:g} s; name a working "
            "Codex binary in CODEX_BIN, or unset it to use the one that comes with codexmcp"
        ) from None
    finally:
        await asyncio.shield(child.stop(eof_grace_s=0.2, term_grace_s=0.2))
    if parse_version(said) is None:
        raise CodexBinaryError(
            f"{codex} --version does not tell a version ({child.describe_exit()}); name a working "
            "Codex binary in CODEX_BIN, or unset it to use the one that comes with codexmcp"
        )
    check_user_agent(codex, said)
