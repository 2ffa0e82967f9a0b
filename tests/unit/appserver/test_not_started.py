from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.not_started import did_not_start
from codexmcp.errors import AppServerClosedError

HERE = LaunchOptions(Path("/codex"), {})
CONTAINED = LaunchOptions(Path("codex"), {}, prefix=lambda: ["docker"])


def test_here_another_binary_may_help() -> None:
    error = did_not_start(HERE, AppServerClosedError("codex exited with code 1", "no"))
    assert error.reason.startswith(
        "/codex did not start as an app-server: codex exited with code 1"
    )
    assert "CODEX_BIN" in error.reason
    assert error.stderr_tail == "no"


def test_in_a_container_no_binary_of_this_machine_is_blamed() -> None:
    error = did_not_start(CONTAINED, AppServerClosedError("docker exited with code 125", "no"))
    assert error.reason == "Codex did not start in its container: docker exited with code 125"


@pytest.mark.parametrize(
    "said",
    [
        "Error: runc: runc create failed: error setting rlimit type 7: operation not permitted",
        "Error: crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied",
    ],
)
def test_limits_that_an_engine_cannot_set_have_a_remedy(said: str) -> None:
    error = did_not_start(CONTAINED, AppServerClosedError("podman exited with code 126", said))
    assert "default_ulimits = []" in error.reason
