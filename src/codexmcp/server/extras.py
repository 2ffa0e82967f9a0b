"""Checks the arguments that the removed server did not have, before anything starts.

Owns the look at the files that they name: images and profiles.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.home.profiles.files import PROFILE_SUFFIX, profile_names
from codexmcp.server.arguments import ArgumentsError

_IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF", b"BM")
_LONGEST_START = 8


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse an output schema that no answer could be held to.

    Raises:
        ArgumentsError: It is no JSON Schema of an object, or refers to what is not in it.
    """
    from codexmcp.server import schema_check  # noqa: PLC0415 - 60 ms

    schema_check.check(schema)
    if schema.get("type") != "object":
        raise ArgumentsError(
            'output-schema must describe an object: its root needs "type": "object"'
        )


def read_output(schema: Mapping[str, Any], message: str) -> tuple[Any, str | None]:
    """Return the value that a final message holds, and what is wrong with it. Never raises.

    Args:
        schema: The output schema.
        message: The final message.
    """
    from codexmcp.server import schema_check  # noqa: PLC0415 - 60 ms

    return schema_check.read(schema, message)


def check_images(paths: Sequence[str], *, base_dir: str, within: str | None) -> list[str]:
    """Return the absolute paths of images.

    Args:
        paths: Paths as they were given.
        base_dir: What a relative one is relative to.
        within: The folder that a fixed policy confines the caller to; None for none.

    Raises:
        ArgumentsError: One is missing, no image, or outside.
    """
    return [_check_image(path, base_dir, within) for path in paths]


def _check_image(given: str, base_dir: str, within: str | None) -> str:
    if "\0" in given:
        raise ArgumentsError(f"image `{given}` cannot be read: its path has a null character")
    try:
        path = os.path.realpath(os.path.join(base_dir, given))  # noqa: PTH118
    except UnicodeEncodeError:
        raise ArgumentsError(f"image `{given}` cannot be read: its path is no text") from None
    root = None if within is None else os.path.realpath(within)
    if root is not None and os.path.commonpath([root, path]) != root:
        raise ArgumentsError(f"image `{given}` is refused: it lies outside {within}")
    try:
        start = _start_of(path)
    except OSError as error:
        raise ArgumentsError(f"image `{given}` cannot be read: {error.strerror}") from None
    if start is None:
        raise ArgumentsError(f"image `{given}` is no regular file")
    if not start.startswith(_IMAGE_STARTS):
        raise ArgumentsError(f"image `{given}` is no PNG, JPEG, GIF, WebP or BMP file")
    return path


def _start_of(path: str) -> bytes | None:
    """Return the first bytes of a file; None for what is no regular file."""
    # Opening or reading a FIFO would wait for its writer, and the whole server with it.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(fd, _LONGEST_START) if stat.S_ISREG(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)


def read_profile(home: Path, name: str) -> dict[str, Any]:
    """Return the settings of a profile.

    Args:
        home: The Codex home.
        name: The profile's name.

    Raises:
        ArgumentsError: There is no such profile, or its file is broken.

    Source: app-server takes no profile, and `codex exec --profile` silently ignores a missing one.
    """
    path = home / f"{name}{PROFILE_SUFFIX}"
    if path.parent != home or not name or name.startswith("."):
        raise ArgumentsError(f"profile `{name}` is no name")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = profile_names(home)
        known = f"there are {', '.join(found)}" if found else "there are none"
        raise ArgumentsError(f"there is no profile `{name}` ({path}); {known}") from None
    except (OSError, ValueError) as error:
        raise ArgumentsError(f"profile `{name}` is broken: {path}: {error}") from None
