"""`codexmcp rehearse` and `codexmcp agent`: what `main.py` does, without a checkout around."""

from __future__ import annotations

from pathlib import Path

from codexmcp.testing import ScriptedModel, ShellCall, Text
from tests.support.ended import run_to_end
from tests.support.mcp_server import environment
from tests.support.supervision import PYTHON

BOUND_S = 60.0


async def test_a_rehearsal_needs_no_checkout_no_key_and_no_prompt(
    codex_home: Path, tmp_path: Path
) -> None:
    argv = [*PYTHON, "codexmcp", "rehearse"]
    env = environment(codex_home)
    (tmp_path / ".env").write_text("CODEX_BIN=/no/such/program\n")
    ended = await run_to_end(argv, env, cwd=tmp_path, bound_s=BOUND_S)
    assert ended.code == 0, ended
    assert (tmp_path / "output" / "rehearsal.txt").exists()
    assert "codexmcp agent --rehearse --resume " in ended.out


async def test_an_agent_works_below_the_working_directory(codex_home: Path, tmp_path: Path) -> None:
    async with ScriptedModel([ShellCall("echo hi > made"), Text("done")]) as model:
        env = environment(
            codex_home, OPENAI_BASE_URL=model.base_url, OPENAI_API_KEY="sk-" + "1" * 20
        )
        argv = [*PYTHON, "codexmcp", "agent", "make it"]
        ended = await run_to_end(argv, env, cwd=tmp_path, bound_s=BOUND_S)
    assert ended.code == 0, ended
    assert (tmp_path / "output" / "made").read_text() == "hi\n"


async def test_wrong_usage_of_an_agent_is_one_line(codex_home: Path, tmp_path: Path) -> None:
    argv = [*PYTHON, "codexmcp", "agent", "--nonsense"]
    ended = await run_to_end(argv, environment(codex_home), cwd=tmp_path, bound_s=BOUND_S)
    assert ended.code == 2
    assert ended.err.startswith("codexmcp: ")
    assert ended.err.count("\n") == 1
