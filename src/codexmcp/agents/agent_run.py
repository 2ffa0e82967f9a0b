"""Run an agent of the OpenAI Agents SDK, and explain its failures.

The only converter of the SDK's errors into ours.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import openai
from agents import Agent, MaxTurnsExceeded, OpenAIProvider, RunConfig, RunHooks, Runner
from agents.exceptions import AgentsException

from codexmcp.agents.progress import AgentProgress, ProgressKind, ShowStep
from codexmcp.agents.workplace import Workplace
from codexmcp.errors import ConfigurationError, WorkError
from codexmcp.jsonvalues import dig, text_of
from codexmcp.network import DIRECT_MOUNTS, tls_context

if TYPE_CHECKING:
    from agents import RunContextWrapper, Tool, TResponseInputItem


class _Hooks(RunHooks[None]):
    """Show the agent's own steps."""

    def __init__(self, show: ShowStep) -> None:
        self._show = show

    async def on_llm_start(
        self,
        context: RunContextWrapper[None],  # noqa: ARG002 - the SDK's signature
        agent: Agent[None],  # noqa: ARG002
        system_prompt: str | None,  # noqa: ARG002
        input_items: list[TResponseInputItem],  # noqa: ARG002
    ) -> None:
        self._show(AgentProgress(ProgressKind.AGENT, "the agent asks its model"))

    async def on_tool_start(
        self,
        context: RunContextWrapper[None],  # noqa: ARG002
        agent: Agent[None],  # noqa: ARG002
        tool: Tool,
    ) -> None:
        self._show(
            AgentProgress(ProgressKind.TOOL, f"the agent calls {tool.name}", {"tool": tool.name})
        )


async def run_agent(agent: Agent[None], workplace: Workplace, show: ShowStep) -> str:
    """Run the agent on the prompt and return its final answer.

    Raises:
        ConfigurationError: The model's endpoint refused the key.
        WorkError: The agent failed.
    """
    arguments = workplace.plan.arguments
    async with openai.AsyncOpenAI(
        api_key=workplace.plan.agent_key,
        base_url=workplace.agent_base_url,
        http_client=openai.DefaultAsyncHttpxClient(mounts=DIRECT_MOUNTS, verify=tls_context()),
    ) as client:
        provider = OpenAIProvider(openai_client=client, use_responses=True)
        try:
            result = await Runner.run(
                agent,
                arguments.prompt,
                max_turns=arguments.max_turns,
                hooks=_Hooks(show),
                # By default the SDK sends traces, including prompts, to OpenAI.
                run_config=RunConfig(
                    model=arguments.agent_model, model_provider=provider, tracing_disabled=True
                ),
            )
        except MaxTurnsExceeded:
            raise WorkError(
                f"the agent was not done after {arguments.max_turns} turns; continue with "
                "--resume, or allow more with --max-turns"
            ) from None
        except openai.APIError as error:
            raise _explained(error, workplace) from error
        except AgentsException as error:
            raise WorkError(f"the agent failed: {error}") from error
        except (AttributeError, TypeError, ValueError, LookupError) as error:
            if _is_ours(error):
                raise
            # The SDK does not validate an answer against the Responses API.
            raise WorkError(
                f"the agent could not read what its model at {_endpoint(workplace)} answered: "
                f"{type(error).__name__}: {error}; does it speak the Responses API?"
            ) from error
    return str(result.final_output)


def _is_ours(error: Exception) -> bool:
    """Return True if the exception comes from our code called by the SDK, such as a hook."""
    called_by_us = error.__traceback__ and error.__traceback__.tb_next
    modules = (str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(called_by_us))
    return any(module.startswith("codexmcp.") for module in modules)


def _explained(error: openai.APIError, workplace: Workplace) -> ConfigurationError | WorkError:
    """Return our error for an error of the model's endpoint."""
    where = _endpoint(workplace)
    if isinstance(error, openai.AuthenticationError):
        return ConfigurationError(
            f"{where} refused the key: {_message(error)}; set a valid OPENAI_API_KEY"
        )
    if isinstance(error, openai.APITimeoutError):
        return WorkError(f"the agent's model at {where} did not answer in time; try again")
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error
        return WorkError(
            f"cannot reach the agent's model at {where}: {str(cause) or _kind(cause)}; check "
            "OPENAI_BASE_URL and the network"
        )
    status = f"HTTP {error.status_code}: " if isinstance(error, openai.APIStatusError) else ""
    return WorkError(f"the agent's model at {where} failed: {status}{_message(error)}")


def _endpoint(workplace: Workplace) -> str:
    return workplace.agent_base_url or "OpenAI"


def _kind(error: BaseException) -> str:
    """Return the name of an error without a text, such as a connection reset."""
    return type(error).__name__


def _message(error: openai.APIError) -> str:
    return text_of(dig(error.body, "message")) or error.message
