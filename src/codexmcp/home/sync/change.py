"""A change of a file in a client's folder.

Pure.
"""

from __future__ import annotations

from codexmcp.data_classes import dataclass


@dataclass(frozen=True, slots=True)
class SyncChange:
    """A file to write or delete.

    Attributes:
        path: The path in the client's folder.
        real: The resolved path.
        before: The current contents; None for a missing file.
        after: The new contents; None deletes the file.
        is_executable: The new mode; None keeps the mode.
        backup: The name of a copy to make first; None for no copy.
    """

    path: str
    real: str
    before: bytes | None
    after: bytes | None
    is_executable: bool | None = None
    backup: str | None = None
