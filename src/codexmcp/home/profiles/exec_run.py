"""One short run of `codex exec` with a profile, and its outcome."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.appserver.child import Child
from codexmcp.data_classes import dataclass
from codexmcp.home.profiles.files import profile_path
from codexmcp.jsonvalues import dig, is_object, list_of, object_of, text_of

PROMPT = "Say OK and nothing else."
TIMEOUT_S = 60.0
LIVE_TIMEOUT_S = 180.0
_OUTPUT_BYTES = 1024 * 1024
_METADATA = "Model metadata for"
_LONGEST_PATH = 200


@dataclass(frozen=True, slots=True)
class ExecOutcome:
    """The outcome of a run of Codex.

    Attributes:
        answer: The model's last message; None without a message.
        trouble: The failure; None after a completed turn.
        warnings: Codex's other messages.
    """

    answer: str | None
    trouble: str | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exec:
    """Parameters of a `codex exec` run.

    Attributes:
        codex: The Codex binary.
        env: The whole environment, including `CODEX_HOME`.
        profile: The profile.
        settings: Settings in the syntax of `-c`.
        is_strict: Unknown settings end the run.
    """

    codex: Path
    env: Mapping[str, str]
    profile: str
    settings: Sequence[str] = ()
    is_strict: bool = False

    def argv(self, folder: Path) -> list[str]:
        """Return the command line.

        Args:
            folder: An empty working directory.
        """
        settings = [word for setting in self.settings for word in ("-c", setting)]
        strict = ["--strict-config"] if self.is_strict else []
        # A trial leaves no session and no file.
        options = ["--json", "--ephemeral", "--skip-git-repo-check", "--sandbox", "read-only"]
        place = ["-C", str(folder), "--profile", self.profile]
        return [str(self.codex), "exec", *options, *strict, *place, *settings, PROMPT]

    async def run(self, timeout_s: float) -> ExecOutcome:
        """Run Codex to its end.

        Args:
            timeout_s: Bound on the whole run.

        Raises:
            CodexBinaryError: Codex does not start.
        """
        with tempfile.TemporaryDirectory(prefix="codexmcp-") as folder:
            child = await Child.start(self.argv(Path(folder)), env=self.env)
            try:
                # Codex also reads a prompt from stdin.
                child.stdin.close()
                async with asyncio.timeout(timeout_s):
                    output = await child.stdout.read(_OUTPUT_BYTES)
                    while more := await child.stdout.read(_OUTPUT_BYTES):
                        output = (output + more)[-_OUTPUT_BYTES:]
                    await child.exited(timeout_s)
                return read_end(output.decode(errors="replace"), await child.last_words())
            except TimeoutError:
                words = await child.last_words()
                reason = f"Codex did not end within {timeout_s:g} s"
                return ExecOutcome(None, f"{reason}: {words}" if words else reason)
            finally:
                await child.stop(eof_grace_s=0)


def read_end(output: str, stderr: str) -> ExecOutcome:
    """Return the outcome of a run.

    Args:
        output: The stdout of `codex exec --json`.
        stderr: The last lines of its stderr.

    Source: exit code 0 does not prove a completed turn; the events do.
    """
    events = list(_events(output))
    items = [object_of(event.get("item")) for event in events]
    answers = [text_of(item.get("text")) for item in items if item.get("type") == "agent_message"]
    said = [text_of(item.get("message")) for item in items if item.get("type") == "error"]
    warnings = dict.fromkeys(text for text in said if text and not text.startswith(_METADATA))
    failures = [
        text_of(dig(event, "error", "message")) or text_of(event.get("message"))
        for event in events
        if event.get("type") in {"turn.failed", "error"}
    ]
    completed = any(event.get("type") == "turn.completed" for event in events)
    trouble = None if completed else (failures or [None])[-1] or _reason(stderr)
    return ExecOutcome(answers[-1] if answers else None, trouble, tuple(warnings))


def _events(output: str) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if is_object(event):
                yield event


def _reason(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if not line.startswith("Reading additional")]
    return " ".join(" ".join(lines).split()) or "Codex ended without a message"


@contextlib.contextmanager
def shadow_home(
    home: Path, profile: str, settings: Mapping[str, Any]
) -> Generator[Path, None, None]:
    """Provide a temporary home with the same configuration and nothing else.

    The trial thus uses no login, and leaves no session, log or cache in the user's home.

    Args:
        home: The Codex home.
        profile: The profile.
        settings: config.toml with the profile on top; files named here are included.
    """
    with tempfile.TemporaryDirectory(prefix="codexmcp-") as name:
        shadow = Path(name)
        for file in (home / "config.toml", profile_path(home, profile)):
            if file.is_file():
                shutil.copyfile(file, shadow / file.name)
        for text in _texts(settings):
            source = home / text
            if _is_below(text) and source.is_file() and not (shadow / text).exists():
                (shadow / text).parent.mkdir(parents=True, exist_ok=True)
                (shadow / text).symlink_to(source.absolute())
        yield shadow


def _is_below(text: str) -> bool:
    path = Path(text)
    is_name = bool(text) and len(text) <= _LONGEST_PATH and text.isprintable()
    return is_name and not path.is_absolute() and ".." not in path.parts


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    within: Iterable[object] = object_of(value).values() or list_of(value)
    for entry in within:
        yield from _texts(entry)
