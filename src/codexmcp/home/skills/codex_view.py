"""The real Codex's view of skills folders: listed skills, and the model's prompt.

Runs Codex in a temporary home with the folders linked as a repository's skills. The user's files
stay unchanged, and other skills stay out.

Source: `skills/list` of app-server reports skills and errors by real paths, and `codex debug
prompt-input` prints the model's prompt (0.153.4, 0.163.0 and 0.171.0). A repository's skills are in
`.agents/skills` of the working directory and of each parent folder.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexMCPError, ConfigurationError
from codexmcp.jsonvalues import is_list, list_of, object_of, text_of
from codexmcp.network import direct_to_loopback

TIMEOUT_S = 60.0
"""Bound on each of the two answers. 2,000 skills took 2 s."""

_ROOT = re.compile(r"- `(?P<alias>r\d+)` = `(?P<path>[^`]+)`")
_SHOWN = re.compile(r"- (?P<name>.*?):(?: (?P<text>.*))? \(file: (?P<path>[^)]+)\)")


@dataclass(frozen=True, slots=True)
class CodexView:
    """Codex's view of skills, by real paths of folders.

    Attributes:
        listed: The descriptions of listed skills.
        errors: Codex's errors about omitted skills.
        shown: The descriptions in the model's prompt.
    """

    listed: Mapping[Path, str]
    errors: Mapping[Path, str] = field(default_factory=dict[Path, str])
    shown: Mapping[Path, str] = field(default_factory=dict[Path, str])

    @property
    def untold(self) -> list[Path]:
        """The listed skills missing from the prompt."""
        return [folder for folder in self.listed if folder not in self.shown]

    @property
    def bare(self) -> list[Path]:
        """The skills with only a name in the prompt."""
        return [folder for folder, text in self.shown.items() if not text and self.listed[folder]]

    @property
    def cut(self) -> list[Path]:
        """The skills with a shortened description in the prompt."""
        texts = ((folder, text, self.listed[folder]) for folder, text in self.shown.items())
        return [folder for folder, text, whole in texts if text and text != _line(whole)]


def view_skills(roots: Sequence[Path], codex: Path, env: Mapping[str, str]) -> CodexView:
    """Have Codex list the skills of folders.

    Args:
        roots: Skills folders, or folders of one skill each.
        codex: The Codex binary.
        env: The environment for Codex.

    Raises:
        CodexMCPError: Codex did not answer.
    """
    with tempfile.TemporaryDirectory(prefix="codexmcp-check-") as folder:
        stage = Path(folder).resolve()
        cwd = _staged(stage, roots)
        mine = {**env, "HOME": str(stage), "CODEX_HOME": str(stage / "home")}
        try:
            return asyncio.run(_view(codex, mine, cwd, stage))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def _staged(stage: Path, roots: Sequence[Path]) -> Path:
    """Link the folders as a repository's skills, and return the working directory."""
    (stage / "home").mkdir(mode=0o700)
    cwd = stage / "repository"
    (cwd / ".git").mkdir(parents=True)
    for root in roots:
        cwd /= "inner"
        (cwd / ".agents").mkdir(parents=True)
        (cwd / ".agents" / "skills").symlink_to(root.resolve())
    return cwd


async def _view(codex: Path, env: Mapping[str, str], cwd: Path, stage: Path) -> CodexView:
    async with AppServer.launch(LaunchOptions(codex, env, cwd=cwd)) as server:
        params = {"cwds": [str(cwd)], "forceReload": True}
        answer = await server.call("skills/list", params, timeout_s=TIMEOUT_S)
    entries = [object_of(each) for each in list_of(answer.get("data"))]
    skills = [object_of(each) for entry in entries for each in list_of(entry.get("skills"))]
    errors = [object_of(each) for entry in entries for each in list_of(entry.get("errors"))]
    listed = _by_folder(skills, "description", stage)
    prompt = await _prompt(codex, env, cwd)
    shown = {folder: text for folder, text in _shown(prompt) if folder in listed}
    return CodexView(listed, _by_folder(errors, "message", stage), shown)


def _by_folder(values: Iterable[Mapping[str, Any]], name: str, stage: Path) -> dict[Path, str]:
    """Return a field of each skill, without Codex's built-in skills."""
    paths = ((Path(text_of(each.get("path")) or "/"), each) for each in values)
    texts = {path.parent.resolve(): text_of(each.get(name)) or "" for path, each in paths}
    return {folder: text for folder, text in texts.items() if not folder.is_relative_to(stage)}


async def _prompt(codex: Path, env: Mapping[str, str], cwd: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *(str(codex), "debug", "prompt-input", "x"),
        env=direct_to_loopback(env),
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        raise ConfigurationError(
            f"`{codex} debug prompt-input` has not ended within {TIMEOUT_S:g} s; try again"
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        messages = json.loads(stdout)
    except ValueError:
        messages = None
    if not is_list(messages):
        told = stderr.decode(errors="replace").strip()[:1000]
        raise CodexMCPError(f"`{codex} debug prompt-input` printed no prompt: {told}")
    parts = [part for each in messages for part in list_of(object_of(each).get("content"))]
    return "\n".join(text_of(object_of(part).get("text")) or "" for part in parts)


def _shown(prompt: str) -> Iterable[tuple[Path, str]]:
    """Yield the folders and descriptions of the skills in a prompt."""
    roots = {found["alias"]: found["path"] for found in _ROOT.finditer(prompt)}
    for found in _SHOWN.finditer(prompt):
        first, _, rest = found["path"].partition("/")
        path = Path(roots[first], rest) if first in roots else Path(found["path"])
        yield path.parent.resolve(), (found["text"] or "").strip()


def _line(description: str) -> str:
    return description.strip()
