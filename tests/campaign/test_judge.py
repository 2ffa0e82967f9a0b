"""The judge finds planted faults, and nothing in a good seed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.campaign.evidence import Asked, Audited, Call, Evidence, Stored
from tests.campaign.judge import judge

RUN = Stored("run-1", "s1r0", "completed", message="DONE s1r0", turn_id="t1", ended_at=110.0)


def audited(state: str, *before: str) -> Audited:
    """Audit files that agree on a state."""
    return Audited((*before, state), "running" in before, state, state, state)


def good() -> Evidence:
    """A run with a sub-agent that was asked for, worked and completed."""
    call = Call("shared0", "codex_run", "s1r0", 100.0, 15.0)
    call.answers.append((100.2, {"runId": "run-1", "status": "running"}))
    return Evidence(
        asked=[
            Asked(101.0, "s1r0", "t1", fresh=True),
            Asked(102.0, "s1r0.a", "t2"),
            Asked(109.0, "s1r0", "t1", said="DONE s1r0"),
        ],
        commands=[("s1r0.a.0.1", 103.0)],
        calls=[call],
        stored=[RUN],
        audited={"run-1": audited("completed", "queued", "running")},
        seen={"s1r0.a": 105.0},
    )


def kinds(evidence: Evidence) -> list[str]:
    return [finding.kind for finding in judge(evidence)]


def codex_call(**changes: object) -> Call:
    call = Call("private0", "codex", "s1r1", 100.0, 60.0)
    for name, value in changes.items():
        setattr(call, name, value)
    return call


def test_a_good_seed_has_no_findings() -> None:
    assert kinds(good()) == []


def test_an_answered_handle_that_is_not_stored_has_vanished() -> None:
    evidence = good()
    evidence.calls[0].answers[0][1]["runId"] = "run-2"
    assert kinds(evidence) == ["vanished"]


def test_a_run_without_a_file_of_events_has_vanished() -> None:
    evidence = good()
    evidence.audited["run-1"] = Audited()
    assert kinds(evidence) == ["vanished"]


def test_a_run_that_still_works_at_the_end_is_found() -> None:
    evidence = good()
    evidence.stored = [replace(RUN, state="running", ended_at=None)]
    assert kinds(evidence) == ["never ended"]


@pytest.mark.parametrize("message", ["", "DONE s1r0.a", "TASK s1r0 now."])
def test_a_completed_run_with_a_message_that_the_model_did_not_give_is_untrue(message: str) -> None:
    evidence = good()
    evidence.stored = [replace(RUN, message=message)]
    assert kinds(evidence) == ["untrue"]


def test_a_run_that_is_cut_for_silence_while_its_sub_agent_works_is_found() -> None:
    evidence = good()
    cut = replace(RUN, state="timed_out", started_at=101.0, timeout_s=30.0)
    evidence.audited["run-1"] = audited("timed_out")
    evidence.stored = [cut]
    assert kinds(evidence) == ["cut at work"]
    evidence.stored = [replace(cut, timeout_s=9.0)]
    assert kinds(evidence) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"summary": ""},
        {"index": "running"},
        {"pointer": ""},
        {"active": True},
        {"states": ("running",)},
    ],
)
def test_files_that_contradict_the_store_are_found(wrong: dict[str, object]) -> None:
    evidence = good()
    evidence.audited["run-1"] = replace(evidence.audited["run-1"], **wrong)  # type: ignore[arg-type]
    assert kinds(evidence) == ["files differ"]


def test_a_prompt_that_begins_two_turns_was_sent_twice() -> None:
    evidence = good()
    evidence.asked.append(Asked(104.0, "s1r0", "t9", fresh=True))
    assert kinds(evidence) == ["prompt twice"]


def test_a_request_that_codex_repeats_in_its_turn_is_no_second_prompt() -> None:
    evidence = good()
    evidence.asked.append(Asked(104.0, "s1r0", "t1", fresh=True))
    assert kinds(evidence) == []


def test_a_command_that_the_model_asked_for_once_and_ran_twice_is_found() -> None:
    evidence = good()
    evidence.commands.append(("s1r0.a.0.1", 104.0))
    assert kinds(evidence) == ["command twice"]


def test_one_idempotency_key_with_two_runs_is_found() -> None:
    evidence = good()
    evidence.stored.append(replace(RUN, id="run-2"))
    evidence.audited["run-2"] = evidence.audited["run-1"]
    for number in (1, 2):
        call = Call("shared0", "codex_run", "s1r0", 100.0, 15.0, key="k")
        call.answers.append((101.0, {"runId": f"run-{number}"}))
        evidence.calls.append(call)
    assert kinds(evidence) == ["key twice"]


def test_what_a_sub_agent_does_after_the_end_of_its_run_is_found() -> None:
    evidence = good()
    evidence.asked.append(Asked(112.0, "s1r0.a", "t2"))
    evidence.commands.append(("s1r0.a.1.1", 112.1))
    evidence.seen["s1r0.a"] = 115.0
    assert kinds(evidence) == ["request after", "command after", "process after"]


def test_a_turn_that_begins_after_the_end_of_its_run_is_found_at_once() -> None:
    evidence = good()
    evidence.asked.append(Asked(110.3, "s1r0", "t9"))
    assert kinds(evidence) == ["turn after"]


def test_what_goes_on_after_an_answered_interrupt_is_found() -> None:
    evidence = good()
    call = Call("shared0", "codex_interrupt", "s1r0", 104.0, 15.0, run_id="run-1")
    call.answers.append((104.1, {"status": "interrupted"}))
    evidence.calls.append(call)
    assert kinds(evidence) == ["request after"]


@pytest.mark.parametrize(
    "stop",
    [
        {"cancelled_at": 103.0},
        {"client_ended_at": 103.0, "killed": True},
        {"client_ended_at": 98.0, "killed": True, "client": "shared0"},
        {"answers": [(103.0, {"error": "the turn was not done after 3 s"})]},
    ],
)
def test_what_goes_on_after_a_call_was_stopped_is_found(stop: dict[str, object]) -> None:
    evidence = good()
    evidence.calls.append(codex_call(**stop))
    evidence.asked.append(Asked(108.0, "s1r1.a", "t8"))
    assert kinds(evidence) == ["request after"]


def test_the_calls_of_a_client_that_has_left_its_supervisor_may_end() -> None:
    evidence = good()
    evidence.calls.append(codex_call(client="shared0", client_ended_at=103.0, killed=True))
    evidence.asked.append(Asked(108.0, "s1r1.a", "t8"))
    assert kinds(evidence) == []


def test_a_sub_agent_may_go_on_after_a_good_answer_but_its_parent_may_not() -> None:
    evidence = good()
    evidence.calls.append(codex_call(answers=[(103.0, {"content": "DONE s1r1"})]))
    evidence.asked += [Asked(102.0, "s1r1", "t7"), Asked(108.0, "s1r1.a", "t8")]
    assert kinds(evidence) == []
    evidence.asked.append(Asked(108.0, "s1r1", "t9"))
    assert kinds(evidence) == ["turn after"]


def test_a_run_may_be_lost_only_if_something_may_have_been_sent() -> None:
    evidence = good()
    evidence.stored = [replace(RUN, state="lost", turn_id=None)]
    evidence.audited["run-1"] = audited("lost", "queued", "starting")
    assert kinds(evidence) == []
    evidence.asked, evidence.commands, evidence.seen = [], [], {}
    assert kinds(evidence) == ["lost unsent"]


def test_a_run_of_which_codex_has_a_record_may_not_be_lost_for_good() -> None:
    evidence = good()
    evidence.stored = [
        replace(RUN, state="lost", reason="start a new run: this one cannot be resumed")
    ]
    evidence.audited["run-1"] = audited("lost")
    evidence.recorded = []
    assert kinds(evidence) == []
    evidence.recorded = ["s1r0"]
    assert kinds(evidence) == ["lost for good"]


def test_a_run_may_not_fail_when_codex_has_no_record_of_its_prompt() -> None:
    evidence = good()
    evidence.asked, evidence.commands, evidence.seen = [], [], {}
    evidence.stored = [replace(RUN, state="failed", turn_id=None, reason="Server is draining")]
    evidence.audited["run-1"] = audited("failed", "queued", "running")
    assert kinds(evidence) == ["failed unsent"]
    evidence.stored = [replace(evidence.stored[0], reason="the key proxy ended")]
    evidence.recorded = ["s1r0"]
    assert kinds(evidence) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"answers": []}, "no answer"),
        ({"answers": [(100.1, {}), (100.2, {})]}, "two answers"),
        ({"answers": [(120.0, {})]}, "late answer"),
        ({"answers": [], "client_ended_at": 101.0}, "server ended"),
    ],
)
def test_a_call_gets_one_answer_in_time(change: dict[str, object], kind: str) -> None:
    evidence = good()
    for name, value in change.items():
        setattr(evidence.calls[0], name, value)
    assert kinds(evidence) == [kind]


@pytest.mark.parametrize(
    "change", [{"cancelled_at": 101.0}, {"client_ended_at": 101.0, "killed": True}]
)
def test_a_cancelled_call_and_one_of_a_killed_client_need_no_answer(
    change: dict[str, object],
) -> None:
    evidence = good()
    evidence.calls[0].answers.clear()
    for name, value in change.items():
        setattr(evidence.calls[0], name, value)
    assert kinds(evidence) == []


def test_mount_points_of_the_sandbox_are_told_apart_from_other_litter() -> None:
    evidence = good()
    evidence.litter = [".git", ".aws"]
    assert kinds(evidence) == ["mount points"]
    evidence.litter.append("other")
    assert kinds(evidence) == ["mount points", "litter"]


def test_what_is_left_behind_is_found() -> None:
    evidence = good()
    evidence.left, evidence.litter = ["codex app-server"], ["core"]
    evidence.troubles = [("unreachable", "no answer")]
    assert kinds(evidence) == ["process left", "litter", "unreachable"]


@pytest.mark.parametrize(
    ("task", "kinds_found"),
    [
        ({"status": "completed"}, []),
        ({"status": "working"}, []),
        ({"status": "cancelled"}, ["task differs"]),
        ({"status": "failed"}, ["task differs"]),
        ({"error": "unknown task 'run-1'"}, ["task vanished"]),
    ],
)
def test_a_task_that_is_not_as_its_run_is_found(
    task: dict[str, object], kinds_found: list[str]
) -> None:
    evidence = good()
    call = Call("shared0", "tasks/get", "s1r0", 111.0, 15.0)
    call.answers.append((111.1, {"runId": "run-1", **task}))
    evidence.calls.append(call)
    assert kinds(evidence) == kinds_found
