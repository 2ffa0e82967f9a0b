"""Checks the arguments that the removed server did not have, before anything starts.

Owns the look at the files that they name: images and profiles.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.server.arguments import ArgumentsError

_IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF", b"BM")
_LONGEST_START = 8
PROFILE_SUFFIX = ".config.toml"


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse an output schema that no answer could be held to.

    Raises:
        ArgumentsError: It is no JSON Schema of an object.
    """
    # 60 ms, and few calls bring a schema.
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "its root"
        raise ArgumentsError(
            f"output-schema is no JSON Schema: {error.message} (at {where})"
        ) from None
    if schema.get("type") != "object":
        raise ArgumentsError(
            'output-schema must describe an object: its root needs "type": "object"'
        )


def read_output(schema: Mapping[str, Any], message: str) -> tuple[Any, str | None]:
    """Return the value that a final message holds, and what is wrong with it.

    Args:
        schema: The output schema.
        message: The final message.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    try:
        value = json.loads(message)
    except ValueError:
        return None, "the answer is not JSON, though an output-schema was given"
    validator = Draft202012Validator(schema)
    faults = [str(fault.message) for fault in validator.iter_errors(value)]  # pyright: ignore[reportUnknownMemberType]
    return value, f"the answer does not fit the output-schema: {faults[0]}" if faults else None


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
    path = os.path.realpath(os.path.join(base_dir, given))  # noqa: PTH118
    root = None if within is None else os.path.realpath(within)
    if root is not None and os.path.commonpath([root, path]) != root:
        raise ArgumentsError(f"image `{given}` is refused: it lies outside {within}")
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - beside os.path
            start = file.read(_LONGEST_START)
    except OSError as error:
        raise ArgumentsError(f"image `{given}` cannot be read: {error.strerror}") from None
    if not start.startswith(_IMAGE_STARTS):
        raise ArgumentsError(f"image `{given}` is no PNG, JPEG, GIF, WebP or BMP file")
    return path


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
        found = sorted(file.name.removesuffix(PROFILE_SUFFIX) for file in _profiles(home))
        known = f"there are {', '.join(found)}" if found else "there are none"
        raise ArgumentsError(f"there is no profile `{name}` ({path}); {known}") from None
    except (OSError, ValueError) as error:
        raise ArgumentsError(f"profile `{name}` is broken: {path}: {error}") from None


def _profiles(home: Path) -> list[Path]:
    return list(home.glob(f"*{PROFILE_SUFFIX}"))
