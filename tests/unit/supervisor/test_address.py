from __future__ import annotations

from pathlib import Path

from codexmcp.runs.groups import conversations_of
from codexmcp.supervisor.address import Address, address_of

HOME = Path("/home/me/.codex")


def address(*identity: str, conversations: str = "") -> Address:
    return address_of(HOME, identity, {}, conversations)


def test_whoever_asks_for_a_container_has_a_supervisor_of_their_own() -> None:
    inside = address("key", "--in-container", "image", conversations="abc")
    assert address("key") not in {inside, address("key", "--in-container", "image")}
    assert conversations_of(inside.id) == "abc"
    assert conversations_of(address("key").id) == ""


def test_the_files_of_a_supervisor_are_named_by_its_id() -> None:
    one = address("key", conversations="abc")
    assert one.socket.name == f"{one.id}.sock"
    assert {one.lock.stem, one.start_lock.stem, one.log.stem} == {one.id}
