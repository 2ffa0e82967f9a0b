from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.policy.arguments import (
    APPROVAL_POLICIES,
    ArgumentsError,
    ArgumentsErrorKind,
    CodexArguments,
    Extras,
    parse_codex_arguments,
)
from codexmcp.policy.policy import HARMLESS_CONFIG_KEYS, Defaults, Policy, allows
from codexmcp.settings import SANDBOX_MODES

modes = st.none() | st.sampled_from(SANDBOX_MODES)
approvals = st.none() | st.sampled_from(APPROVAL_POLICIES)


def applied(policy: Policy, base_dir: str = "/base", **asked: object) -> CodexArguments:
    call = CodexArguments("Hi.", **asked)  # type: ignore[arg-type]
    return policy.apply(call, base_dir=base_dir)


@given(modes, modes)
def test_no_call_gets_a_wider_sandbox_than_is_fixed(fixed: str | None, asked: str | None) -> None:
    try:
        got = applied(Policy(sandbox=fixed), sandbox=asked).sandbox
    except ArgumentsError:
        assert fixed is not None
        assert asked is not None
        assert SANDBOX_MODES.index(asked) > SANDBOX_MODES.index(fixed)
    else:
        assert got == (asked or fixed)
        if fixed is not None and got is not None:
            assert SANDBOX_MODES.index(got) <= SANDBOX_MODES.index(fixed)


@given(approvals, approvals)
def test_questions_cannot_be_turned_on_again(fixed: str | None, asked: str | None) -> None:
    if fixed == "never" and asked == "on-request":
        with pytest.raises(ArgumentsError, match="--approval-policy never"):
            applied(Policy(approval_policy=fixed), approval_policy=asked)
    else:
        got = applied(Policy(approval_policy=fixed), approval_policy=asked)
        assert got.approval_policy == (asked or fixed)


@pytest.mark.parametrize(
    ("asked", "path"),
    [(None, "/fixed"), (".", "/fixed"), ("a/../b", "/fixed/b"), ("/fixed/c", "/fixed/c")],
)
def test_a_fixed_folder_holds_calls_in_it_or_below(asked: str | None, path: str) -> None:
    assert applied(Policy(cwd="/fixed"), cwd=asked, sandbox="read-only").cwd == path


@pytest.mark.parametrize(
    ("asked", "base_dir", "path"),
    [
        (None, "/box", "/box"),
        (None, "/box/below", "/box/below"),
        (None, "/elsewhere", "/box"),
        ("below", "/box", "/box/below"),
        ("/box/a/../b", "/elsewhere", "/box/b"),
    ],
)
def test_calls_to_a_container_work_in_its_workspace(
    asked: str | None, base_dir: str, path: str
) -> None:
    assert applied(Policy(workspace="/box"), base_dir, cwd=asked).cwd == path


@given(st.text(), st.sampled_from(["/box", "/box/below", "/elsewhere"]))
def test_no_folder_outside_of_a_workspace_is_worked_in(asked: str, base_dir: str) -> None:
    try:
        path = applied(Policy(workspace="/box"), base_dir, cwd=asked).cwd
    except ArgumentsError:
        return
    assert path is not None
    assert Path(path).is_relative_to("/box")


def test_a_workspace_bounds_files_but_fixes_no_policy(tmp_path: Path) -> None:
    (tmp_path / "away").symlink_to("/")
    policy = Policy(workspace=str(tmp_path))
    assert not policy.restricts
    assert policy.bound == str(tmp_path)
    assert Policy(cwd=str(tmp_path / "below"), workspace=str(tmp_path)).bound != str(tmp_path)
    for away in ("..", "away", "away/etc", "/"):
        with pytest.raises(ArgumentsError, match="sees only its --workspace"):
            applied(policy, str(tmp_path), cwd=away)


@pytest.mark.parametrize("sandbox", [None, "workspace-write"])
def test_a_writable_sandbox_starts_in_the_fixed_folder_itself(sandbox: str | None) -> None:
    assert applied(Policy(cwd="/fixed"), cwd=".", sandbox=sandbox).cwd == "/fixed"
    with pytest.raises(ArgumentsError, match="in a writable sandbox"):
        applied(Policy(cwd="/fixed"), cwd="below", sandbox=sandbox)


def test_hidden_files_forbid_the_mode_that_hides_nothing() -> None:
    with pytest.raises(ArgumentsError, match="--deny-read"):
        applied(Policy(deny_read=("/w/.env",)), sandbox="danger-full-access")
    assert applied(Policy(deny_read=("/w/.env",)), sandbox="read-only").sandbox == "read-only"


def test_a_thread_is_allowed_where_it_worked_below_the_fixed_folder() -> None:
    assert allows(Policy(), "/anywhere")
    assert allows(Policy(cwd="/fixed"), "/fixed/below")
    assert not allows(Policy(cwd="/fixed"), "/fixed2")


@pytest.mark.parametrize("asked", ["..", "/", "/fixed2", "a/../..", "/fixed/../etc"])
def test_no_call_leaves_a_fixed_folder(asked: str) -> None:
    with pytest.raises(ArgumentsError, match="--cwd /fixed"):
        applied(Policy(cwd="/fixed"), cwd=asked)


