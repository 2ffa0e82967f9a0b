"""Sanitize text for display: no secrets and no terminal control sequences.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import is_list, is_object

# Colours and similar sequences, as in the logs of Codex.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Other terminal control characters, and bytes outside UTF-8.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

SHORTEST_SECRET = 16
"""Characters. Shorter texts, such as `ollama` for a local endpoint, are words instead of keys, and
their removal would garble the output."""

_OURS = frozenset({"type", "threadId"})


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Sanitize text for display.

    Attributes:
        secrets: Texts to hide, such as the key; texts below `SHORTEST_SECRET` are ignored.
        aliases: Texts to replace, such as the key proxy's URL with its upstream's.
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

        The outermost `type` and `threadId` stay: programs depend on them, and they are not free
        text.
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
