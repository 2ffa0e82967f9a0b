"""Changes of files as values: what is there, and what shall be there.

Pure but for `read_file` and `make_sure`. A command computes all its changes before `home.applying`
writes the first, so that what is wrong with any of them leaves every file as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file before and after.

    Attributes:
        path: The file.
        before: What it holds now; None when there is none.
        after: What it shall hold; None when it shall be gone.
    """

    path: Path
    before: bytes | None
    after: bytes | None


def read_file(path: Path) -> bytes | None:
    """Return what a file holds; None when there is none.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None


def make_sure(path: Path, before: bytes | None) -> None:
    """Make sure that a file is as it was when a change of it was planned.

    Args:
        path: The file.
        before: What it held; None when there was none.

    Raises:
        ConfigurationError: It is not, or cannot be read.
    """
    if read_file(path) != before:
        raise ConfigurationError(
            f"{path} was changed by somebody else just now; nothing of it is lost, run the "
            "command again"
        )


def text_of_file(path: Path, data: bytes | None) -> str:
    """Return the text of a file, line endings and byte order mark as they are.

    Args:
        path: The file, for the error.
        data: What it holds; None counts as empty.

    Raises:
        ConfigurationError: It is no UTF-8.
    """
    try:
        return (data or b"").decode()
    except UnicodeDecodeError as error:
        line = (data or b"").count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}, line {line}: this is no UTF-8 text; save the file as UTF-8"
        ) from None


def effective(changes: Iterable[FileChange]) -> list[FileChange]:
    """Return the changes that change something."""
    return [change for change in changes if change.before != change.after]


def unified_diff(changes: Iterable[FileChange]) -> str:
    """Return the changes as `diff -u` shows them."""
    return "".join(line for change in changes for line in _diff(change))


def _diff(change: FileChange) -> Iterator[str]:
    import difflib  # noqa: PLC0415 - servers look at profiles, too, and start sooner without

    before, after = (_lines(side) for side in (change.before, change.after))
    old, new = (
        "/dev/null" if side is None else str(change.path) for side in (change.before, change.after)
    )
    for line in difflib.unified_diff(before, after, old, new):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes | None) -> list[str]:
    return (data or b"").decode(errors="backslashreplace").splitlines(keepends=True)
