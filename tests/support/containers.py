"""Builds the image and runs it, on whatever container engine there is.

Every container has a name of its own and is removed when its test ends, however that happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import json
import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.builds import CHECKOUT
from tests.support.ended import Ended

IMAGE = os.environ.get("CODEXMCP_TEST_IMAGE", "codexmcp:latest")
BOUND_S = 100.0
"""Bound on every wait for a container; most take 2 s."""

USER = 10001
KEY = "sk-canary-container-0123456789"
APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
SANDBOXED = [
    f"--security-opt=seccomp={CHECKOUT / 'scripts' / 'seccomp.json'}",
    # Docker's AppArmor profile denies every mount, which no seccomp profile changes.
    *(["--security-opt=apparmor=unconfined"] if APPARMOR.exists() else []),
]
"""What lets Codex's own sandbox work in a container."""

_BUILD_TIMEOUT_S = 900.0
_ANSWER_TIMEOUT_S = 60.0
_SCRATCH = CHECKOUT / ".cache"
_PROGRAMS = ("docker", "podman")


def prepare_engine() -> Engine:
    """Return the first engine that builds and runs the image of this checkout.

    That is `CONTAINER_ENGINE` if it is set, else Docker, else podman. One that answers may still be
    unable to run anything: podman's own limits are more than some machines allow.

    Raises:
        RuntimeError: None does; why not is told of each.
    """
    _SCRATCH.mkdir(exist_ok=True)
    named = os.environ.get("CONTAINER_ENGINE")
    refused = []
    for name in [named] if named else _PROGRAMS:
        program = _at_home(shutil.which(name))
        why = _refusal(program) if program else "not installed"
        if program and not why:
            return Engine(program)
        refused.append(f"{name}: {why}")
    raise RuntimeError("no container engine runs the image:\n" + "\n".join(refused))


@dataclass(frozen=True)
class Engine:
    """A container engine.

    Attributes:
        program: Its command line client.
    """

    program: str

    @property
    def is_podman(self) -> bool:
        """Whether it is podman, perhaps under the name of docker."""
        return _is_podman(self.program)

    @property
    def is_rootless(self) -> bool:
        """Whether users have other numbers in its containers."""
        return self.is_podman and os.geteuid() != 0

    @property
    def as_caller(self) -> list[str]:
        """The flags that run a container as us."""
        keeps = ["--userns=keep-id"] if self.is_rootless else []
        return [f"--user={os.getuid()}:{os.getgid()}", *keeps]

    async def call(self, *args: str, stdin: bytes = b"") -> Ended:
        """Run a command of the engine to its end."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            *args,
            # Podman leaves a file here when a container is out of memory.
            cwd=_SCRATCH,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(BOUND_S):
                out, err = await process.communicate(stdin)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    async def run(
        self,
        *args: str,
        flags: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> Ended:
        """Run the image to its end.

        Args:
            args: Its arguments.
            flags: Options of `docker run`.
            env: More for the container's environment.
            stdin: What it reads.
        """
        name = f"codexmcp-test-{uuid.uuid4().hex}"
        named = [f"--env={variable}={value}" for variable, value in (env or {}).items()]
        options = ["--rm", "--name", name, *(["-i"] if stdin else []), *named, *flags]
        try:
            return await self.call("run", *options, IMAGE, *args, stdin=stdin)
        except TimeoutError:
            raise AssertionError(f"`run {args}` took more than {BOUND_S:g} s") from None
        finally:
            await self.call("rm", "--force", name)

    @contextlib.asynccontextmanager
    async def start(
        self, *args: str, flags: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> AsyncIterator[RunningContainer]:
        """Run the image in the background while the block runs."""
        name = f"codexmcp-test-{uuid.uuid4().hex}"
        named = [f"--env={variable}={value}" for variable, value in (env or {}).items()]
        started = await self.call("run", "--detach", "--name", name, *named, *flags, IMAGE, *args)
        try:
            assert started.code == 0, started.err
            yield RunningContainer(self, name)
        finally:
            await self.call("rm", "--force", name)


@dataclass(frozen=True)
class RunningContainer:
    """A container in the background. Make one with `Engine.start`."""

    engine: Engine
    name: str

    async def execute(self, *command: str) -> Ended:
        """Run a command in the container."""
        return await self.engine.call("exec", self.name, *command)

    async def succeeds(self, *command: str) -> None:
        """Wait until a command in the container ends with 0."""
        for _ in range(120):
            if (await self.execute(*command)).code == 0:
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"{command} did not succeed\n{await self.logs()}")

    async def logs(self) -> str:
        """Return what the container wrote so far."""
        ran = await self.engine.call("logs", self.name)
        return ran.out + ran.err

    async def state(self) -> dict[str, Any]:
        """Return the container's state as the engine tells it."""
        ran = await self.engine.call("inspect", "--format", "{{json .State}}", self.name)
        state: dict[str, Any] = json.loads(ran.out)
        return state


