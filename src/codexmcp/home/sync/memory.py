"""The text that delivers memories to a client.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

BLOCK = "memory"
SKILL = "agentos-memory"
"""The skill in place of the block, for a client without an instructions file."""

MOST_INLINE_BYTES = 16 * 1024
"""Bound on the memories in the text itself; further memories are listed by path.

Our policy, because every session pays for them. Source: Codex reads the whole `AGENTS.md` of its
home, regardless of size (88 KB on 0.153.4, 0.163.0 and 0.169.0); its limit applies to projects.
"""

_FIRST = ("global.md", "conventions.md")


def memory_text(memories: Mapping[str, str], folder: str) -> str:
    """Return the client's startup text; empty without memories.

    Args:
        memories: The texts of the files by path; project files have the prefix `projects/`.
        folder: The absolute folder of the files.
    """
    if not memories:
        return ""
    general = sorted(
        (path for path in memories if "/" not in path),
        key=lambda path: (_FIRST.index(path) if path in _FIRST else len(_FIRST), path),
    )
    told, named, room = list[str](), list[str](), MOST_INLINE_BYTES
    for path in general:
        text = memories[path].strip()
        size = len(text.encode(errors="surrogatepass"))
        if size <= room:
            room -= size
            told += [text] if text else []
        else:
            named.append(path)
    projects = sorted(path for path in memories if "/" in path)
    head = f"The following is stored in {folder}; change its source, not this text."
    parts = [
        head,
        *told,
        _listed("Read these before you begin:", named, folder),
        _listed(
            "Read the one of the project that you work on, before you begin:", projects, folder
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def memory_skill(text: str) -> str:
    """Return the skill with the same text, for a client without an instructions file."""
    return (
        f"---\nname: {SKILL}\n"
        "description: Who the user is, their conventions, and notes on their projects. Use it "
        "before you begin any task.\n"
        f"---\n\n{text}"
    )


def _listed(head: str, paths: list[str], folder: str) -> str:
    return "\n".join([head, *(f"- {folder}/{path}" for path in paths)]) if paths else ""
