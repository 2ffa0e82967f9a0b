"""The ground of a seed: its folders, environment and processes, and their faults."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.clients import Caller
from tests.campaign.evidence import Call, processes_of
from tests.support.ended import Ended, run_to_end

CODEXMCP = (sys.executable, "-P", "-m", "codexmcp")
_HOME_SIZE = "48m"
_BLOCK = bytes(64 * 1024)


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a campaign.

    Attributes:
        work: Folder of the seeds' folders; not below /tmp, where Codex's sandbox does not work.
        watch_s: Time to watch the end of a seed, in seconds.
        codex: The binary of another build of Codex; None for the bundled one.
    """

    work: Path
    watch_s: float
    codex: Path | None = None


class Ground:
    """A Codex home, a project and a runtime folder. Made by `ground`."""

    def __init__(self, folder: Path, runtime: Path, codex: Path | None, *, can_fill: bool) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.project = folder / "project"
        self.runtime = runtime / "codexmcp"
        self.can_fill = can_fill
        env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "CODEX"))}
        env |= {"HOME": str(self.home), "CODEX_HOME": str(self.home)}
        env |= {"XDG_RUNTIME_DIR": str(runtime), "CODEXMCP_REQUEST_RETRIES": "1"}
        self.env = env if codex is None else env | {"CODEX_BIN": str(codex)}

    def configure(self, base_url: str, *, proxy: bool) -> None:
        """Lead Codex to a model, through the key proxy or without a key."""
        if proxy:
            self.env |= {"OPENAI_API_KEY": "sk-campaign", "OPENAI_BASE_URL": base_url}
            return
        provider = f'name = "scripted"\nbase_url = "{base_url}"\nwire_api = "responses"\n'
        text = f'model_provider = "scripted"\n[model_providers.scripted]\n{provider}'
        (self.home / "config.toml").write_text(text)

    def caller(self, name: str, flags: Sequence[str], calls: list[Call]) -> Caller:
        """Return a client, whose server is not started yet."""
        return Caller(name, [*CODEXMCP, "mcp-server", *flags], self.env, self.project, calls)

    async def command(self, *words: str, bound_s: float = 50) -> Ended:
        """Run `codexmcp` to its end.

        Raises:
            TimeoutError: It goes on.
        """
        argv = [*CODEXMCP, *words]
        return await run_to_end(argv, self.env, cwd=self.project, bound_s=bound_s)

    def processes(self) -> dict[int, str]:
        """Return the command lines of all processes of this ground, by pid."""
        return processes_of(self.folder, self.runtime.parent)

    def signal(self, whom: str, number: signal.Signals) -> None:
        """Send a signal to every `supervisor` or `app-server`."""
        word = {"supervisor": " serve ", "app-server": " app-server "}[whom]
        for pid, line in self.processes().items():
            if word in f"{line} " and "--stop" not in line:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Have no space left in the home; nothing happens without the right to mount."""
        filler = self.home / "filler"
        if self.can_fill:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(_BLOCK):
                    pass
        try:
            yield
        finally:
            filler.unlink(missing_ok=True)

    def unlink_sockets(self) -> None:
        """Delete the sockets on which supervisors take clients, as a cleaner may."""
        for file in self.runtime.glob("*.sock"):
            if not file.name.endswith(".codex.sock"):
                file.unlink()

    async def end(self) -> None:
        """Kill every process that is left, again and again: more may be on their way."""

        def killed() -> bool:
            left = self.processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        await until(killed, 5)


@contextlib.asynccontextmanager
async def ground(folder: Path, codex: Path | None, *, can_fill: bool) -> AsyncIterator[Ground]:
    """Give a ground; at the end its processes are killed and its files stay.

    Args:
        folder: The seed's folder; an old one is removed.
        codex: The binary of another build of Codex.
        can_fill: Whether the home is to be a small file system of its own.
    """
    await remove(folder)
    home = folder / "home"
    for path in (home, folder / "project"):
        path.mkdir(mode=0o700, parents=True)
    # Not below the folder: the path of a socket is bounded.
    runtime = Path(tempfile.mkdtemp(prefix="cmc-"))
    size = f"size={_HOME_SIZE},mode=700"
    mounted = can_fill and await _ran("mount", "-t", "tmpfs", "-o", size, "tmpfs", str(home))
    here = Ground(folder, runtime, codex, can_fill=mounted)
    try:
        yield here
    finally:
        await here.end()
        for log in here.runtime.glob("*.log"):
            shutil.copy(log, folder)
        shutil.rmtree(runtime, ignore_errors=True)
        if mounted:
            with contextlib.suppress(shutil.Error):
                shutil.copytree(home, folder / "home.copy", symlinks=True)
            await _ran("umount", "-l", str(home))


async def remove(folder: Path) -> None:
    """Remove the folder of a seed, even of one that was killed."""
    home = folder / "home"
    if home.is_mount():
        await _ran("umount", "-l", str(home))
    shutil.rmtree(folder, ignore_errors=True)


async def until(reached: Callable[[], object], bound_s: float) -> bool:
    """Wait until something is true that has no event to wait for; return whether it became so."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(bound_s):
            while not reached():  # noqa: ASYNC110 - files and /proc have no events
                await asyncio.sleep(0.05)
            return True
    return False


async def _ran(*argv: str) -> bool:
    with contextlib.suppress(OSError):
        return (await run_to_end(argv, os.environ, bound_s=20)).code == 0
    return False
