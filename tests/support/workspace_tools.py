"""The file tools on a folder, called as their server calls them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.paths.roots import Roots
from tests.support.tool_answers import fitting


class Tools:
    """The file tools.

    Args:
        roots: The folders that they may touch, the first one first.
        withheld: What is not served though it lies there.
        ripgrep: The program to search with; None for the real one.
    """

    def __init__(
        self, *roots: Path, withheld: tuple[Path, ...] = (), ripgrep: Path | None = None
    ) -> None:
        text = ":".join(map(str, roots))
        self.roots = Roots.parse(text, Path("/"), withheld)
        self._tools = {tool.name: tool for tool in file_tools(self.roots, ripgrep)}

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool by the end of its name; the arguments and the answer must be as promised."""
        found = self._tools[f"agentOS_fs_{tool}"]
        jsonschema.validate(arguments, found.schema)
        answer: dict[str, Any] = fitting(found.name, await found.run(arguments))
        # Half a surrogate pair would pass json.dumps and break whoever sends it.
        json.dumps(answer, ensure_ascii=False).encode()
        return answer


def fill(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make files, by path, and the folders around them."""
    root.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def move(path: Path, name: str) -> None:
    """Give something another name in its folder."""
    path.rename(path.with_name(name))


def tree(root: Path) -> dict[str, str]:
    """Return what is in a folder, by path: the bytes of files, the targets of links."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = repr(path.read_bytes()) if path.is_file() else "folder"
    return found
