"""Requests to `codex app-server`, as values and as wire parameters.

Pure. Spellings are app-server's; a None field is omitted, and Codex's default applies.

Source: `codex app-server generate-json-schema` of 0.153.4, 0.163.0 and 0.169.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import dig, text_of


@dataclass(frozen=True, slots=True)
class ThreadOptions:
    """Options of a thread.

    Attributes:
        model: Model name. None: the model of Codex's configuration.
        cwd: Absolute path of the working directory.
        sandbox: `read-only`, `workspace-write` or `danger-full-access`.
        permissions: Name of a permissions profile; replaces `sandbox`.
        approval_policy: `on-request` or `never` (Codex has more).
        base_instructions: Replaces Codex's instructions.
        developer_instructions: Added as a developer message.
        config: Settings that override config.toml, nested or with dotted keys.
        allow_git: Allow commands to write to the repository's git folder, for commits. Not Codex's
            option: `codex.thread_options` converts the option into a permissions profile.
        distrusts: Ignore the project's own settings, also if the user trusts the project. Not
            Codex's option either.
    """

    model: str | None = None
    cwd: str | None = None
    sandbox: str | None = None
    permissions: str | None = None
    approval_policy: str | None = None
    base_instructions: str | None = None
    developer_instructions: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    allow_git: bool = False
    distrusts: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Return the parameters of `thread/start` and `thread/resume`."""
        fields = {
            "model": self.model,
            "cwd": self.cwd,
            # Codex refuses the two together: "`permissions` cannot be combined with `sandbox`".
            "sandbox": None if self.permissions else self.sandbox,
            "permissions": self.permissions,
            "approvalPolicy": self.approval_policy,
            "baseInstructions": self.base_instructions,
            "developerInstructions": self.developer_instructions,
            "config": dict(self.config) or None,
            "allowGit": self.allow_git or None,
            "distrusts": self.distrusts or None,
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """Options of a turn.

    Attributes:
        effort: Reasoning effort, for example `low`.
        output_schema: JSON Schema of the final message.
    """

    effort: str | None = None
    output_schema: Mapping[str, Any] | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the parameters of `turn/start`, without thread and input."""
        fields = {"effort": self.effort, "outputSchema": self.output_schema}
        return {name: value for name, value in fields.items() if value is not None}


def text_input(text: str) -> dict[str, Any]:
    """Return the input item of a prompt."""
    return {"type": "text", "text": text}


def image_input(path: str) -> dict[str, Any]:
    """Return the input item of a local image.

    Args:
        path: Absolute path; app-server reads the file.
    """
    return {"type": "localImage", "path": path}


@dataclass(frozen=True, slots=True)
class ThreadInfo:
    """Codex's answer about a started or resumed thread.

    Attributes:
        id: The thread's id, a UUID.
        raw: The whole answer.
    """

    id: str
    raw: Mapping[str, Any]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> ThreadInfo:
        """Return the thread in an answer to `thread/start`, `thread/resume` or `thread/fork`."""
        return cls(text_of(dig(answer, "thread", "id")) or "", answer)
