"""File changes as values: contents before and after.

Pure except `read_file` and `check_unchanged`. A command computes all changes before `home.applying`
writes the first, so a fault in any change leaves every file untouched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file before and after.

    Attributes:
        path: The file.
        before: Current contents; None if the file does not exist.
        after: New contents; None deletes the file.
    """

    path: Path
    before: bytes | None
    after: bytes | None


def read_file(path: Path) -> bytes | None:
    """Return a file's contents, or None if the file does not exist.

    Raises:
        ConfigurationError: The file is not readable.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None


def check_unchanged(path: Path, before: bytes | None) -> None:
    """Check a file against the contents at planning time.

    Args:
        path: The file.
        before: The planned contents; None for a missing file.

    Raises:
        ConfigurationError: The file differs or is not readable.
    """
    if read_file(path) != before:
        raise ConfigurationError(
            f"{path} was changed by another program just now; nothing was lost, run the command "
            "again"
        )


def text_of_file(path: Path, data: bytes | None) -> str:
    """Return a file's text with its original line endings and byte order mark.

    Args:
        path: The file, for error messages.
        data: The file's contents; None counts as empty.

    Raises:
        ConfigurationError: The contents are not UTF-8.
    """
    try:
        return (data or b"").decode()
    except UnicodeDecodeError as error:
        line = (data or b"").count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}, line {line}: not UTF-8 text; save the file as UTF-8"
        ) from None


def effective(changes: Iterable[FileChange]) -> list[FileChange]:
    """Return the changes with a difference."""
    return [change for change in changes if change.before != change.after]


def unified_diff(changes: Iterable[FileChange]) -> str:
    """Return the changes in the format of `diff -u`."""
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
