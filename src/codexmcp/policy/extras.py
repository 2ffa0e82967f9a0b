"""Validation of the arguments unknown to the removed server, before any work starts.

Owns the access to files named by arguments: images and profiles.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.codex.resolution import Resolution
from codexmcp.errors import CredentialsError
from codexmcp.home.profiles.files import PROFILE_SUFFIX, profile_names
from codexmcp.policy.arguments import ArgumentsError, refusal

_IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF", b"BM")
_LONGEST_START = 8


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse an unusable output schema.

    Raises:
        ArgumentsError: Not a JSON Schema of an object, or a reference leads outside the schema.
    """
    from codexmcp.policy import schema_check  # noqa: PLC0415 - 60 ms

    schema_check.check(schema)
    if schema.get("type") != "object":
        raise ArgumentsError(
            'output-schema must describe an object: its root needs "type": "object"'
        )


def read_output(schema: Mapping[str, Any], message: str) -> tuple[Any, str | None]:
    """Return the value in a final message, and the fault, if any. Never raises.

    Args:
        schema: The output schema.
        message: The final message.
    """
    from codexmcp.policy import schema_check  # noqa: PLC0415 - 60 ms

    return schema_check.read(schema, message)


def check_images(paths: Sequence[str], *, base_dir: str, within: str | None) -> list[str]:
    """Return the absolute paths of images.

    Args:
        paths: Paths from the caller.
        base_dir: Base of relative paths.
        within: Folder for all images under a fixed policy. None: any folder.

    Raises:
        ArgumentsError: A file is missing, no image, or outside the folder.
    """
    return [_check_image(path, base_dir, within) for path in paths]


def _check_image(given: str, base_dir: str, within: str | None) -> str:
    if "\0" in given:
        raise ArgumentsError(f"image `{given}` cannot be read: the path has a null character")
    try:
        path = os.path.realpath(os.path.join(base_dir, given))  # noqa: PTH118
    except UnicodeEncodeError:
        raise ArgumentsError(f"image `{given}` cannot be read: the path is not text") from None
    root = None if within is None else os.path.realpath(within)
    if root is not None and os.path.commonpath([root, path]) != root:
        raise refusal("image", f"`{given}`", f"it is outside of {within}")
    try:
        start = _start_of(path)
    except OSError as error:
        raise ArgumentsError(f"image `{given}` cannot be read: {error.strerror}") from None
    if start is None:
        raise ArgumentsError(f"image `{given}` is not a regular file")
    if not start.startswith(_IMAGE_STARTS):
        raise ArgumentsError(f"image `{given}` is not a PNG, JPEG, GIF, WebP or BMP file")
    return path


def _start_of(path: str) -> bytes | None:
    """Return the first bytes of a regular file; None for any other file."""
    # Opening or reading a FIFO would block the whole server until a writer comes.
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
        ArgumentsError: The profile is missing or broken.

    Source: app-server has no option for a profile, and `codex exec --profile` silently ignores a
    missing profile.
    """
    path = home / f"{name}{PROFILE_SUFFIX}"
    if path.parent != home or not name or name.startswith("."):
        raise ArgumentsError(f"invalid profile name `{name}`")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = profile_names(home)
        known = f"known profiles: {', '.join(found)}" if found else "no profiles exist"
        raise ArgumentsError(f"unknown profile `{name}` ({path}); {known}") from None
    except (OSError, ValueError) as error:
        raise ArgumentsError(f"profile `{name}` is broken: {path}: {error}") from None


def check_any_access(found: Resolution) -> None:
    """Refuse to start a program whose every task would lack credentials.

    Raises:
        CredentialsError: There is nothing to authenticate with, and no profile that needs nothing.
    """
    try:
        found.check_access()
    except CredentialsError:
        for name in profile_names(found.home.path):
            with contextlib.suppress(CredentialsError, ArgumentsError):
                found.check_access(read_profile(found.home.path, name))
                return
        raise
