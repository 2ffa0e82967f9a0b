from __future__ import annotations

from dataclasses import replace

import pytest

from codexmcp.home.mcp_remote import request_headers
from codexmcp.home.mcp_report import failed, judged, package_of
from codexmcp.home.mcp_servers import McpServer
from codexmcp.home.mcp_stdio import server_environment

NPX = McpServer("files", command=("npx", "-y", "@scope/server", "/x"))
PLAIN = McpServer("plain", command=("server",))
GLUED = 'Ok to proceed? {"jsonrpc":"2.0","id":0'


@pytest.mark.parametrize(
    ("command", "package"),
    [
        (("npx", "-y", "@scope/server@1.2.0", "/x"), "@scope/server@1.2.0"),
        (("/usr/bin/npx", "--package", "a", "b"), "a"),
        (("uvx", "--from", "a==1.0", "b"), "a==1.0"),
        (("npx.cmd", "a"), "a"),
        (("npx", "-y"), None),
        (("node", "server.js"), None),
        ((), None),
    ],
)
def test_the_package_that_an_installer_starts_is_found(
    command: tuple[str, ...], package: str | None
) -> None:
    assert package_of(command) == package


def test_a_server_that_answers_in_time_is_fine() -> None:
    report = judged(PLAIN, ["a", "b"], 0.1)
    assert (report.is_ok, report.tools, report.notes) == (True, ("a", "b"), ())


def test_a_start_that_codex_would_not_wait_for_is_a_fault_with_its_remedy() -> None:
    (fault,) = judged(NPX, [], 41.0).faults
    assert "took 41.0 s to start, and Codex gives up after 30 s" in fault
    assert "npm install -g @scope/server" in fault
    (plain,) = judged(replace(PLAIN, startup_timeout_s=1.0), [], 2.0).faults
    assert "raise startup_timeout_sec" in plain


def test_a_package_without_a_version_is_worth_a_note() -> None:
    (note,) = judged(NPX, [], 0.1).notes
    assert "@scope/server has no version" in note
    pinned = replace(NPX, command=("npx", "-y", "@scope/server@1.2.0"))
    assert judged(pinned, [], 0.1).notes == ()


def test_lines_that_are_no_messages_are_a_note_and_a_glued_one_is_a_fault() -> None:
    (note,) = judged(PLAIN, [], 0.1, ["added 12 packages", ""]).notes
    assert "number of lines: 2" in note
    report = failed(PLAIN, "its answer was lost", [GLUED])
    assert report.notes == ()
    assert "other text right before a message" in report.faults[1]


def test_a_failed_start_through_an_installer_names_the_trap() -> None:
    reason, trap = failed(NPX, "it did not answer within 90 s").faults
    assert reason == "it did not answer within 90 s"
    assert "can break the handshake; install it before (`npm install -g @scope/server`)" in trap
    assert len(failed(PLAIN, "no").faults) == 1


def test_tools_that_a_server_does_not_have_are_a_note() -> None:
    server = replace(PLAIN, enabled_tools=("a", "x"), disabled_tools=("y",))
    # Codex leaves disabled tools out of what it tells, and one more does no harm.
    assert judged(server, ["a"], 0.1).notes == (
        "enabled_tools names tools that it does not have: x",
    )


def test_a_server_gets_the_environment_that_codex_would_give_it() -> None:
    server = replace(PLAIN, env={"A": "1", "HOME": "/h"}, env_vars=("WANTED", "UNSET"))
    environ = {"HOME": "/me", "PATH": "/bin", "WANTED": "w", "OPENAI_API_KEY": "k"}
    assert server_environment(server, environ) == {
        "A": "1",
        "HOME": "/h",
        "PATH": "/bin",
        "WANTED": "w",
    }


def test_a_remote_server_gets_its_headers_from_the_environment() -> None:
    server = McpServer(
        "docs",
        url="https://h/mcp",
        headers={"X-A": "1"},
        header_vars={"X-B": "B", "X-C": "C"},
        bearer_var="T",
    )
    assert request_headers(server, {"B": "2", "T": "t"}) == {
        "X-A": "1",
        "X-B": "2",
        "Authorization": "Bearer t",
    }
