"""Location of the Codex binary.

The default is the binary of the `openai-codex-cli-bin` wheel, unless the user names another binary;
an unnamed binary on PATH is ignored.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import codexmcp
from codexmcp.errors import CodexBinaryError
from codexmcp.installation import repair


def find_codex(named: str | None, *, setting: str = "CODEX_BIN") -> Path:
    """Return the absolute path of the Codex binary.

    Args:
        named: A path, or a program name on PATH. None: the bundled binary.
        setting: The setting or option with the name, for the message.

    Raises:
        CodexBinaryError: The binary is missing or not executable.
    """
    return _named_codex(named, setting) if named else _bundled_codex()


def package_version(codex: Path) -> str | None:
    """Return the version in the package of a Codex binary; None without a package.

    Source: the wheel and the npm package both have `codex-package.json` beside `bin/`.
    """
    try:
        text = (codex.parent.parent / "codex-package.json").read_text(encoding="utf-8")
        return str(json.loads(text)["version"])
    except (OSError, ValueError, KeyError):
        return None


def server_version(codex: Path) -> str:
    """Return the version reported by an MCP server with this Codex binary."""
    return package_version(codex) or codexmcp.__version__


def _named_codex(named: str, setting: str) -> Path:
    if os.sep not in named:
        import shutil  # noqa: PLC0415 - 5 ms, and a rare setting

        found = shutil.which(named)
        if found is None:
            raise CodexBinaryError(
                f"{setting} is {named!r}, and there is no such program on PATH; give its full "
                f"path, or unset {setting} to use the Codex that comes with codexmcp"
            )
        named = found
    path = Path(named).expanduser().absolute()
    if not path.is_file():
        raise CodexBinaryError(
            f"{setting} is {path}, and there is no such file; correct it, or unset it to use the "
            "Codex that comes with codexmcp"
        )
    if not os.access(path, os.X_OK):
        raise CodexBinaryError(f"{path} is not executable; run `chmod +x {path}`")
    return native_binary(path)


def native_binary(path: Path) -> Path:
    """Return the program behind npm's `codex`; any other path unchanged.

    The wrapper is a Node script; a signal to the wrapper leaves the program running, with its
    threads locked.

    Source: npm packages `@openai/codex` and `@openai/codex-<system>-<machine>` of 0.169.0.
    """
    script = path.resolve()
    if script.suffix != ".js":
        return path
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform, sys.platform)
    machine = os.uname().machine
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(machine, machine)
    pattern = f"@openai/codex-{system}-{machine}/vendor/*/bin/codex"
    for folder in script.parents:
        for found in (*folder.glob(pattern), *folder.glob(f"node_modules/{pattern}")):
            return found
    raise CodexBinaryError(
        f"{path} is npm's wrapper, and the program that it starts is missing; run `npm install -g "
        "@openai/codex` again, or unset CODEX_BIN to use the Codex that comes with codexmcp"
    )


def _bundled_codex() -> Path:
    try:
        from codex_cli_bin import (  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]
            bundled_codex_path,
        )

        return Path(bundled_codex_path())
    except (ImportError, FileNotFoundError):
        raise CodexBinaryError(
            f"the Codex that comes with codexmcp is not installed; {repair()}, or name a Codex "
            "binary in CODEX_BIN"
        ) from None
