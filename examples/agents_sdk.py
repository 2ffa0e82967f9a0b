"""Give an agent of the OpenAI Agents SDK a tool that hands tasks to Codex."""

from __future__ import annotations

import asyncio

from agents import Agent, Runner, function_tool

from codexmcp import Codex


async def main() -> None:
    """Run an agent that delegates to Codex."""
    async with Codex(sandbox="workspace-write") as running:
        thread: str | None = None

        @function_tool
        async def codex(prompt: str) -> str:
            """Have Codex do a task in the working directory; it remembers the earlier ones."""
            nonlocal thread
            again = {} if thread is None else {"resume": thread}
            result = await running.run(prompt, **again)  # type: ignore[arg-type]
            thread = result.thread_id
            return result.message

        agent = Agent("Engineer", instructions="Have Codex do what is asked.", tools=[codex])
        answer = await Runner.run(agent, "Run `uname -sr` and tell me which system this is.")
    print(answer.final_output)


asyncio.run(main())
