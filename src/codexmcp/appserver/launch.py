"""Launch options of `codex app-server`.

Pure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from codexmcp.data_classes import dataclass, field

DELTAS = (
    "item/agentMessage/delta",
    "item/commandExecution/outputDelta",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
)
"""Notifications with parts of a text that a later notification contains completely."""


LOG_TARGET = "codex_otel.log_only"
"""The target of log entries with the result of a tool; see `tool_log`."""

LOG_VARIABLES = ("RUST_LOG", "LOG_FORMAT")
"""The variables that set the contents and the format of Codex's log. Hidden from commands."""


def log_variables(env: Mapping[str, str], *, as_json: bool = True) -> dict[str, str]:
    """Return the variables that have Codex log the results of tools.

    Args:
        env: The environment otherwise, whose own filter is kept.
        as_json: Whether each entry is one line of JSON, which `codex exec` cannot do.
    """
    # Source: without a filter Codex logs errors.
    variables = {"RUST_LOG": f"{env.get('RUST_LOG') or 'error'},{LOG_TARGET}[{{output}}]=info"}
    return variables | {"LOG_FORMAT": "json"} if as_json else variables


_UNLOAD_AT_ONCE = "thread_unload_delay_secs=0"
_FIRST_TO_UNLOAD = (0, 154, 0)
"""The first build with the setting; earlier builds have a delay of half an hour."""


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """Options to start `codex app-server`.

    Attributes:
        codex: Absolute path of the Codex binary.
        env: The environment, including `CODEX_HOME`, without the logging variables.
        overrides: Settings in the form of `-c`, for example `model="gpt-5.5"`.
        flags: Further arguments of `codex app-server`.
        cwd: The working directory. None: inherited.
        opt_out: Notifications to suppress.
        listen: Listen address, for example `unix:///run/codex.sock`. None: stdin and stdout.
        prefix: Returns a command to run the rest of the command line, for example in a container; a
            new command for each start.
        clear: Removes the leftovers of a start with the prefix; awaited before the next start.
        prefixed_home: The Codex home as seen from here, with a prefix. None: inaccessible from
            here.
        aliases: Replacements in all received texts: own endpoints by the user's.
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
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def home(self) -> Path | None:
        """The Codex home as seen from here. None: inaccessible, or not configured."""
        if self.prefix:
            return self.prefixed_home
        named = self.env.get("CODEX_HOME")
        return None if named is None else Path(named)

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment."""
        return {**self.env, **log_variables(self.env)}

    def argv(self) -> list[str]:
        """Return the command line of a start."""
        own = [] if self._is_strict else [_UNLOAD_AT_ONCE]
        # The own setting comes last and so has precedence: the desk relies on the value.
        settings = [word for setting in (*self.overrides, *own) for word in ("-c", setting)]
        listen = [] if self.listen is None else ["--listen", self.listen]
        prefix: Sequence[str] = () if self.prefix is None else self.prefix()
        return [*prefix, str(self.codex), "app-server", *settings, *listen, *self.flags]

    def unloads_on_unsubscribe(self, version: tuple[int, int, int]) -> bool:
        """Return whether Codex unloads a thread after the last unsubscribe.

        Args:
            version: The version of Codex.
        """
        return version >= _FIRST_TO_UNLOAD and not self._is_strict

    @property
    def _is_strict(self) -> bool:
        # Source: with this flag, 0.153.4 refuses to start with an unknown setting.
        return "--strict-config" in self.flags
