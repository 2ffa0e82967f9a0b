"""Makes text fit to be shown: without secrets and without what a terminal would act on.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from codexmcp.jsonvalues import is_list, is_object

# Colours and the like, as in the logs of Codex.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Whatever else a terminal would act on instead of showing it.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

SHORTEST_SECRET = 16
"""Characters. What is shorter, such as `ollama` for a local endpoint, is no key but a word, and
taking it out would mangle whatever is shown."""

_OURS = frozenset({"type", "threadId"})


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Makes text fit to be shown.

    Attributes:
        secrets: What must not be seen, such as the key; one below `SHORTEST_SECRET` is no secret.
        aliases: What is shown by another name, such as the key proxy by that of its upstream.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])

    def clean(self, text: str) -> str:
        """Return the text without secrets and control characters."""
        for secret in self.secrets:
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "[secret]")
        for name, alias in self.aliases.items():
            text = text.replace(name, alias)
        text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)

    def clean_value(self, value: object) -> object:
        """Return a JSON value without secrets.

        The outermost `type` and `threadId` stay: programs act on them, and they are not free text.
        """
        if is_object(value):
            return {
                key: entry if key in _OURS else self._cleaned(entry) for key, entry in value.items()
            }
        return self._cleaned(value)

    def _cleaned(self, value: object) -> object:
        if isinstance(value, str):
            return self.clean(value)
        if is_object(value):
            return {key: self._cleaned(entry) for key, entry in value.items()}
        if is_list(value):
            return [self._cleaned(entry) for entry in value]
        return value
