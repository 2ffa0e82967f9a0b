"""A thread that goes on keeps what it was started with, at every door: options as cells of a table.

Real writes of chosen cells are in `tests/process/test_resumed_writes.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import codexmcp
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.codex.permissions import RestrictedPaths
from codexmcp.codex.recorded import RecordedSettings
from codexmcp.codex.thread_options import with_environment
from codexmcp.errors import CodexMCPError
from codexmcp.policy.caller import Caller
from codexmcp.policy.policy import Policy
from codexmcp.policy.thread_options import resumed_call, start_options
from codexmcp.runs.access import check_origin
from codexmcp.runs.preparation import thread_options
from codexmcp.runs.requests import request_of
from codexmcp.runs.run import Origin, Run, RunRequest
from codexmcp.runs.start_options import StartOptions
from codexmcp.runs.states import RunState
from codexmcp.settings import SANDBOX_MODES
from tests.support.sources import nodes_with

SECRET = "/home/user/.codex/auth.json"
BASES = {":read-only": "read-only", ":workspace": "workspace-write"}
ENV = {"PATH": "/bin", "HOME": "/home/b"}
ROOT = Path(codexmcp.__file__).parent


@dataclass(frozen=True)
class Cell:
    """How a thread worked, and what holds for whoever goes on with it."""

    cwd: str
    mode: str
    fixed: str | None
    is_trusted: bool

    @property
    def policy(self) -> Policy:
        if self.fixed is None:
            return Policy()
        return Policy(sandbox=self.fixed, approval_policy="never", cwd=self.cwd)

    @property
    def effective(self) -> dict[str, Any]:
        return {"projects": {self.cwd: {"trust_level": "trusted"}}} if self.is_trusted else {}

    @property
    def run(self) -> Run:
        thread = {"sandbox": self.mode, "approvalPolicy": "never"}
        request = RunRequest("p", self.cwd, self.cwd, env=ENV, thread=thread, denied=(SECRET,))
        return Run("id", 1, request, RunState.COMPLETED, "group", self.cwd, 0, 1.0, thread_id="t")

    def of_run(self, request: RunRequest) -> ThreadOptions:
        run = Run("id", 1, request, RunState.STARTING, "group", self.cwd, 0, 1.0)
        return thread_options(run, RestrictedPaths(), self.effective)


def reply(cell: Cell) -> ThreadOptions:
    """`codex-reply` to a thread that another process has started."""
    recorded = RecordedSettings(
        cell.cwd, cell.mode, approval_policy="never", denied=(SECRET,), workspace_write={}
    )
    call = resumed_call(recorded, cell.policy, cell.effective)
    return start_options(call, RestrictedPaths(recorded.denied), cell.effective)


def reply_by_supervisor(cell: Cell) -> ThreadOptions:
    return with_environment(reply(cell), ENV)


def resume(cell: Cell, *, forks: bool = False) -> ThreadOptions:
    """`codex_resume`, `runs resume` and the same tool over HTTP."""
    caller = Caller(Path("/home"), Path(cell.cwd), cell.policy, env=ENV)
    origin = Origin("id", "t", cell.cwd, cell.run.request)
    check_origin(origin, caller)
    return cell.of_run(request_of(StartOptions("go on"), caller, origin, forks=forks))


def fork(cell: Cell) -> ThreadOptions:
    """`codex_fork` and `runs resume --fork`."""
    return resume(cell, forks=True)


def take_up_again(cell: Cell) -> ThreadOptions:
    """A further attempt at a run, by another supervisor, and attaching to it."""
    return cell.of_run(cell.run.request)


DOORS = [reply, reply_by_supervisor, resume, fork, take_up_again]
IGNORES_FLAGS = {take_up_again}
"""Runs have the policy of those who started them, whoever works on them."""
REFUSES_WIDER = {resume, fork}


@pytest.fixture(params=SANDBOX_MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("is_trusted", [False, True])
@pytest.mark.parametrize("fixed", [None, *SANDBOX_MODES])
@pytest.mark.parametrize("door", DOORS)
def test_a_thread_goes_on_in_its_own_sandbox_or_the_fixed_one(
    tmp_path: Path,
    door: Callable[[Cell], ThreadOptions],
    mode: str,
    fixed: str | None,
    *,
    is_trusted: bool,
) -> None:
    cell = Cell(str(tmp_path), mode, fixed, is_trusted)
    expected = mode
    if fixed is not None and door not in IGNORES_FLAGS:
        expected = min(mode, fixed, key=SANDBOX_MODES.index)
    if door in REFUSES_WIDER and expected != mode:
        with pytest.raises(CodexMCPError, match="refused"):
            door(cell)
        return
    options = door(cell)
    wire = options.to_wire()
    assert _mode_of(wire) == expected
    assert wire["cwd"] == str(tmp_path)
    assert wire["approvalPolicy"] == "never"
    if expected != "danger-full-access":
        assert wire["config"]["permissions"]["codexmcp"]["filesystem"][SECRET] == "deny"
    assert ("projects" in wire["config"]) is not is_trusted
    assert wire["config"]["features.goals"] is False
    assert wire["config"]["features.shell_snapshot"] is False
    if door is not reply:
        shown = wire["config"]["shell_environment_policy"]
        assert shown["inherit"] == "none"
        assert shown["set"] == {**ENV, "SHLVL": "1"}


def _mode_of(wire: dict[str, Any]) -> str:
    """Return the sandbox mode that Codex is asked for."""
    if "permissions" in wire:
        return BASES[wire["config"]["permissions"][wire["permissions"]]["extends"]]
    return str(wire["sandbox"])


def test_folders_and_network_that_a_call_was_given_stay_with_its_thread(tmp_path: Path) -> None:
    table = {"writable_roots": ["/more"], "network_access": True}
    recorded = RecordedSettings(str(tmp_path), "workspace-write", workspace_write=table)
    call = resumed_call(recorded, Policy(), {})
    assert start_options(call, RestrictedPaths(), {}).config["sandbox_workspace_write"] == table
    # A client with a fixed policy could not have asked for them.
    fixed = resumed_call(recorded, Policy(sandbox="workspace-write"), {})
    assert "sandbox_workspace_write" not in start_options(fixed, RestrictedPaths(), {}).config


@pytest.mark.parametrize(
    ("policy", "refusal"),
    [
        (Policy(cwd="/other"), "outside of --cwd /other"),
        (Policy(deny_read=("/secret",)), "--deny-read"),
    ],
)
def test_a_thread_that_no_call_could_have_started_is_refused(policy: Policy, refusal: str) -> None:
    recorded = RecordedSettings("/w", "danger-full-access")
    with pytest.raises(CodexMCPError, match=refusal):
        resumed_call(recorded, policy, {})


def test_a_profile_of_the_users_own_is_kept_where_no_policy_could_be_widened_by_it() -> None:
    recorded = RecordedSettings("/w", "workspace-write", profile="mine")
    assert resumed_call(recorded, Policy(), {}).sandbox is None
    home = {"default_permissions": "mine"}
    assert resumed_call(recorded, Policy(model="m"), home).sandbox is None
    for policy in (Policy(model="m"), Policy(sandbox="read-only"), Policy(deny_read=("/s",))):
        with pytest.raises(CodexMCPError, match="permissions profile `mine`"):
            resumed_call(recorded, policy, {} if policy.model else home)


def test_what_was_not_recorded_is_not_widened() -> None:
    unknown = RecordedSettings("/w")
    assert resumed_call(unknown, Policy(sandbox="workspace-write"), {}).sandbox == "read-only"
    assert resumed_call(unknown, Policy(model="m"), {}).sandbox == "read-only"


DOORS_TO_CODEX = {
    ("policy/conversations.py", "start_thread"),
    ("policy/conversations.py", "load_thread"),
    ("policy/conversations.py", "fork_thread"),
    ("runs/preparation.py", "start_thread"),
    ("runs/preparation.py", "load_thread"),
    ("runs/preparation.py", "fork_thread"),
}
"""Who starts, resumes and forks threads. Their options are made by `guarded`, as above."""


def test_nobody_else_starts_resumes_or_forks_threads() -> None:
    found = set(_calls({"start_thread", "resume_thread", "load_thread", "fork_thread"}))
    # A trial of a build has a home, a folder and a model of its own.
    assert {each for each in found if each[0] != "cli/codex_trial.py"} == DOORS_TO_CODEX
    assert {file for file, _ in _calls({"guarded"})} == {
        "policy/thread_options.py",
        "runs/preparation.py",
        "agents/tool_approach.py",
    }


def _calls(names: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the files of other parts that call functions of these names."""
    for file, node in nodes_with(*names):
        if isinstance(node, ast.Call) and not file.startswith("appserver/"):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in names and not _is_of_sdk(node):
                yield file, name


def _is_of_sdk(call: ast.Call) -> bool:
    """Return whether it is the Codex of the SDK, which stands on `codexmcp-exec`."""
    return isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call)
