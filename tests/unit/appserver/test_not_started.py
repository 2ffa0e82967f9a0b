from __future__ import annotations

import resource
from pathlib import Path

import pytest

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.not_started import did_not_start, why_unwritable
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


def test_a_feature_that_codex_does_not_know_is_named() -> None:
    said = "Error: Unknown feature flag: nonsense\n\nStack backtrace:\n   0: <unknown>"
    error = did_not_start(HERE, AppServerClosedError("codex exited with code 1", said))
    assert error.reason == (
        "Codex did not start: Unknown feature flag: nonsense; leave --enable or --disable nonsense "
        "out; `codexmcp codex features list` names the features of this Codex"
    )
    assert not error.stderr_tail


def test_what_codex_refuses_is_told_in_its_words_and_no_binary_is_blamed() -> None:
    said = "WARNING: x\nError: Model provider `nope` not found\n\nStack backtrace:\n   0: <unknown>"
    error = did_not_start(HERE, AppServerClosedError("codex exited with code 1", said))
    assert "Codex did not start: Model provider `nope` not found; correct" in error.reason
    assert "CODEX_BIN" not in error.reason


def test_a_home_that_cannot_be_written_to_is_the_cause() -> None:
    options = LaunchOptions(Path("/codex"), {"CODEX_HOME": "/proc/self"})
    error = did_not_start(options, AppServerClosedError("codex exited with code 1", "Error: x"))
    assert "Codex did not start: Codex cannot write to its home /proc/self: " in error.reason


def test_an_empty_file_does_not_prove_that_there_is_room(tmp_path: Path) -> None:
    assert why_unwritable(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        assert why_unwritable(tmp_path) == "File too large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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