def asked(*requests: tuple[str, dict[str, Any]]) -> bytes:
    """Return what a client sends: its introduction, and then requests with ids from 2 on."""
    client = {"name": "test", "version": "1"}
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        for number, (method, params) in enumerate([("initialize", about), *requests], start=1)
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def answered(ran: Ended, number: int) -> dict[str, Any]:
    """Return the result that a client got."""
    for message in map(json.loads, ran.out.splitlines()):
        if message.get("id") == number and "method" not in message:
            result: dict[str, Any] = message["result"]
            return result
    raise AssertionError(ran)


def settings_of_engines() -> dict[str, str]:
    """Return what of the environment tells engines how to work: without it some cannot run here."""
    kept = ("CONTAINERS_", "DOCKER_", "BUILDAH_", "XDG_RUNTIME_DIR")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)}


def _at_home(program: str | None) -> str | None:
    """Return a client for an engine that keeps images by user, who many a test takes for another.

    Without root podman looks for its storage in them, and leaves files there.
    """
    if program is None or os.geteuid() == 0 or not _is_podman(program):
        return program
    places = ("HOME", "XDG_RUNTIME_DIR", "TMPDIR")
    own = [f"{name}={os.environ[name]}" for name in places if name in os.environ]
    words = ["env", "-u", "XDG_RUNTIME_DIR", "-u", "TMPDIR", *own, program]
    client = _SCRATCH / "at-home" / "podman"
    client.parent.mkdir(exist_ok=True)
    text = f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'
    if not client.exists() or client.read_text() != text:
        made = client.with_name(uuid.uuid4().hex)
        made.write_text(text)
        made.chmod(0o755)
        made.replace(client)
    return str(client)


@functools.cache
def _is_podman(program: str) -> bool:
    said = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=True)
    return b"podman" in said.stdout


def _refusal(program: str) -> str:
    """Return why an engine cannot build or run the image; empty if it can."""
    run = [program, "run", "--rm", "--entrypoint=true", IMAGE]
    # Every test tells it, so only what a build says may be long.
    return (
        _last_line(_complaint([program, "info"], timeout_s=_ANSWER_TIMEOUT_S))
        or _build(program)
        or _last_line(_complaint(run, timeout_s=_ANSWER_TIMEOUT_S))
    )


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _build(program: str) -> str:
    """Build the image, unless another is named by `CODEXMCP_TEST_IMAGE`."""
    if "CODEXMCP_TEST_IMAGE" in os.environ:
        return ""
    with (_SCRATCH / "image.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        argv = [program, "build", "--tag", IMAGE, str(CHECKOUT)]
        return _complaint(argv, timeout_s=_BUILD_TIMEOUT_S)


def _complaint(argv: list[str], *, timeout_s: float) -> str:
    """Return what a command wrote if it failed, else nothing."""
    try:
        ran = subprocess.run(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ran.stdout[-4000:] or f"exit code {ran.returncode}" if ran.returncode else ""
