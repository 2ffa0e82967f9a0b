"""The groups of runs: credentials for the work, and the place of the conversations.

Pure. Imports nothing: a relay needs this module before anything else.
"""

from __future__ import annotations

_CONTAINED = "box"
_SEPARATOR = "-"


def group_id(digest: str, conversations: str = "") -> str:
    """Return the id of a group, also part of the file names of its supervisor.

    Args:
        digest: Digest of the credentials and settings.
        conversations: The place of the conversations; empty for the Codex home itself.
    """
    return _SEPARATOR.join([_CONTAINED, conversations, digest]) if conversations else digest


def conversations_of(group: str) -> str:
    """Return the place of a group's conversations; empty for the Codex home itself.

    Only groups of the same place can continue each other's runs.
    """
    kind, _, rest = group.partition(_SEPARATOR)
    return rest.partition(_SEPARATOR)[0] if kind == _CONTAINED else ""
