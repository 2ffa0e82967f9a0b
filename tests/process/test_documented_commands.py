"""The commands in the README and in docs work as they stand, page by page."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codexmcp.testing import ScriptedModel, Text
from tests.clients.user import User
from tests.support.builds import CHECKOUT
from tests.support.documented import run_here
from tests.support.ended import run_to_end
from tests.support.processes import until

PAGES = run_here()
BOUND_S = 100.0
SKILL = Path(".codex") / "skills" / "mcp-skill-smoke"


@pytest.fixture
async def user(codex_home: Path, tmp_path: Path) -> AsyncIterator[User]:
    """A user with a project, a skill, a token and a key; every process of the user must end."""
    user = User(home=codex_home, folder=tmp_path / "project")
    for folder in (user.home, user.folder):
        shutil.copytree(CHECKOUT / SKILL, folder / SKILL)
    yield user
    await user.run(["codexmcp", "serve", "--stop"])
    await until(lambda: not user.processes(), f"every process has ended: {user.processes()}")


@pytest.mark.parametrize("page", PAGES)
async def test_the_commands_of_a_page_work(page: str, user: User) -> None:
    script = "\n".join(["set -euxo pipefail", *PAGES[page]])
    async with ScriptedModel([Text("All tests pass.")]) as model:
        user.reach(model)
        (await user.run(["codexmcp", "serve", "--rotate-token"])).worked()
        env = {**user.env, "OPENAI_API_KEY": "sk-of-a-test"}
        ran = await run_to_end(["bash", "-c", script], env, cwd=user.folder, bound_s=BOUND_S)
    assert ran.code == 0, f"{ran.out}\n{ran.err}"
