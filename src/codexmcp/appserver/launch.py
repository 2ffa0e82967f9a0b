"""How to start `codex app-server`.

Pure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DELTAS = (
    "item/agentMessage/delta",
    "item/commandExecution/outputDelta",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
)
"""Notifications that carry pieces of what a later notification carries whole."""


_UNLOAD_AT_ONCE = "thread_unload_delay_secs=0"
_FIRST_TO_UNLOAD = (0, 154, 0)
"""The first build that knows the setting; before, the delay is half an hour."""


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """How to start `codex app-server`.

    Attributes:
        codex: Absolute path of the Codex binary.
        env: Its whole environment, `CODEX_HOME` included.
        overrides: Settings as `-c` takes them, such as `model="gpt-5.5"`.
        flags: Further arguments of `codex app-server`.
        cwd: Its working directory; None means ours.
        opt_out: Notifications that it shall not send.
        listen: Where it takes connections, such as `unix:///run/codex.sock`; None means its stdin
            and stdout.
        prefix: Makes a command that runs the rest of the command line, such as one that does it in
            a container: another one for each start.
        clear: Takes away what a start by the prefix has left; awaited before the next one.
        prefixed_home: The Codex home as we see it, where there is a prefix; None when nobody else
            ever has it.
    """

    codex: Path
    env: Mapping[str, str]
    overrides: Sequence[str] = ()
    flags: Sequence[str] = ()
    cwd: Path | None = None
    opt_out: Sequence[str] = ()
    listen: str | None = None
    prefix: Callable[[], Sequence[str]] | None = None
    clear: Callable[[], Awaitable[None]] | None = None
    prefixed_home: Path | None = None

    @property
    def home(self) -> Path | None:
        """The Codex home as we see it; None when nobody else ever has it, or it is not named."""
        if self.prefix:
            return self.prefixed_home
        named = self.env.get("CODEX_HOME")
        return None if named is None else Path(named)

    def argv(self) -> list[str]:
        """Return the command line of one start."""
        own = [] if self._is_strict else [_UNLOAD_AT_ONCE]
        # Ours last, which counts: what we do relies on it.
        settings = [word for setting in (*self.overrides, *own) for word in ("-c", setting)]
        listen = [] if self.listen is None else ["--listen", self.listen]
        prefix: Sequence[str] = () if self.prefix is None else self.prefix()
        return [*prefix, str(self.codex), "app-server", *settings, *listen, *self.flags]

    def unloads_what_is_left(self, version: tuple[int, int, int]) -> bool:
        """Return whether it unloads a thread once no connection is subscribed to it.

        Args:
            version: The version of Codex.
        """
        return version >= _FIRST_TO_UNLOAD and not self._is_strict

    @property
    def _is_strict(self) -> bool:
        # Source: 0.153.4 refuses to start with a setting that it does not know then.
        return "--strict-config" in self.flags
