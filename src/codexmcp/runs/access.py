"""A caller's access to runs: reading, continuing and acting. Pure, except for links in paths."""

from __future__ import annotations

from codexmcp.errors import RunErrorFields, RunErrorKind, RunRefusedError
from codexmcp.jsonvalues import text_of
from codexmcp.policy.arguments import ArgumentsError
from codexmcp.policy.caller import Caller
from codexmcp.policy.policy import Policy, allows
from codexmcp.runs.requests import FULL_ACCESS
from codexmcp.runs.run import Origin, Run, RunRequest
from codexmcp.settings import SANDBOX_MODES


def check_run(run: Run, caller: Caller) -> None:
    """Refuse a run that a caller with a fixed policy could not have started.

    Steering, reading or answering such a run could widen the policy.

    Raises:
        RunRefusedError: The run is outside of the policy.
    """
    if not may_see(run, caller):
        raise _refused(run.id)


def check_same(run: Run, asked: RunRequest) -> None:
    """Refuse another prompt or folder under the idempotency key of an earlier run.

    Raises:
        ArgumentsError: The run has another prompt or folder.
    """
    if (run.request.prompt, run.request.cwd) != (asked.prompt, asked.cwd):
        what = "prompt" if run.request.prompt != asked.prompt else "folder"
        raise ArgumentsError(
            f"idempotency_key is in use by run {run.id} with another {what}; nothing was started: "
            "pass another key for a new run"
        )


def check_origin(origin: Origin, caller: Caller) -> None:
    """Refuse to continue a run outside of the caller's folder or policy: a thread tells everything.

    Raises:
        ArgumentsError: The run is outside of the folder.
        RunRefusedError: The run is outside of the policy.
    """
    if not allows(caller.policy, origin.cwd):
        raise ArgumentsError(
            f"run {origin.run_id} is refused: it worked in a folder outside of --cwd "
            f"{caller.policy.cwd}"
        )
    if not _within(origin.request, caller):
        raise _refused(origin.run_id)


def may_see(run: Run, caller: Caller) -> bool:
    """Return whether a run is within a caller's policy."""
    return _within(run.request, caller)


def _within(request: RunRequest, caller: Caller) -> bool:
    policy, thread = caller.policy, request.thread
    if not allows(policy, request.cwd) or policy.model not in {None, thread.get("model")}:
        return False
    if not _hides(request, policy) or not _has_own_settings(request, policy):
        return False
    if policy.restricts and request.thread.get("allowGit") and not policy.allow_git:
        return False
    by_freedom = SANDBOX_MODES.index
    sandbox = text_of(thread.get("sandbox"))
    if policy.sandbox is not None and (
        sandbox not in SANDBOX_MODES or by_freedom(sandbox) > by_freedom(policy.sandbox)
    ):
        return False
    approval = text_of(thread.get("approvalPolicy"))
    return policy.approval_policy in {None, "on-request", approval}


def _hides(request: RunRequest, policy: Policy) -> bool:
    """Return whether all files hidden by the policy are unreadable for commands of a run."""
    if not policy.deny_read:
        return True
    # Full access hides nothing; an operator with a policy of full access has accepted this.
    keeps = request.thread.get("sandbox") != FULL_ACCESS or policy.sandbox == FULL_ACCESS
    return keeps and set(policy.deny_read) <= set(request.denied)


def _has_own_settings(request: RunRequest, policy: Policy) -> bool:
    """Return whether a run has only settings of the policy: others could widen the policy."""
    if not policy.restricts or policy.profile is not None:
        return True
    return not request.thread.get("config")


def _refused(run_id: str) -> RunRefusedError:
    return RunRefusedError(
        f"run {run_id} is refused: this server has a fixed policy, and the run was started under "
        "another policy",
        RunErrorKind.OTHER_POLICY,
        RunErrorFields(run_id),
    )
