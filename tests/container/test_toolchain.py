"""The image with a toolchain, as a project would add one, and the dev container made of it."""

from __future__ import annotations

import json
import uuid

from tests.support.builds import CHECKOUT
from tests.support.containers import IMAGE, SANDBOXED, USER, Engine

FOLDER = CHECKOUT / "deploy" / "toolchain"
DEV_CONTAINER = CHECKOUT / ".devcontainer" / "devcontainer.json"


def test_a_toolchain_takes_ten_lines() -> None:
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    assert len([line for line in lines if line and not line.startswith("#")]) <= 10


async def test_what_it_adds_is_there_for_the_commands_of_codex(engine: Engine) -> None:
    tag = f"codexmcp-test-toolchain:{uuid.uuid4().hex[:12]}"
    arguments = [f"--build-arg=IMAGE={IMAGE}", "--build-arg=PACKAGES=make"]
    built = await engine.call("build", *arguments, "--tag", tag, str(FOLDER))
    assert built.code == 0, built.err
    try:
        flags = ["--rm", *SANDBOXED, "--env=CODEX_SANDBOX_MODE=workspace-write"]
        ran = await engine.call("run", *flags, tag, "--rehearse", "run `make --version; id -u`")
        assert ran.code == 0, ran.err
        assert "GNU Make" in ran.out
        assert f"\n{USER}\n" in ran.out
    finally:
        await engine.call("image", "rm", "--force", tag)


async def test_the_dev_container_is_made_of_what_is_here(engine: Engine) -> None:
    told = json.loads(DEV_CONTAINER.read_text())
    assert (DEV_CONTAINER.parent / told["build"]["dockerfile"]).resolve() == FOLDER / "Dockerfile"
    assert (DEV_CONTAINER.parent / told["build"]["context"]).resolve() == FOLDER
    words = [word.replace("${localWorkspaceFolder}", str(CHECKOUT)) for word in told["runArgs"]]
    environment = [f"--env={name}={value}" for name, value in told["containerEnv"].items()]
    flags = [*words, *environment, f"--user={told['remoteUser']}", "--entrypoint=codex"]
    ran = await engine.call("run", "--rm", *flags, IMAGE, "sandbox", "--", "id", "-un")
    assert ran.out == "codex\n", ran.err
