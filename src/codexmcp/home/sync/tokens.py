r"""Tokens such as `{{client}}` in the texts of skills.

Pure. A token is one word in double braces; `\{{word}}` stands for the braces themselves, and other
uses of braces, such as `${{ secrets.KEY }}`, are no tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from codexmcp.home.block_markers import BlockError, line_of

EXPANDED_SUFFIXES = frozenset({".md", ".txt", ".yaml", ".yml", ".toml", ".sh", ".ps1"})
"""Files in which tokens are looked for; in others, such as code, braces mean something else."""

_TOKEN = re.compile(r"(?P<slashes>\\*)\{\{[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_-]*)[ \t]*\}\}")


class TokenError(BlockError):
    """A text holds a token that does not exist."""


def expand(text: str, values: Mapping[str, str]) -> str:
    r"""Return a text with its tokens replaced.

    Args:
        text: The text. Two backslashes before a token stand for one, and an odd one takes the
            token's meaning away.
        values: What stands for each token.

    Raises:
        TokenError: There is no such token; names the line.
    """

    def replaced(found: re.Match[str]) -> str:
        slashes, name = found["slashes"], found["name"]
        kept = "\\" * (len(slashes) // 2)
        if len(slashes) % 2:
            return kept + found[0][len(slashes) :]
        if name not in values:
            raise TokenError(
                line_of(text, found.start()),
                f"there is no token {{{{{name}}}}}; there are {', '.join(sorted(values))}. For the "
                f"braces themselves write \\{{{{{name}}}}}",
            )
        return kept + values[name]

    return _TOKEN.sub(replaced, text) if "{{" in text else text
