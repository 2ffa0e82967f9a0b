"""What the starter of the server has fixed, and a tool's arguments cannot widen.

Pure.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from codexmcp.server.arguments import APPROVAL_POLICIES, ArgumentsError, CodexArguments
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
"""Settings that a caller may override under a fixed policy. Everything else could widen it: an MCP
server or a hook runs outside the sandbox, a provider can carry data away, and Codex gains settings
with each release, so this is a list of what is allowed."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Fixed settings; None leaves one to the caller.

    Attributes:
        sandbox: The widest sandbox mode.
        approval_policy: `never` forbids questions; `on-request` allows them.
        cwd: Absolute path; calls work in it or below.
        model: The only model.
        profile: The profile of the Codex home that holds for every call.
        deny_read: Absolute paths that commands must not read in the sandboxed modes.
        workspace: All that Codex sees, where it runs in a container: an absolute path without
            symbolic links, below which `cwd` lies. It bounds where calls work, not how.
    """

    sandbox: str | None = None
    approval_policy: str | None = None
    cwd: str | None = None
    model: str | None = None
    profile: str | None = None
    deny_read: tuple[str, ...] = ()
    workspace: str | None = None

    @property
    def bound(self) -> str | None:
        """The folder that files named by a call lie in; None for any."""
        return self.cwd or self.workspace

    @property
    def restricts(self) -> bool:
        """Whether anything that could be widened by other settings is fixed."""
        fixed = (self.sandbox, self.approval_policy, self.cwd, self.model, self.profile)
        return any(fixed) or bool(self.deny_read)

    def apply(self, call: CodexArguments, *, base_dir: str) -> CodexArguments:
        """Return the call as it may run, with every path absolute.

        Args:
            call: What the caller asked for.
            base_dir: What a relative `cwd` is relative to when none is fixed.

        Raises:
            ArgumentsError: The call asks for more than is allowed.
        """
        if self.restricts:
            self._check_config(call)
        sandbox = _narrower("sandbox", self.sandbox, call.sandbox, SANDBOX_MODES)
        if self.deny_read and self.sandbox is None and sandbox == "danger-full-access":
            raise ArgumentsError(
                "sandbox `danger-full-access` is refused: this server was started with "
                "--deny-read, which that mode does not keep; ask for less"
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
            raise ArgumentsError(
                f"profile `{call.extras.profile}` is refused: this server was started with a fixed "
                "policy, and a profile could widen it; start the server with --profile"
            )
        for key in call.config:
            if key not in HARMLESS_CONFIG_KEYS:
                raise ArgumentsError(
                    f"config `{key}` is refused: this server was started with a fixed policy, and "
                    "this setting could widen it; leave it out, or set it in config.toml"
                )

    def _model(self, asked: str | None) -> str | None:
        if self.model is not None and asked not in {None, self.model}:
            raise ArgumentsError(
                f"model `{asked}` is refused: this server was started with --model {self.model}; "
                "leave it out"
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
            raise ArgumentsError(f"cwd {asked!r} is refused: it is no path")
        # Symbolic links are resolved, or a link inside would lead outside.
        path = os.path.realpath(os.path.join(self.cwd, asked))  # noqa: PTH118
        root = os.path.realpath(self.cwd)
        if os.path.commonpath([root, path]) != root:
            raise ArgumentsError(
                f"cwd `{asked}` is refused: this server was started with --cwd {self.cwd}; leave "
                "it out or name a folder below"
            )
        if path != root and sandbox not in {"read-only", "danger-full-access"}:
            # A command may put a link in the folder's place, and a later turn would follow it.
            raise ArgumentsError(
                f"cwd `{asked}` is refused: in a writable sandbox work starts in the folder of "
                f"--cwd, {self.cwd}; leave it out, or ask for sandbox `read-only`"
            )
        return path


def _in_workspace(asked: str | None, base_dir: str, workspace: str) -> str:
    """Return the folder of a call, without links, so that it is the same one in the container."""
    if asked is not None and not _is_path(asked):
        raise ArgumentsError(f"cwd {asked!r} is refused: it is no path")
    path = os.path.realpath(os.path.join(base_dir, asked or ""))  # noqa: PTH118
    if os.path.commonpath([workspace, path]) == workspace:
        return path
    if asked is None:
        return workspace
    raise ArgumentsError(
        f"cwd `{asked}` is refused: Codex runs in a container that sees only its --workspace "
        f"{workspace}; leave it out or name a folder there"
    )


def _is_path(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def allows(policy: Policy, cwd: str) -> bool:
    """Return whether a thread that works in a folder may be continued.

    Args:
        policy: What is fixed.
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
        raise ArgumentsError(
            f"{name} `{asked}` is refused: this server was started with --{name} {fixed}; leave it "
            "out or ask for less"
        )
    return asked
