"""What `docs/how-to/clients.md` tells users to write, for the tests to use as it stands."""

from __future__ import annotations

import re
import shlex

from tests.support.builds import CHECKOUT

_PAGE = CHECKOUT / "docs" / "how-to" / "clients.md"


def block(heading: str, language: str) -> str:
    """Return the one code block of a language in a section.

    Args:
        heading: How the section's heading begins.
        language: What stands behind the opening fence.
    """
    sections = re.split(r"^## ", _PAGE.read_text(), flags=re.MULTILINE)
    (section,) = [text for text in sections if text.startswith(heading)]
    fence = rf"^```{language}\n(.*?)^```$"
    (found,) = re.findall(fence, section, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def commands(heading: str) -> list[list[str]]:
    """Return the command lines of a section, in words."""
    return [shlex.split(line, comments=True) for line in block(heading, "bash").splitlines()]
