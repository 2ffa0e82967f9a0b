from __future__ import annotations

from codexmcp.appserver.requests import ThreadOptions, TurnOptions, image_input, text_input


def test_what_is_not_asked_for_is_left_out() -> None:
    assert ThreadOptions().to_wire() == {}
    assert TurnOptions().to_wire() == {}


def test_thread_options_are_spelled_as_app_server_spells_them() -> None:
    options = ThreadOptions(
        model="m",
        cwd="/w",
        sandbox="read-only",
        approval_policy="never",
        base_instructions="b",
        developer_instructions="d",
        config={"a.b": 1},
    )
    assert options.to_wire() == {
        "model": "m",
        "cwd": "/w",
        "sandbox": "read-only",
        "approvalPolicy": "never",
        "baseInstructions": "b",
        "developerInstructions": "d",
        "config": {"a.b": 1},
    }


def test_a_permissions_profile_takes_the_place_of_the_sandbox() -> None:
    wire = ThreadOptions(sandbox="workspace-write", permissions="safe").to_wire()
    assert wire == {"permissions": "safe"}


def test_an_empty_text_is_sent_and_not_taken_for_missing() -> None:
    assert ThreadOptions(base_instructions="").to_wire() == {"baseInstructions": ""}


def test_turn_options_are_spelled_as_app_server_spells_them() -> None:
    schema = {"type": "object"}
    wire = TurnOptions(effort="low", output_schema=schema).to_wire()
    assert wire == {"effort": "low", "outputSchema": schema}


def test_a_prompt_is_one_text_item() -> None:
    assert text_input("do it") == {"type": "text", "text": "do it"}


def test_an_image_is_named_by_its_path() -> None:
    assert image_input("/w/a.png") == {"type": "localImage", "path": "/w/a.png"}
