from __future__ import annotations

import base64
from typing import Any

from tests.conformance.normalise import Names, document, gist, request_document


def event(kind: str, request_id: Any = 1, turn: str = "u1", **fields: Any) -> dict[str, Any]:
    meta = {"requestId": request_id, "threadId": "t1"}
    msg = {"type": kind, **fields}
    return {"method": "codex/event", "params": {"_meta": meta, "id": turn, "msg": msg}}


def output(text: str, call_id: str = "c1") -> dict[str, Any]:
    chunk = base64.b64encode(text.encode()).decode()
    return event("exec_command_output_delta", call_id=call_id, chunk=chunk)


def kinds(told: dict[str, Any], request_id: str = "1") -> list[str]:
    return [message["type"] for message in told["events"][request_id]]


def test_ids_are_numbered_by_first_sight() -> None:
    told = document([event("a", item_id="x"), event("b", turn="u2", item_id="y")], Names({}))
    first, second = told["events"]["1"]
    assert (first["_id"], first["item_id"]) == ("<turn 1>", "<item 1>")
    assert (second["_id"], second["item_id"]) == ("<turn 2>", "<item 2>")
    assert second["_meta"]["threadId"] == "<thread 1>"


def test_paths_are_named_and_longer_ones_first() -> None:
    names = Names({"/r": "<root>", "/r/p": "<project>"})
    assert names.value({"/r/p/a": ["/r/b"]}) == {"<project>/a": ["<root>/b"]}


def test_times_and_drawn_numbers_lose_their_value_but_not_their_presence() -> None:
    given = {"duration_ms": 5, "duration": {"secs": 1}, "completed_at": None, "process_id": "7"}
    assert Names({}).value(given) == {
        "duration_ms": "<time>",
        "duration": {"secs": "<time>"},
        "completed_at": None,
        "process_id": "<process_id>",
    }


def test_ports_days_and_wall_times_are_named() -> None:
    text = Names({}).text("127.0.0.1:8080 2026/11/21/rollout-2026-11-21T08-45-33 Wall time: 0.12 s")
    assert text == "127.0.0.1:<port> <day>/rollout-<time> Wall time: <time> s"


def test_events_are_kept_apart_by_request() -> None:
    told = document([event("a", 1), event("b", "x"), event("c", 1)], Names({}))
    assert (kinds(told), kinds(told, "x")) == (["a", "c"], ["b"])


def test_raw_responses_are_only_noted() -> None:
    raw = event("raw_response_item", item={"id": "z"})
    told = document([raw, event("a", item_id="x")], Names({}))
    assert told["unsent"] == {"raw_response_item": True}
    assert told["events"]["1"][0]["item_id"] == "<item 1>"


def test_output_that_the_end_repeats_is_left_out() -> None:
    end = event("exec_command_end", call_id="c1", aggregated_output="ab")
    assert kinds(document([output("a"), output("b"), end], Names({}))) == ["exec_command_end"]
    other = [output("x"), end]
    assert kinds(document(other, Names({}))) == ["exec_command_output_delta", "exec_command_end"]


def test_a_snapshot_counts_once_however_often_it_is_repeated_in_its_turn() -> None:
    first, second = (event("turn_diff", unified_diff=text) for text in "ab")
    told = [first, event("token_count"), first, second, first, event("turn_diff", unified_diff="a")]
    other_turn = event("turn_diff", turn="u2", unified_diff="a")
    seen = document([*told, other_turn], Names({}))["events"]["1"]
    assert [(e["_id"], e.get("unified_diff")) for e in seen] == [
        ("<turn 1>", "a"),
        ("<turn 1>", None),
        ("<turn 1>", "b"),
        ("<turn 1>", "a"),
        ("<turn 2>", "a"),
    ]


def test_answers_questions_and_the_rest_are_told_apart() -> None:
    answer = {"id": 1, "result": {}}
    question = {"id": 0, "method": "elicitation/create"}
    progress = {"method": "notifications/progress"}
    told = document([answer, question, progress], Names({}))
    assert (told["answers"], told["asked"], told["rest"]) == ({"1": answer}, [question], [progress])


def test_ids_of_what_codex_says_to_the_model_are_left_out() -> None:
    told = request_document({"input": [{"id": "x", "role": "user"}]}, Names({}))
    assert told == {"input": [{"role": "user"}]}


def test_the_gist_of_a_request_is_what_the_client_asked_for() -> None:
    user = [{"text": "<environment_context>"}, {"text": "Hi."}]
    items = [{"role": "developer", "content": [{"text": "x"}]}, {"role": "user", "content": user}]
    request = {"model": "m", "input": items, "tools": []}
    assert gist({"requests": [request], "exit": 0}) == {
        "requests": [{"model": "m", "effort": None, "said": ["Hi."]}],
        "exit": 0,
    }
    assert gist({"exit": 0}) == {"exit": 0}
