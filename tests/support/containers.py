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
_PLACES = ("docker", "podman", "/opt/container-engine/shim/docker")


def find_engine() -> str | None:
    """Return the first engine that answers: `CONTAINER_ENGINE`, docker, podman."""
    for name in (os.environ.get("CONTAINER_ENGINE"), *_PLACES):
        program = shutil.which(name) if name else None
        if program is not None and _answers(program):
            return program
    return None


def build_image(engine: str) -> None:
    """Build the image of this checkout, unless another is named by `CODEXMCP_TEST_IMAGE`."""
    if "CODEXMCP_TEST_IMAGE" in os.environ:
        return
    lock = CHECKOUT / ".cache" / "image.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        built = subprocess.run(
            [engine, "build", "--tag", IMAGE, str(CHECKOUT)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
    assert built.returncode == 0, built.stdout[-4000:]


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

    async def call(self, *args: str, stdin: bytes = b"") -> Ended:
        """Run a command of the engine to its end."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            *args,
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

    async def logs(self) -> str:
        """Return what the container wrote so far."""
        ran = await self.engine.call("logs", self.name)
        return ran.out + ran.err

    async def state(self) -> dict[str, Any]:
        """Return the container's state as the engine tells it."""
        ran = await self.engine.call("inspect", "--format", "{{json .State}}", self.name)
        state: dict[str, Any] = json.loads(ran.out)
        return state


@functools.cache
def _is_podman(program: str) -> bool:
    said = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=True)
    return b"podman" in said.stdout


def _answers(program: str) -> bool:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        # The shim starts its engine when it is down, which takes some seconds.
        asked = subprocess.run([program, "info"], capture_output=True, timeout=60, check=False)
        return asked.returncode == 0
    return False
