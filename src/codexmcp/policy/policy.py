"""The server's fixed policy, which no tool argument can widen.

Pure.
"""

from __future__ import annotations

import os

from codexmcp.data_classes import dataclass, replace
from codexmcp.policy.arguments import (
    APPROVAL_POLICIES,
    ArgumentsError,
    CodexArguments,
    refusal,
)
from codexmcp.settings import SANDBOX_MODES

HARMLESS_CONFIG_KEYS = frozenset(
    {
        "compact_prompt",
        "hide_agent_reasoning",
        "model_auto_compact_token_limit",
        "model_context_window",
        "model_reasoning_effort",
        "model_reasoning_summary",
        "model_verbosity",
        "personality",
        "project_doc_max_bytes",
        "show_raw_agent_reasoning",
        "tool_output_token_limit",
    }
)
"""Settings open to callers under a fixed policy. Any other setting could widen the policy: an
MCP server or a hook runs outside the sandbox, and a provider can send data elsewhere. Codex
gains settings with each release, so this is an allow list."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """Defaults from the environment for calls of `codex`.

    Attributes:
        sandbox: `CODEX_SANDBOX_MODE`. None: Codex's default.
        model: `CODEX_MODEL`. None: Codex's default.
    """

    sandbox: str | None = None
    model: str | None = None

    def fill(self, call: CodexArguments, policy: Policy) -> CodexArguments:
        """Return a call with defaults for values left open by the call and the policy.

        A profile, and settings in the call, have precedence over the environment.
        """
        has_profile = call.extras.profile or policy.profile
        sandbox, model = call.sandbox, call.model
        if not (sandbox or has_profile or policy.sandbox or _SANDBOX_KEYS & call.config.keys()):
            hides = bool(policy.deny_read) and self.sandbox == "danger-full-access"
            sandbox = None if hides else self.sandbox
        if not (model or has_profile or policy.model or "model" in call.config):
            model = self.model
        return replace(call, sandbox=sandbox, model=model)


_SANDBOX_KEYS = frozenset({"sandbox_mode", "default_permissions"})


@dataclass(frozen=True, slots=True)
class Policy:
    """Fixed settings. None: open to the caller.

    Attributes:
        sandbox: The widest sandbox mode.
        approval_policy: `never` forbids questions; `on-request` allows questions.
        cwd: Absolute path; calls work here or below.
        model: The only model.
        profile: The profile of the Codex home for every call.
        deny_read: Absolute paths that commands must not read in the sandboxed modes.
        allow_git: Allow commands to write to a repository's git folder in `workspace-write`, for
            commits.
        workspace: The folder visible to a Codex in a container: an absolute path without symbolic
            links, with `cwd` inside. Bounds the place of the work, not the rights.
    """

    sandbox: str | None = None
    approval_policy: str | None = None
    cwd: str | None = None
    model: str | None = None
    profile: str | None = None
    deny_read: tuple[str, ...] = ()
    allow_git: bool = False
    workspace: str | None = None

    @property
    def bound(self) -> str | None:
        """The folder for files named by a call. None: any folder."""
        return self.cwd or self.workspace

    @property
    def restricts(self) -> bool:
        """A setting is fixed that other settings could widen."""
        fixed = (self.sandbox, self.approval_policy, self.cwd, self.model, self.profile)
        return any(fixed) or bool(self.deny_read)

    def distrusts(self, cwd: str | None) -> bool:
        """Return True if commands within the policy may have written the settings of a project.

        Codex's sandbox protects `.codex` in the working directory alone. In a folder below, Codex
        starts the programs named there, outside of the sandbox, if the user trusts the project.

        Args:
            cwd: The working directory of a call. None: that of the server.
        """
        writes = self.sandbox == "workspace-write" or (
            self.sandbox is None and bool(self.deny_read)
        )
        if not writes or (cwd is None and self.cwd is not None):
            return False
        return self.cwd is None or os.path.realpath(cwd or "") != os.path.realpath(self.cwd)

    def apply(self, call: CodexArguments, *, base_dir: str) -> CodexArguments:
        """Return the call within the policy, with absolute paths.

        Args:
            call: The caller's request.
            base_dir: Base of a relative `cwd`, if the policy fixes no folder.

        Raises:
            ArgumentsError: The call exceeds the policy.
        """
        if self.restricts:
            self._check_config(call)
        sandbox = _narrower("sandbox", self.sandbox, call.sandbox, SANDBOX_MODES)
        if self.deny_read and self.sandbox is None and sandbox == "danger-full-access":
            raise refusal(
                "sandbox",
                "`danger-full-access`",
                "this server was started with "
                "--deny-read, which that mode cannot enforce; ask for less",
            )
        return replace(
            call,
            sandbox=sandbox,
            approval_policy=_narrower(
                "approval-policy", self.approval_policy, call.approval_policy, _BY_FREEDOM
            ),
            cwd=self._cwd(call.cwd, base_dir, sandbox),
            model=self._model(call.model),
            extras=replace(call.extras, profile=self.profile or call.extras.profile),
        )

    def _check_config(self, call: CodexArguments) -> None:
        if call.extras.profile not in {None, self.profile}:
            raise refusal(
                "profile",
                f"`{call.extras.profile}`",
                "this server was started with a fixed "
                "policy, and a profile could widen it; start the server with --profile",
            )
        for key in call.config:
            if key not in HARMLESS_CONFIG_KEYS:
                raise refusal(
                    "config",
                    f"`{key}`",
                    "this server was started with a fixed policy, and "
                    "this setting could widen it; leave it out, or set it in config.toml",
                )

    def _model(self, asked: str | None) -> str | None:
        if self.model is not None and asked not in {None, self.model}:
            raise refusal(
                "model",
                f"`{asked}`",
                f"this server was started with --model {self.model}; leave it out",
            )
        return self.model or asked

    def _cwd(self, asked: str | None, base_dir: str, sandbox: str | None) -> str | None:
        if self.cwd is None and self.workspace is not None:
            return _in_workspace(asked, base_dir, self.workspace)
        if self.cwd is None:
            return None if asked is None else os.path.join(base_dir, asked)  # noqa: PTH118
        if asked is None:
            return self.cwd
        if not _is_path(asked):
            raise ArgumentsError(f"cwd {asked!r} is refused: not a path")
        # Resolve symbolic links: a link inside could lead outside.
        path = os.path.realpath(os.path.join(self.cwd, asked))  # noqa: PTH118
        root = os.path.realpath(self.cwd)
        if os.path.commonpath([root, path]) != root:
            raise refusal(
                "cwd",
                f"`{asked}`",
                f"this server was started with --cwd {self.cwd}; leave "
                "it out or name a folder below",
            )
        if path != root and sandbox not in {"read-only", "danger-full-access"}:
            # A command may replace the folder by a link, and a later turn would follow the link.
            raise refusal(
                "cwd",
                f"`{asked}`",
                "in a writable sandbox work starts in the folder of "
                f"--cwd, {self.cwd}; leave it out, or ask for sandbox `read-only`",
            )
        return path


def _in_workspace(asked: str | None, base_dir: str, workspace: str) -> str:
    """Return the folder of a call, without links, so the same path is valid in the container."""
    if asked is not None and not _is_path(asked):
        raise ArgumentsError(f"cwd {asked!r} is refused: not a path")
    path = os.path.realpath(os.path.join(base_dir, asked or ""))  # noqa: PTH118
    if os.path.commonpath([workspace, path]) == workspace:
        return path
    if asked is None:
        return workspace
    raise refusal(
        "cwd",
        f"`{asked}`",
        "Codex runs in a container that sees only its --workspace "
        f"{workspace}; leave it out or name a folder there",
    )


def _is_path(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def allows(policy: Policy, cwd: str) -> bool:
    """Return whether a thread in a folder may be continued.

    Args:
        policy: The policy.
        cwd: Absolute path of the thread's folder.
    """
    if policy.cwd is None:
        return True
    root = os.path.realpath(policy.cwd)
    return os.path.commonpath([root, os.path.realpath(cwd)]) == root


_BY_FREEDOM = tuple(reversed(APPROVAL_POLICIES))


def _narrower(
    name: str, fixed: str | None, asked: str | None, by_freedom: tuple[str, ...]
) -> str | None:
    if fixed is None or asked is None:
        return fixed or asked
    if by_freedom.index(asked) > by_freedom.index(fixed):
        raise refusal(
            name,
            f"`{asked}`",
            f"this server was started with --{name} {fixed}; leave it out or ask for less",
        )
    return asked
