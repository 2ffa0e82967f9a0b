from __future__ import annotations

import json
from typing import Any

import pytest

from codexmcp.appserver.events import (
    CommandExecution,
    ConnectionLost,
    Event,
    FileChange,
    ItemStarted,
    parse_event,
)
from codexmcp.appserver.tool_log import ToolFinished, ToolResult
from codexmcp.appserver.unreported import RECONSTRUCTED, Unreported
from codexmcp.errors import AppServerClosedError

EXITED = "Chunk ID: 1\nProcess exited with code {}\nOutput:\n{}"


def event(method: str, **params: Any) -> Event:
    return parse_event(method, {"threadId": "t", "turnId": "turn-1", **params})


STARTED = event("turn/started", turn={"id": "turn-1"})
ENDED = event("turn/completed", turn={"id": "turn-1"})
ANSWER = event("item/started", item={"type": "agentMessage", "id": "m"})


def finished(
    call_id: str,
    tool: str = "exec_command",
    arguments: str = '{"cmd":"touch x"}',
    output: str = EXITED.format(1, "denied"),
    *,
    succeeded: bool = True,
) -> ToolFinished:
    return ToolFinished(ToolResult("t", call_id, tool, "", arguments, output, succeeded, 5))


def command(item_id: str, line: str = "/bin/zsh -c ls", **more: Any) -> dict[str, Any]:
    return {"type": "commandExecution", "id": item_id, "command": line, "cwd": "/w", **more}


def handed_on(*events: Event) -> list[Event]:
    unreported = Unreported("t")
    return [each for event in events for each in unreported.take(event)]


def made(*events: Event) -> list[Any]:
    """Return the items that were reconstructed, as they ended."""
    return [
        each.item
        for each in handed_on(STARTED, *events)
        if each.params.get(RECONSTRUCTED) and each.method == "item/completed"
        if isinstance(each, ItemStarted)
    ]


def test_a_command_without_events_gets_them_before_the_model_goes_on() -> None:
    events = handed_on(STARTED, finished("c"), ANSWER, ENDED)
    assert [each.method for each in events] == [
        "turn/started",
        "item/started",
        "item/completed",
        "item/started",
        "turn/completed",
    ]
    begun, ended = events[1], events[2]
    assert isinstance(begun, ItemStarted)
    assert isinstance(ended, ItemStarted)
    assert isinstance(ended.item, CommandExecution)
    assert (begun.turn_id, begun.thread_id, begun.item.raw["status"]) == (
        "turn-1",
        "t",
        "inProgress",
    )
    assert (ended.item.failed, ended.item.exit_code, ended.item.output) == (True, 1, "denied")
    assert ended.item.command == "/bin/bash -lc 'touch x'"


@pytest.mark.parametrize("last", [ENDED, ConnectionLost(AppServerClosedError("gone"))])
def test_what_is_missing_comes_before_the_end(last: Event) -> None:
    events = handed_on(STARTED, finished("c"), last)
    assert [each.method for each in events][1:3] == ["item/started", "item/completed"]
    assert events[-1] is last


def test_a_command_with_events_is_not_told_twice() -> None:
    begun = event("item/started", item=command("c"))
    ended = event("item/completed", item=command("c", exitCode=1, status="failed"))
    assert made(begun, ended, finished("c"), ENDED) == []
    assert made(begun, finished("c"), ended, ENDED) == []


def test_events_that_come_after_all_are_left_out() -> None:
    late = event("item/completed", item=command("c"))
    events = handed_on(STARTED, finished("c"), ANSWER, late, ENDED)
    assert late not in events


def test_the_shell_and_folder_are_those_of_the_commands_before() -> None:
    before = event("item/started", item=command("a"))
    (item,) = made(before, finished("c"), ENDED)
    assert (item.command, item.raw["cwd"]) == ("/bin/zsh -c 'touch x'", "/w")
    (item,) = made(finished("c", arguments='{"cmd":"ls","workdir":"/else"}'), ENDED)
    assert item.raw["cwd"] == "/else"


def test_a_command_that_succeeded_is_told_as_such() -> None:
    (item,) = made(finished("c", output=EXITED.format(0, "")), ENDED)
    assert (item.failed, item.exit_code, item.raw["status"]) == (False, 0, "completed")


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ('exec_command failed: CreateProcess { message: "…" }', "failed"),
        ('exec_command failed: Rejected("rejected by user")', "declined"),
        ("approval policy is Never; reject command", "declined"),
    ],
)
def test_a_command_that_never_ran_says_why(output: str, status: str) -> None:
    (item,) = made(finished("c", output=output, succeeded=False), ENDED)
    assert (item.raw["status"], item.exit_code, item.output) == (status, -1, output)
    assert item.failed


def test_a_patch_that_does_not_apply_is_a_failed_change_of_its_files() -> None:
    patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-a\n*** Add File: b.txt\n*** End Patch\n"
    failed = finished("p", "apply_patch", patch, "verification failed", succeeded=False)
    (item,) = made(failed, ENDED)
    assert isinstance(item, FileChange)
    assert (item.paths, item.raw["status"]) == (("a.txt", "b.txt"), "failed")
    assert made(finished("p", "apply_patch", patch, "Success"), ENDED) == []


def test_a_script_that_throws_is_a_failed_command_unless_a_call_in_it_explains_that() -> None:
    thrown = finished("s", "exec", "throw 1", "Script failed\nOutput:\n", succeeded=False)
    (item,) = made(thrown, ENDED)
    assert (item.command, item.failed) == ("exec 'throw 1'", True)
    assert [each.id for each in made(finished("c"), thrown, ENDED)] == ["c"]
    fine = finished("c", output=EXITED.format(0, ""))
    assert [each.id for each in made(fine, thrown, ENDED)] == ["c", "s"]


def test_other_tools_and_broken_arguments_do_no_harm() -> None:
    assert made(finished("w", "wait_agent", "{}", "timed out", succeeded=False), ENDED) == []
    (item,) = made(finished("c", arguments=json.dumps([1])), ENDED)
    assert item.command == "/bin/bash -lc '[1]'"


def test_what_nobody_waits_for_can_be_had_before_the_end() -> None:
    unreported = Unreported("t")
    unreported.take(finished("c"))
    assert [each.method for each in unreported.rest()] == ["item/started", "item/completed"]
    assert unreported.rest() == []
