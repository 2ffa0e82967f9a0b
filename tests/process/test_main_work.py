"""What both entry points do when all goes well, as a user starts them."""

from __future__ import annotations

import json

import pytest

from codexmcp.testing import Role, ScriptedModel, ShellCall, Step, Surface, Text
from tests.support.model_steps import UNKNOWN_MODEL
from tests.support.programs import KEY, Project

WRITE = ShellCall("mkdir -p game; echo '<h1>Snake</h1>' | tee index.html game/snake.js")


async def test_files_come_out_and_are_listed(project: Project, program: str) -> None:
    (project.output / "old.txt").write_text("was there before")
    async with ScriptedModel([WRITE, Text("I made it.")]) as model:
        project.reach(model.base_url)
        ran = await project.run(program, "Create a snake game")
    assert ran.code == 0
    assert (project.output / "index.html").read_text() == "<h1>Snake</h1>\n"
    assert ran.out.startswith("Codex reported:\nI made it.\n")
    listed = f"Files in {project.output}:\n  game/snake.js\n  index.html\n"
    assert listed in ran.out
    assert f"Continue with: uv run python {program} --resume " in ran.out
    assert "run       mkdir -p game;" in ran.err
    assert model.requests[0].role is Role.AGENT
    assert "Create a snake game" in json.dumps(model.requests[1].body)
    assert "api.openai.com" not in ran.out + ran.err


async def test_resume_continues_the_thread_in_a_second_process(
    project: Project, program: str
) -> None:
    async with ScriptedModel([WRITE, Text("first answer"), Text("second answer")]) as model:
        project.reach(model.base_url)
        first = await project.run(program, "--json", "the first task")
        thread = first.result["threadId"]
        second = await project.run(program, "--json", "the second task", "--resume", thread)
        last = model.requests[-2]
    assert second.result["threadId"] == thread
    assert second.result["exitCode"] == 0
    assert last.role is Role.CODEX
    seen = json.dumps(last.body["input"])
    assert seen.index("the first task") < seen.index("first answer") < seen.index("the second task")


async def test_every_line_of_json_output_is_an_event_and_the_result_comes_last(
    project: Project, program: str
) -> None:
    # Codex does not know the model that is named, and so offers it plain tools.
    script: list[Step] = [WRITE, Text("I made it.")]
    async with ScriptedModel(script, surface=Surface.PLAIN) as model:
        project.reach(model.base_url)
        ran = await project.run(
            program,
            "--json",
            "-",
            "--model",
            "gpt-codex-x",
            "--agent-model",
            "gpt-agent-x",
            stdin="Task from stdin: ü \N{SNAKE}\n".encode(),
        )
        models = {request.role: request.model for request in model.requests}
        prompt = model.requests[1].turn.prompt
    assert ran.err == ""
    kinds = [event["type"] for event in ran.events]
    assert kinds[:3] == ["agent", "tool", "thread"]
    assert {"command", "command_end", "message"} <= set(kinds)
    assert kinds.index("result") == len(kinds) - 1
    assert ran.result["answer"] == "Codex reported:\nI made it."
    assert ran.result["files"] == ["game/snake.js", "index.html"]
    assert ran.result["error"] is None
    assert models == {Role.AGENT: "gpt-agent-x", Role.CODEX: "gpt-codex-x"}
    assert prompt.strip() == "Task from stdin: ü \N{SNAKE}"


async def test_read_only_blocks_a_write_and_the_work_counts_as_failed(
    project: Project, program: str
) -> None:
    # The second, because Codex may tell nothing of a command that its sandbox denies at once.
    script: list[Step] = [ShellCall("echo no > index.html"), ShellCall("exit 3"), Text("All done!")]
    async with ScriptedModel(script) as model:
        project.reach(model.base_url)
        ran = await project.run(program, "write", "--sandbox", "read-only")
        seen = json.dumps(model.requests[2].body["input"])
    assert not (project.output / "index.html").exists()
    assert "Read-only file system" in seen
    # The agent sounds content, and yet nothing was done.
    assert "All done!" in ran.out
    assert ran.code == 1
    # Source: whether Codex 0.163.0 tells of the first one is a race, on a busy machine it does.
    told = ("the only command", "all 2 commands")
    ends = [f"error: {which} failed, and no file changed" for which in told]
    assert ran.error in ends


async def test_cwd_and_the_sandbox_variable_decide_where_codex_works(
    project: Project, program: str
) -> None:
    script: list[Step] = [ShellCall("pwd > here.txt; echo no > ../outside.txt; true"), Text("done")]
    async with ScriptedModel(script) as model:
        project.reach(model.base_url)
        ran = await project.run(program, "go", "--cwd", "made/anew", CODEX_SANDBOX_MODE="")
    assert ran.code == 0
    folder = project.root / "made" / "anew"
    assert (folder / "here.txt").read_text() == f"{folder}\n"
    assert not (folder.parent / "outside.txt").exists()


@pytest.mark.parametrize(
    ("named", "tool"), [([], "exec"), (["--model", UNKNOWN_MODEL], "exec_command")]
)
async def test_a_rehearsal_needs_no_key_and_uses_the_tools_of_its_model(
    project: Project, program: str, named: list[str], tool: str
) -> None:
    ran = await project.run(program, "--rehearse", *named, "$mcp-skill-smoke run the smoke script")
    assert ran.code == 0
    assert ran.err.startswith("rehearsal: no model is called\n")
    assert ("warning" in ran.err) == bool(named)
    result = (project.output / "skill-smoke-result.txt").read_text()
    assert result.startswith("skill=mcp-skill-smoke\n")
    assert result in ran.out
    assert "--rehearse --resume " in ran.out
    (rollout,) = project.home.glob("sessions/**/*.jsonl")
    lines = [json.loads(line)["payload"] for line in rollout.read_text().splitlines()]
    called = [line["name"] for line in lines if str(line.get("type")).endswith("_call")]
    assert called == [tool]


async def test_a_rehearsal_says_that_it_cannot_think(project: Project, program: str) -> None:
    ran = await project.run(program, "--rehearse", "Invent something")
    assert ran.code == 1
    assert "cannot think" in ran.error


async def test_the_home_stays_as_the_user_left_it(project: Project, program: str) -> None:
    config = (project.home / "config.toml").read_bytes()
    async with ScriptedModel([WRITE, Text("done")]) as model:
        # A key in .env alone, as most users have it.
        (project.root / ".env").write_text(
            f"OPENAI_API_KEY={KEY}\nOPENAI_BASE_URL={model.base_url}\n"
        )
        ran = await project.run(program, "go")
    assert ran.code == 0, ran.err
    assert (project.home / "config.toml").read_bytes() == config
    assert not (project.home / "auth.json").exists()
