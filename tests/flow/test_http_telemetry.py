"""What clients tell of themselves, and how the server says it is."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.home.atomic_write import put
from codexmcp.http.telemetry import KEPT_EVENTS, KEPT_NAMES
from tests.support.http_door import Door, opened
from tests.support.processes import until


async def test_what_clients_tell_is_kept_over_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        for path, body in (
            ("/command-log", {"client": "codex", "command": "commit"}),
            ("/portfolio-read", {"file": "me.md"}),
            ("/set-project", {"project": "agentos", "client": "cursor"}),
            ("/command-log", {"client": "claude", "command": "commit"}),
        ):
            answer = await door.post(path, body)
            assert (answer.status, answer.fields) == (200, {"ok": True}), path
    told = json.loads(door.persist.read_text())
    assert told["project"] == "agentos"
    assert told["counts"] == {
        "command-log": {"commit": 2},
        "portfolio-read": {"me.md": 1},
        "set-project": {"agentos": 1},
    }
    assert [each["kind"] for each in told["events"]][:2] == ["command-log", "portfolio-read"]
    async with opened(tmp_path) as door:
        await door.post("/command-log", {"command": "commit"})
        status = (await door.ask("/status", token=door.token)).fields["telemetry"]
    assert status["counts"]["command-log"] == {"commit": 3}
    assert status["project"] == "agentos"


async def test_many_at_once_are_all_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        await asyncio.gather(*(door.post("/command-log", {"command": "x"}) for _ in range(80)))
    assert json.loads(door.persist.read_text())["counts"]["command-log"] == {"x": 80}


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        None,
        {"command": ""},
        {"command": 7},
        {"command": "x" * 201},
        {"command": "two\nlines"},
        {"command": "\x1b[31m"},
        {"command": "x", "token": "y"},
        {"command": "x", "client": ["y"]},
        {"command": "x", "client": ""},
        {"client": "codex"},
    ],
)
async def test_anything_else_is_refused_and_not_kept(tmp_path: Path, body: object) -> None:
    async with opened(tmp_path) as door:
        answer = await door.ask(
            "/command-log",
            method="POST",
            body=body,
            headers={"Content-Type": "application/json"},
        )
        # An empty client is only left out of no use.
        assert answer.status == (200 if body == {"command": "x", "client": ""} else 400)
    told = json.loads(door.persist.read_text()) if door.persist.exists() else {"events": []}
    assert len(told["events"]) == (1 if body == {"command": "x", "client": ""} else 0)


async def test_no_json_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        for data in (b"", b"{", b"\xff", b"[" * 10_000):
            head = "POST /command-log HTTP/1.1\r\nHost: localhost\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            assert (await door.raw(head.encode() + data)).status == 400, data[:10]


async def test_a_secret_that_is_told_is_not_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        token = door.token
        await door.post("/command-log", {"command": f"curl {token}"})
        await door.post("/set-project", {"project": "sk-0123456789abcdef0123"})
        # These were made after the start.
        door.tokens.rotate()
        later = [door.tokens.add("ci", ["read"]), door.token]
        for secret in later:
            await door.post("/command-log", {"command": f"curl {secret}"})
        status = await door.ask("/status", token=door.token)
    for text in (door.persist.read_text(), status.body.decode()):
        assert not [secret for secret in (token, *later) if secret in text]
        assert "sk-0123456789abcdef0123" not in text
        assert "[redacted]" in text


async def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    names = [f"{number} {'x' * 150}" for number in range(KEPT_NAMES + 10)]
    kept = {
        "version": 1,
        "project": "",
        "counts": {"command-log": dict.fromkeys(names[:KEPT_NAMES], 1)},
        "events": [{"n": number} for number in range(KEPT_EVENTS)],
    }
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "persist.json").write_text(json.dumps(kept))
    async with opened(tmp_path) as door:
        for name in names[KEPT_NAMES:]:
            assert (await door.post("/command-log", {"command": name})).status == 200
    told = json.loads(door.persist.read_text())
    assert len(told["counts"]["command-log"]) == KEPT_NAMES + 1
    assert told["counts"]["command-log"]["(others)"] == 10
    assert len(told["events"]) == KEPT_EVENTS
    assert told["events"][0] == {"n": 10}


@pytest.mark.parametrize("text", ["{", '{"version": 99}', "[]", "", "\x00"])
async def test_a_file_that_cannot_be_understood_is_put_aside(tmp_path: Path, text: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "persist.json").write_text(text)
    async with opened(tmp_path) as door:
        await door.post("/command-log", {"command": "x"})
    assert door.persist.with_name("persist.json.broken").read_text() == text
    assert json.loads(door.persist.read_text())["counts"] == {"command-log": {"x": 1}}


async def test_a_second_server_of_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(ConfigurationError, match="another `codexmcp serve --http`"):
            async with opened(tmp_path):
                pass
    async with opened(tmp_path) as door:
        assert (await door.ask("/healthz")).status == 200


async def test_a_disk_that_is_full_costs_telemetry_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_full = True

    def failing(path: str, data: bytes) -> None:
        if is_full:
            raise OSError(28, os.strerror(28))
        put(path, data)

    monkeypatch.setattr("codexmcp.http.persist.put", failing)
    async with opened(tmp_path) as door:
        assert (await door.post("/command-log", {"command": "x"})).status == 200
        async with asyncio.timeout(10):
            while "fault" not in (await _telemetry(door)):
                pass
        assert (await door.rpc("tools/list")).status == 200
        is_full = False
        await until(door.persist.exists, "it is written once there is room")
        assert "fault" not in await _telemetry(door)


async def _telemetry(door: Door) -> dict[str, object]:
    status = await door.ask("/status", token=door.token)
    telemetry: dict[str, object] = status.fields["telemetry"]
    return telemetry


async def test_the_status_tells_little_without_a_token_and_more_with_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        small = (await door.ask("/status")).fields
        assert small == {"name": "codexmcp", "version": "0", "ok": True}
        assert (await door.ask("/status", token="x" * 40)).status == 401
        await door.rpc("tools/list")
        whole = (await door.ask("/status", token=door.token)).fields
    assert whole["url"] == door.url
    assert "agentOS_fs_read" in whole["tools"]
    assert whole["requests"]["byTool"] == {"tools/list": 1}
    last = whole["requests"]["last"][0]
    assert (last["tool"], last["token"], last["status"]) == ("tools/list", "owner", 200)


async def test_a_path_that_there_is_not_is_not_repeated_to_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        await door.ask(f"/{door.token}")
        await door.ask("/%E2%80%AE%C2%9B31m")
        await door.ask("/healthz", method=door.token[:40])
        await door.ask("/mcp", method="POST", headers={"Host": "evil.example"})
        status = await door.ask("/status", token=door.tokens.add("reader", ["read"]))
    shown = [each["request"] for each in status.fields["requests"]["last"]]
    assert shown == ["POST /mcp", "(other) /healthz", "GET (other)", "GET (other)"]


async def test_only_the_last_hundred_requests_are_listed(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        for _ in range(101):
            await door.rpc("ping")
        requests = (await door.ask("/status", token=door.token)).fields["requests"]
    assert requests["total"] == 101
    assert len(requests["last"]) == 100


async def test_a_server_that_ends_is_well_and_not_ready(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        assert (await door.ask("/readyz")).status == 200
        door.status["draining"] = True
        assert (await door.ask("/readyz")).status == 503
        assert (await door.ask("/healthz")).status == 200
        assert (await door.ask("/status")).fields["ok"] is False
        assert (await door.ask("/healthz", method="HEAD")).status == 200
