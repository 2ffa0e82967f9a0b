"""The answers of the tools `codex` and `codex-reply`, in the removed server's words."""

from __future__ import annotations

from codexmcp.appserver.events import TurnStatus
from codexmcp.appserver.refusals import UnknownThreadError
from codexmcp.codex.desk import Desk, ThreadBusyError
from codexmcp.codex.key_proxy import explained
from codexmcp.data_classes import dataclass, field, replace
from codexmcp.errors import RequestError, TurnFailedError
from codexmcp.policy.arguments import CodexArguments, ReplyArguments
from codexmcp.policy.conversations import (
    ConversationOptions,
    Conversations,
    Listener,
)
from codexmcp.policy.outcome import Outcome
from codexmcp.server.codex_events import old_spelling
from codexmcp.server.results import CallResult, cut_to, failure


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of a client's tools.

    Attributes:
        conversations: Options of every call.
        max_result_bytes: Bound on an answer's text. None: unbounded.
    """

    conversations: ConversationOptions = field(default_factory=ConversationOptions)
    max_result_bytes: int | None = None


class Engine:
    """The two tools for one client, without a protocol.

    Args:
        options: Options of the tools.
        desk: The desk for turns.
    """

    def __init__(self, options: EngineOptions, desk: Desk) -> None:
        self._conversations = Conversations(options.conversations, desk)
        self._max_result_bytes = options.max_result_bytes

    async def codex(self, call: CodexArguments, listener: Listener) -> CallResult:
        """Start a thread and run its first turn; see `Conversations.start`.

        Raises:
            ArgumentsError: The call is invalid, or the policy forbids an argument.
            AppServerError: Codex is not reachable.
            DeadlineError: A bound was reached.
        """
        try:
            return self._answer(await self._conversations.start(call, listener))
        except TurnFailedError as error:
            return failure(str(error), error.thread_id)
        except RequestError as error:
            return failure(_load_failure(error))

    async def reply(self, call: ReplyArguments, listener: Listener) -> CallResult:
        """Run a further turn of a thread; see `Conversations.proceed`.

        Raises:
            ArgumentsError: The call is invalid.
            AppServerError: Codex is not reachable.
            DeadlineError: A bound was reached.
        """
        thread_id = call.thread_id
        try:
            return self._answer(await self._conversations.proceed(call, listener))
        except TurnFailedError as error:
            return failure(str(error), thread_id)
        except UnknownThreadError:
            return failure(f"Session not found for thread_id: {thread_id}", thread_id)
        except RequestError as error:
            return failure(f"Cannot continue thread {thread_id}: {error.message}", thread_id)
        except ThreadBusyError:
            text = "another client works on it; wait for its end and try again"
            return failure(f"Cannot continue thread {thread_id}: {text}", thread_id)

    async def close(self) -> None:
        """Stop all remaining work of the calls, after the client has left."""
        await self._conversations.close()

    def _answer(self, outcome: Outcome) -> CallResult:
        result = outcome.result
        answer = CallResult(result.last_message, result.thread_id, output=outcome.output)
        if outcome.fault:
            is_codexs = result.status not in {TurnStatus.COMPLETED, TurnStatus.INTERRUPTED}
            fault = old_spelling(outcome.fault) if is_codexs else outcome.fault
            answer = failure(explained(fault, outcome.failure_cause), result.thread_id)
        meta = {"usage": result.usage.to_json(), "durationMs": outcome.duration_ms}
        answer = replace(answer, meta=meta, notes=outcome.notes)
        return cut_to(answer, self._max_result_bytes)


def _load_failure(error: RequestError) -> str:
    """Return the removed server's words for options refused by Codex."""
    reason = error.message.removeprefix("failed to load configuration: ")
    return f"Failed to load Codex configuration from overrides: {reason}"