def test_a_folder_that_cannot_exist_is_refused() -> None:
    with pytest.raises(ArgumentsError, match="not a path"):
        applied(Policy(cwd="/fixed"), cwd="a\0b")
    with pytest.raises(ArgumentsError, match="not a path"):
        applied(Policy(cwd="/fixed"), cwd="\ud800")


def test_a_link_does_not_lead_out_of_a_fixed_folder(tmp_path: Path) -> None:
    (tmp_path / "fixed").mkdir()
    (tmp_path / "fixed" / "out").symlink_to(tmp_path)
    with pytest.raises(ArgumentsError, match="is refused"):
        applied(Policy(cwd=str(tmp_path / "fixed")), cwd="out")


def test_without_a_fixed_folder_a_relative_one_is_joined() -> None:
    assert applied(Policy(), cwd="a").cwd == "/base/a"
    assert applied(Policy(), cwd="/a").cwd == "/a"
    assert applied(Policy()).cwd is None


def test_another_model_than_the_fixed_one_is_refused() -> None:
    assert applied(Policy(model="m")).model == "m"
    assert applied(Policy(model="m"), model="m").model == "m"
    with pytest.raises(ArgumentsError, match="--model m"):
        applied(Policy(model="m"), model="n")


RESTRICTIONS = [
    Policy(sandbox="danger-full-access"),
    Policy(approval_policy="on-request"),
    Policy(cwd="/fixed"),
    Policy(model="m"),
    Policy(profile="p"),
    Policy(deny_read=("/secret",)),
]


@pytest.mark.parametrize("policy", RESTRICTIONS)
@pytest.mark.parametrize("key", ["mcp_servers", "sandbox_mode", "features.x", "model_provider", ""])
def test_under_any_restriction_settings_that_could_widen_are_refused(
    policy: Policy, key: str
) -> None:
    with pytest.raises(ArgumentsError, match=f"config `{key}` is refused"):
        applied(policy, config={key: 1})


@pytest.mark.parametrize("policy", RESTRICTIONS)
def test_harmless_settings_and_the_fixed_profile_are_taken(policy: Policy) -> None:
    config = dict.fromkeys(HARMLESS_CONFIG_KEYS, 1)
    call = applied(policy, config=config, extras=Extras(profile=policy.profile))
    assert call.config == config
    assert call.extras.profile == policy.profile


def test_another_profile_is_refused_under_a_restriction() -> None:
    with pytest.raises(ArgumentsError, match="profile `q` is refused"):
        applied(Policy(sandbox="read-only"), extras=Extras(profile="q"))


def test_without_a_policy_a_call_may_set_anything() -> None:
    config: dict[str, object] = {"mcp_servers": {}}
    call = applied(Policy(), config=config, sandbox="danger-full-access")
    assert (call.config, call.sandbox) == (config, "danger-full-access")


DEFAULTS = Defaults(sandbox="workspace-write", model="m")


@pytest.mark.parametrize(
    ("asked", "policy", "filled"),
    [
        ({}, Policy(), ("workspace-write", "m")),
        ({"sandbox": "read-only", "model": "other"}, Policy(), ("read-only", "other")),
        ({"config": {"sandbox_mode": "read-only", "model": "other"}}, Policy(), (None, None)),
        ({"config": {"default_permissions": ":read-only"}}, Policy(), (None, "m")),
        ({"extras": Extras(profile="p")}, Policy(), (None, None)),
        ({}, Policy(profile="p"), (None, None)),
        ({}, Policy(sandbox="read-only", model="fixed"), (None, None)),
        ({}, Policy(deny_read=("/f",)), ("workspace-write", "m")),
    ],
)
def test_the_environment_fills_what_neither_call_nor_policy_says(
    asked: dict[str, object], policy: Policy, filled: tuple[str | None, str | None]
) -> None:
    call = DEFAULTS.fill(CodexArguments("Hi.", **asked), policy)  # type: ignore[arg-type]
    assert (call.sandbox, call.model) == filled
    policy.apply(call, base_dir="/base")


def test_a_default_of_full_access_does_not_open_what_a_policy_hides() -> None:
    policy = Policy(deny_read=("/f",))
    filled = Defaults(sandbox="danger-full-access").fill(CodexArguments("Hi."), policy)
    assert filled.sandbox is None


@pytest.mark.parametrize(
    ("policy", "argument", "value"),
    [
        (Policy(sandbox="read-only"), "sandbox", "workspace-write"),
        (Policy(approval_policy="never"), "approval_policy", "on-request"),
        (Policy(model="a"), "model", "b"),
        (Policy(cwd="/fixed"), "cwd", "/elsewhere"),
        (Policy(workspace="/box"), "cwd", "/elsewhere"),
        (Policy(sandbox="read-only"), "config", {"mcp_servers": {}}),
    ],
)
def test_a_refusal_by_the_policy_has_a_kind_and_names_the_argument(
    policy: Policy, argument: str, value: object
) -> None:
    with pytest.raises(ArgumentsError, match="is refused") as raised:
        applied(policy, "/base", **{argument: value})
    assert raised.value.kind is ArgumentsErrorKind.REFUSED
    assert raised.value.argument == argument.replace("_", "-")


def test_arguments_wrong_under_any_policy_are_of_another_kind() -> None:
    with pytest.raises(ArgumentsError) as raised:
        parse_codex_arguments({"prompt": 1})
    assert raised.value.kind is ArgumentsErrorKind.INVALID
