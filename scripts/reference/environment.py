"""The page of environment variables.

Names in the code are found by their prefixes, so that a variable without a description fails.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from codexmcp import run_settings, settings
from scripts.reference import text
from scripts.reference.variables import CONTAINER, INTERNAL, NETWORK, PROGRAMS, RUNS, SERVER, Row

_CHECKOUT = Path(__file__).parents[2]
_NAME = re.compile(r"(?:OPENAI|CODEX|CODEXMCP|AGENTOS)_[A-Z_]*[A-Z]")
_OF_COMPOSE = re.compile(rf"\$\{{({_NAME.pattern})")


def page() -> str:
    """Return the page."""
    run_environment = ", ".join(f"`{name}`" for name in sorted(run_settings._ALLOWED))  # noqa: SLF001
    sections = [
        text.prose(
            "A variable in the environment wins over the same variable in `.env`. Programs "
            "of a checkout read `.env` of the checkout; `CODEXMCP_ENV_FILE` names another "
            "file. `.env` in the working directory is ignored, because commands of Codex "
            "can write there. An empty variable counts as missing."
        ),
        _section("All programs", PROGRAMS),
        _section("Network", NETWORK),
        _section("Supervised runs", RUNS),
        text.prose(
            "The variables `CODEX_MCP_WRAPPER_*` are those of Codex MCP Sidecar. "
            "`APP_SERVER_URL` of the Sidecar has no counterpart: app-server listens on a "
            "unix socket, because any local program could drive app-server on TCP."
        ),
        text.prose(
            "Commands of runs get these variables of the client, `LC_*`, and the names in "
            f"`{run_settings.ALLOWED_VARIABLE}`: {run_environment}. Names with KEY, SECRET, "
            "TOKEN, PASSWORD, PASSWD, CREDENTIAL, AUTHORIZATION or COOKIE, and values with "
            "a password, never pass."
        ),
        _section("HTTP server", SERVER),
        _section("The image and compose.yaml", CONTAINER),
    ]
    return text.page("Environment", "Look up a variable.", sections)


def described() -> dict[str, str]:
    """Return the meaning of each variable, those of other programs included."""
    groups = (PROGRAMS, NETWORK, RUNS, SERVER, CONTAINER)
    rows = {name: meaning for group in groups for names, meaning, _ in group for name in names}
    return rows | INTERNAL


def names_in_code() -> set[str]:
    """Return the variables with our prefixes in the source, the entrypoint and compose.yaml."""
    found = {f"{run_settings.PREFIX}{name}" for name in _suffixes()}
    for path in (_CHECKOUT / "src" / "codexmcp").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        # To parse the whole package takes seconds.
        for node in ast.walk(ast.parse(source)) if _NAME.search(source) else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if _NAME.fullmatch(node.value) else set()
    for name in ("scripts/entrypoint.sh", "compose.yaml"):
        found |= set(_OF_COMPOSE.findall((_CHECKOUT / name).read_text(encoding="utf-8")))
    return found | set(settings.KEY_VARIABLES)


def _suffixes() -> Iterator[str]:
    source = Path(run_settings.__file__).read_text(encoding="utf-8")
    yield from re.findall(r"\{PREFIX\}([A-Z_]+)", source)
    yield from re.findall(r'_seconds\(env, "([A-Z_]+)"', source)


def _section(title: str, rows: tuple[Row, ...]) -> str:
    shown = ((", ".join(f"`{name}`" for name in names), *more) for names, *more in rows)
    return f"## {title}\n\n{text.table(('variable', 'meaning', 'default'), shown)}"
