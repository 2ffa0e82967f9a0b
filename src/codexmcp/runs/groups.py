"""The groups of runs: who may work on them, and where their conversations lie.

Pure. Imports nothing: a relay needs it before anything else.
"""

from __future__ import annotations

_CONTAINED = "box"
_SEPARATOR = "-"


def group_id(digest: str, conversations: str = "") -> str:
    """Return the id of a group, which also names the files of its supervisor.

    Args:
        digest: Tells groups of other credentials and settings apart.
        conversations: Tells apart where conversations lie; empty for the Codex home itself.
    """
    return _SEPARATOR.join([_CONTAINED, conversations, digest]) if conversations else digest


def conversations_of(group: str) -> str:
    """Return where the conversations of a group lie; empty for the Codex home itself.

    Only groups of one place can go on with each other's runs.
    """
    kind, _, rest = group.partition(_SEPARATOR)
    return rest.partition(_SEPARATOR)[0] if kind == _CONTAINED else ""
