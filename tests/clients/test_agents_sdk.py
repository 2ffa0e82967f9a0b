"""The OpenAI Agents SDK: its `MCPServerStdio`, with the agents' model scripted as well."""

from __future__ import annotations

import asyncio

from agents import Agent, OpenAIProvider, RunConfig, Runner, RunResult
from agents.mcp import MCPServerStdio

from codexmcp.testing import (
    FunctionCall,
    Reply,
    Request,
    Role,
    ScriptedModel,
    ShellCall,
    Step,
    Text,
)
from tests.clients.page import block
from tests.clients.user import BOUND_S, User


def asks_codex(request: Request) -> Reply:
    """Pass the prompt on to Codex."""
    return Reply((FunctionCall("codex", {"prompt": request.turn.prompt}),))


def reports(request: Request) -> Text:
    """Repeat what Codex has answered."""
    return Text(f"It said {request.turn.steps[-1]['output']}")


async def test_the_program_of_the_documentation_works(user: User) -> None:
    (user.folder / "program.py").write_text(block("OpenAI Agents SDK", "python"))
    codex: list[Step] = [ShellCall("echo hello > index.html"), Text("made it")]
    async with ScriptedModel(codex, [asks_codex, reports]) as model:
        user.reach(model)
        variables = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": model.base_url}
        variables["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
        ran = (await user.run(["python", "program.py"], **variables)).worked()
        assert model.unexpected == []
    assert "It said" in ran.out
    assert "made it" in ran.out
    assert (user.folder / "index.html").read_text() == "hello\n"


async def test_two_agents_share_one_server_at_the_same_time(as_user: User) -> None:
    both = asyncio.Barrier(2)

    async def answers_when_both_have_come(request: Request) -> Text:
        # Neither of the two calls ends before the other has begun.
        async with asyncio.timeout(BOUND_S):
            await both.wait()
        return Text(f"done with {request.turn.prompt}")

    async def run(provider: OpenAIProvider, codex: MCPServerStdio, prompt: str) -> RunResult:
        agent = Agent(name=prompt, model="rehearsal", mcp_servers=[codex])
        config = RunConfig(model_provider=provider, tracing_disabled=True)
        return await Runner.run(agent, prompt, run_config=config)

    async def by_state(request: Request) -> Reply:
        return reports(request) if request.turn.steps else asks_codex(request)

    async with (
        asyncio.timeout(BOUND_S),
        ScriptedModel([answers_when_both_have_come] * 2, [by_state] * 4) as model,
        MCPServerStdio(
            params={"command": "codexmcp", "args": ["mcp-server"]},
            client_session_timeout_seconds=None,
        ) as codex,
    ):
        as_user.reach(model)
        provider = OpenAIProvider(api_key="sk-test", base_url=model.base_url)
        red, blue = await asyncio.gather(run(provider, codex, "red"), run(provider, codex, "blue"))
        await provider.aclose()
        roles = [request.role for request in model.requests]
    assert "done with red" in red.final_output
    assert "done with blue" in blue.final_output
    assert roles.count(Role.CODEX) == 2
