"""Reader of `.env` files."""

from __future__ import annotations

import io
from pathlib import Path

from codexmcp.errors import ConfigurationError

ENV_FILE_VARIABLE = "CODEXMCP_ENV_FILE"
"""Path of a `.env` file to read in place of the checkout's."""


def dotenv_names(path: Path) -> frozenset[str]:
    """Return the names of the variables in a `.env` file; an unreadable file has no names."""
    try:
        return frozenset(read_dotenv(path) or ())
    except ConfigurationError:
        return frozenset()


def read_dotenv(path: Path, *, is_named: bool = False) -> dict[str, str] | None:
    """Return the non-empty variables of a `.env` file; None without a file.

    Args:
        path: The file.
        is_named: The user has named the file, so a missing file is an error.

    Raises:
        ConfigurationError: The file cannot be read, or a line is no assignment.
    """
    text = _text_of(path, is_named=is_named)
    return None if text is None else _parsed(path, text)


def _text_of(path: Path, *, is_named: bool) -> str | None:
    try:
        # Windows editors write a byte order mark.
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if not is_named:
            return None
        raise ConfigurationError(
            f"{ENV_FILE_VARIABLE}: no such file: {path}; correct or unset the variable"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"cannot read {path}: {reason}") from None


def _parsed(path: Path, text: str) -> dict[str, str]:
    from dotenv.parser import parse_stream  # noqa: PLC0415 - most programs find no .env

    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            broken = binding.original.string
            # The unparsed text starts with the empty lines before the fault.
            line = binding.original.line + broken[: -len(broken.lstrip())].count("\n")
            raise ConfigurationError(
                f"{path}, line {line}: not a NAME=value line; correct or remove it"
            )
        if binding.key is not None and binding.value:
            values[binding.key] = binding.value
    return values
