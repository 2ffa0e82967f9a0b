"""The text by which memories reach a client.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

BLOCK = "memory"
SKILL = "agentos-memory"
"""The skill that stands for the block where a client has no file of instructions."""

MOST_INLINE_BYTES = 16 * 1024
"""How much of the memories is in the text itself; the rest is named, to be read.

Our policy, because every session pays for them. Source: Codex takes the `AGENTS.md` of its home
whole, however long (88 KB on 0.153.4, 0.163.0 and 0.169.0); its limit is for those of projects.
"""

_FIRST = ("global.md", "conventions.md")


def memory_text(memories: Mapping[str, str], folder: str) -> str:
    """Return what a client is told at every start; empty without memories.

    Args:
        memories: The texts of the files by their paths; those of projects begin with `projects/`.
        folder: Where the files lie, absolute.
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
    head = f"What follows is kept in {folder}; changes belong into its source, not here."
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
    """Return the skill that tells a client without a file of instructions the same."""
    return (
        f"---\nname: {SKILL}\n"
        "description: Who the user is, their conventions, and notes on their projects. Use it "
        "before you begin any task.\n"
        f"---\n\n{text}"
    )


def _listed(head: str, paths: list[str], folder: str) -> str:
    return "\n".join([head, *(f"- {folder}/{path}" for path in paths)]) if paths else ""
