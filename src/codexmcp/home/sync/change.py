"""A change of one file in a client's folder.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is written or deleted.

    Attributes:
        path: Where it is in the client's folder.
        real: Where it lies.
        before: What it holds; None when there is none.
        after: What it shall hold; None when it shall be gone.
        is_executable: Whether it shall be; None keeps what it is.
        backup: The copy to make of it first; None for none.
    """

    path: str
    real: str
    before: bytes | None
    after: bytes | None
    is_executable: bool | None = None
    backup: str | None = None
