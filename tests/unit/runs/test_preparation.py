from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.refusals import typed
from codexmcp.appserver.requests import ThreadInfo, ThreadOptions
from codexmcp.codex.permissions import RestrictedPaths
from codexmcp.errors import RequestError, StateError
from codexmcp.runs import preparation
from codexmcp.runs.preparation import CONTINUE_PROMPT, thread_options
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.states import RunState

EMPTY = "failed to read session metadata: rollout at /h/sessions/rollout-1.jsonl is empty"
UNUSED = "no rollout found for thread id old"


class Threads:
    """An app-server with the resting thread `old`, or with an error in its place."""

    def __init__(self, error: str = "") -> None:
        self._error = error
        self.forked_after: list[str | None] = []

    async def load_thread(self, thread_id: str, _options: ThreadOptions) -> ThreadInfo:
        if self._error:
            raise typed(RequestError("thread/resume", -32600, self._error))
        return ThreadInfo(thread_id, {})

    async def read_thread(self, _thread_id: str) -> dict[str, Any]:
        return {"turns": []}

    async def start_thread(self, _options: ThreadOptions) -> ThreadInfo:
        return ThreadInfo("new", {})

    async def fork_thread(
        self, _thread_id: str, _options: ThreadOptions, *, after: str | None = None
    ) -> ThreadInfo:
        self.forked_after.append(after)
        if after is not None:
            text = f"lastTurnId '{after}' identifies an in-progress turn"
            raise typed(RequestError("thread/fork", -32600, text))
        return ThreadInfo("fork", {})


def starting(*, attempt: int = 2, retried: int = 0, **request: Any) -> Run:
    asked = RunRequest("p", "/w", "/w", **request)
    run = Run("id", 1, asked, RunState.STARTING, "group", "/w", 0, 1.0)
    return replace(run, attempt=attempt, retried=retried, thread_id="old")


async def opened(run: Run, threads: Threads) -> tuple[str, str]:
    """Return the thread of a run and the prompt that it gets there."""
    server = cast("AppServer", threads)
    thread_id = await preparation.opener(run, ThreadOptions())(server, None)
    return thread_id, await preparation.prompt_of(server, thread_id, run)


async def resumed(run: Run, error: str = "") -> tuple[str, str]:
    return await opened(run, Threads(error))


async def test_a_run_that_is_continued_never_gets_its_prompt_again() -> None:
    assert await resumed(starting(retried=1)) == ("old", CONTINUE_PROMPT)
    assert await resumed(starting()) == ("old", "p")


@pytest.mark.parametrize("error", [EMPTY, UNUSED])
async def test_a_run_that_was_never_sent_gets_a_new_thread_for_one_without_record(
    error: str,
) -> None:
    assert await resumed(starting(), error) == ("new", "p")
    assert await resumed(starting(forks="origin"), error) == ("fork", "p")


@pytest.mark.parametrize("error", [EMPTY, UNUSED])
@pytest.mark.parametrize("run", [starting(retried=1), starting(attempt=1, continues="origin")])
async def test_what_was_sent_is_not_begun_anew_because_its_record_is_gone(
    run: Run, error: str
) -> None:
    with pytest.raises(StateError, match="no record of its conversation"):
        await resumed(run, error)


async def test_a_fork_after_a_turn_that_has_no_end_has_the_whole_history() -> None:
    threads = Threads()
    run = replace(starting(forks="origin", forks_after="cut off"), thread_id=None)
    assert await opened(run, threads) == ("fork", "p")
    assert threads.forked_after == ["cut off", None]


def run_with(config: dict[str, Any]) -> Run:
    request = RunRequest(
        prompt="p", cwd="/w", audit_dir="/w", env={"PATH": "/bin"}, thread={"config": config}
    )
    return Run("id", 1, request, RunState.STARTING, "group", "/w", 0, 1.0)


def test_no_login_shell_is_run_for_a_thread_that_does_not_use_one() -> None:
    config = thread_options(run_with({}), RestrictedPaths(), {}).config
    assert config["allow_login_shell"] is False
    assert config["features.shell_snapshot"] is False
    assert config["features.goals"] is False


def test_other_features_of_a_profile_stay_as_they_are() -> None:
    asked = {"features": {"memories": True, "shell_snapshot": True}, "model": "m"}
    config = thread_options(run_with(asked), RestrictedPaths(), {}).config
    assert config["features"] == {"memories": True, "goals": False, "shell_snapshot": False}
    assert config["model"] == "m"


def test_goals_are_off_unless_they_have_a_budget() -> None:
    run = run_with({"features": {"goals": True}, "features.goals": True})
    config = thread_options(run, RestrictedPaths(), {}).config
    assert (config["features"]["goals"], config["features.goals"]) == (False, False)
    budgeted = replace(run, request=replace(run.request, goal_tokens=500))
    assert thread_options(budgeted, RestrictedPaths(), {}).config["features.goals"] is True
