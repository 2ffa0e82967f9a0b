r"""Tokens such as `{{client}}` in the texts of skills.

Pure. A token is a word in double braces; `\{{word}}` is the escaped form, and other uses of braces,
such as `${{ secrets.KEY }}`, are not tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from codexmcp.home.block_markers import BlockError, line_of

EXPANDED_SUFFIXES = frozenset({".md", ".txt", ".yaml", ".yml", ".toml", ".sh", ".ps1"})
"""Files with tokens; in other files, such as code, braces have another meaning."""

_TOKEN = re.compile(r"(?P<slashes>\\*)\{\{[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_-]*)[ \t]*\}\}")


class TokenError(BlockError):
    """A text has an unknown token."""


def expand(text: str, values: Mapping[str, str]) -> tuple[str, list[TokenError]]:
    """Return a text with its tokens replaced, and the unknown tokens.

    Unknown tokens stay: braces also have a meaning in other programs.

    Args:
        text: The text. Two backslashes before a token stand for a single backslash, and an odd
            backslash escapes the token.
        values: The values of the tokens.
    """
    unknown: list[TokenError] = []

    def replaced(found: re.Match[str]) -> str:
        slashes, name = found["slashes"], found["name"]
        kept = "\\" * (len(slashes) // 2)
        if len(slashes) % 2:
            return kept + found[0][len(slashes) :]
        if name not in values:
            told = (
                f"{{{{{name}}}}} stays as it is, because there is no such token; there are "
                f"{', '.join(sorted(values))}. If braces are meant, write \\{{{{{name}}}}}"
            )
            unknown.append(TokenError(line_of(text, found.start()), told))
            return found[0]
        return kept + values[name]

    return (_TOKEN.sub(replaced, text) if "{{" in text else text), unknown
