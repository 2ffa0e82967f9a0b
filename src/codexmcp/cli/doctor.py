"""`codexmcp doctor`: a real try of binary, home, sandbox, credentials and folders, and of a turn.

Promises to try all of them, whatever fails before, to show no key, and to leave nothing of the turn
in the Codex home. Owns the stand-in for the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.not_started import unwritable_home, why_unwritable
from codexmcp.cli.codex_options import codex_options, resolution
from codexmcp.cli.options.doctor import DoctorOptions
from codexmcp.cli.options.parts import LaunchFlags
from codexmcp.cli.output import Output
from codexmcp.codex import diagnosis
from codexmcp.codex.access import KeyAccess
from codexmcp.codex.binary import find_codex
from codexmcp.codex.desk import Desk, decline
from codexmcp.codex.diagnosis import Finding, Severity
from codexmcp.codex.keeper import AppServerKeeper
from codexmcp.codex.options import CodexOptions
from codexmcp.codex.resolution import Resolution
from codexmcp.codex.running import RunningCodex, run_codex
from codexmcp.codex.turns import TurnLimits
from codexmcp.data_classes import replace
from codexmcp.env_file import ENV_FILE_VARIABLE
from codexmcp.errors import CodexMCPError, ConfigurationError, ExitCode
from codexmcp.network import direct_to_loopback
from codexmcp.policy.arguments import ArgumentsError, CodexArguments
from codexmcp.policy.conversations import ConversationOptions, Conversations, Listener
from codexmcp.policy.policy import Defaults
from codexmcp.settings import (
    DEFAULT_SANDBOX_MODE,
    Settings,
    load_settings,
)

SANDBOX_TIMEOUT_S = 10.0
"""Bound on `codex sandbox -- true`, which takes 30 ms."""


def examine(options: DoctorOptions, output: Output) -> int:
    """Try everything and return the exit code."""
    findings = list(_examine(options))
    healthy = diagnosis.is_healthy(findings)
    if output.is_json:
        checks = [
            {"name": each.name, "verdict": each.severity, "detail": each.detail}
            for each in findings
        ]
        output.say_json({"ok": healthy, "checks": checks})
    else:
        for each in findings:
            # A fault stands out among the rest.
            severity = each.severity.upper() if each.severity is Severity.BROKEN else each.severity
            output.say(f"{severity:<7} {each.name}: {each.detail}")
    return ExitCode.DONE if healthy else ExitCode.CONFIGURATION


def _examine(options: DoctorOptions) -> Iterator[Finding]:
    settings = Settings()
    try:
        settings = load_settings()
    except ConfigurationError as error:
        yield Finding("settings", Severity.BROKEN, str(error))
    yield from _unread_files(settings)
    codex: Path | None = None
    try:
        codex = find_codex(settings.codex_bin)
    except ConfigurationError as error:
        yield Finding("codex", Severity.BROKEN, str(error))
    found: Resolution | None = None
    try:
        found = resolution(
            options.codex, settings, os.environ, profile=options.profile, codex=codex or Path()
        )
        yield _writable_home(found.home.path)
    except ArgumentsError as error:
        yield Finding("profile", Severity.BROKEN, str(error))
    except ConfigurationError as error:
        yield Finding("codex home", Severity.BROKEN, str(error))
    yield _writable(options.cwd or (Path("output") if Path("output").is_dir() else Path()))
    if found is not None:
        yield from _of_home(found)
        if codex is not None:
            yield from _of_codex(options, found)


def _of_home(found: Resolution) -> Iterator[Finding]:
    yield from diagnosis.legacy_settings(found.home)
    yield diagnosis.credentials(found)
    yield diagnosis.skills(found.home.path, _skill_names(found.home.path))


def _of_codex(options: DoctorOptions, found: Resolution) -> Iterator[Finding]:
    started = asyncio.run(_started(codex_options(options.codex, found)))
    yield started
    if started.severity is Severity.BROKEN:
        # The same fault would appear as one of the sandbox.
        return
    wanted = found.settings.sandbox_mode or DEFAULT_SANDBOX_MODE
    for mode in ("read-only", DEFAULT_SANDBOX_MODE):
        complaint = _sandbox_complaint(found.codex, found.env, mode)
        yield diagnosis.sandbox(mode, wanted, complaint)
    if diagnosis.credentials(found).severity is Severity.OK:
        yield asyncio.run(probe(options.codex, found, calls=not options.no_call))


async def _started(options: CodexOptions) -> Finding:
    """Start app-server and request its configuration, which the start alone does not read."""
    try:
        async with running(options) as server:
            await server.call("config/read", {})
            version = str(server.info.get("userAgent", "")).partition("/")[2].split(" ")[0]
    except CodexMCPError as error:
        return Finding("codex", Severity.BROKEN, " ".join(str(error).split()))
    return diagnosis.build(version, options.launch.codex)


def _unread_files(settings: Settings) -> Iterator[Finding]:
    """Report a `.env` in the working directory, which is not read."""
    here = Path(".env").absolute()
    if here.is_file() and here != settings.dotenv:
        yield Finding(
            "settings",
            Severity.NOTE,
            f"{here} is not read, because commands of Codex may write in its folder: export what "
            f"it says, or name it in {ENV_FILE_VARIABLE}",
        )


def _sandbox_complaint(codex: Path, env: Mapping[str, str], mode: str) -> str | None:
    command = [str(codex), "sandbox", "-c", f'sandbox_mode="{mode}"', "--", "true"]
    try:
        ran = subprocess.run(  # the one process here, and nothing else goes on meanwhile
            command,
            env=direct_to_loopback(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SANDBOX_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        return f"it does not start: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"nothing happened for {SANDBOX_TIMEOUT_S:g} s"
    if ran.returncode == 0:
        return None
    # bubblewrap's guess at the cause ("likely because ...") is wrong in containers.
    said = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[0]
    return said.partition(", likely")[0]


def _skill_names(home: Path) -> list[str] | None:
    try:
        with os.scandir(home / "skills") as entries:
            return [entry.name for entry in entries if (Path(entry) / "SKILL.md").is_file()]
    except OSError:
        return None


def _writable_home(home: Path) -> Finding:
    """Report whether Codex can write its databases and conversations to its home."""
    fault = why_unwritable(home)
    if fault is None:
        return Finding("codex home", Severity.OK, str(home))
    return Finding("codex home", Severity.BROKEN, unwritable_home(home, fault))


def _writable(folder: Path) -> Finding:
    folder = folder.absolute()
    error = why_unwritable(folder)
    if error is None:
        return Finding("output", Severity.OK, f"{folder} can be written to")
    detail = f"cannot write to {folder}: {error}; name another by --cwd, or run as its owner"
    return Finding("output", Severity.BROKEN, detail)


PROMPT = "Say OK and nothing else."
TURN_S = 90.0
"""Bound on the turn. An answer of a real model takes some seconds."""

_RETRIES = 1
_LONGEST_FAULT = 1000


async def probe(flags: LaunchFlags, found: Resolution, *, calls: bool) -> Finding:
    """Do one turn and return its outcome.

    Args:
        flags: The options of Codex.
        found: Binary, home and credentials, as for every other turn.
        calls: Call the real model instead of a stand-in.
    """
    found = replace(found, settings=replace(found.settings, request_retries=_RETRIES))
    try:
        found.check_access()
        async with contextlib.AsyncExitStack() as stack:
            if not calls:
                found = await stack.enter_async_context(_without_model(found))
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="codexmcp-"))
            fault = await _turn(flags, found, Path(folder))
    except CodexMCPError as error:
        fault = str(error)
    if fault is not None:
        return Finding("turn", Severity.BROKEN, " ".join(fault.split()))
    whose = "the model" if calls else "a stand-in for the model"
    return Finding("turn", Severity.OK, f"{whose} answered")


@contextlib.asynccontextmanager
async def running(options: CodexOptions) -> AsyncGenerator[AppServer, None]:
    """Run Codex as a server would while the block runs; see `run_codex`."""
    async with _run(options) as codex:
        yield codex.server


def _run(options: CodexOptions) -> AbstractAsyncContextManager[RunningCodex]:
    async def no_pace() -> None:
        return

    return run_codex(options, lambda request: decline(request, ""), no_pace)


async def _turn(flags: LaunchFlags, found: Resolution, folder: Path) -> str | None:
    """Return the fault of the turn; None after an answer."""
    options = codex_options(flags, found)
    threads: list[str] = []
    async with (
        AppServerKeeper(lambda: _run(options), options.check_access) as keeper,
        Desk(keeper) as desk,
    ):
        settings = ConversationOptions(
            limits=TurnLimits(timeout_s=TURN_S),
            defaults=Defaults(model=found.settings.model),
            base_dir=folder,
        )
        call = CodexArguments(
            PROMPT,
            cwd=str(folder),
            approval_policy="never",
            sandbox="read-only",
            config=found.choices.profile,
        )
        listener = Listener(on_thread=lambda thread: threads.append(thread.id))
        try:
            outcome = await Conversations(settings, desk).start(call, listener)
        finally:
            for thread_id in threads:
                with contextlib.suppress(CodexMCPError):
                    await (await keeper.get()).call("thread/delete", {"threadId": thread_id})
    return outcome.explanation[:_LONGEST_FAULT] or None


@contextlib.asynccontextmanager
async def _without_model(found: Resolution) -> AsyncGenerator[Resolution, None]:
    """Put a stand-in in the model's place: behind the key proxy where there is one."""
    from codexmcp.rehearsal.responses import Message, Reply  # noqa: PLC0415 - only then
    from codexmcp.rehearsal.server import ModelServer  # noqa: PLC0415

    async with ModelServer(lambda _request: Reply((Message("OK"),))) as model:
        if isinstance(found.access, KeyAccess):
            yield replace(found, access=replace(found.access, base_url=model.base_url))
        else:
            yield replace(found, choices=replace(found.choices, endpoint=model.base_url))
