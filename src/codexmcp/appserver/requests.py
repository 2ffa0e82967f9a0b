"""What we ask of `codex app-server`, as values and as the parameters on the wire.

Pure. Spellings are app-server's; a field left at None is left out, and Codex's own default applies.

Source: `codex app-server generate-json-schema` of 0.153.4, 0.163.0 and 0.169.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ThreadOptions:
    """How a thread is to work.

    Attributes:
        model: Model name; None means the one of Codex's configuration.
        cwd: Absolute path of the working directory.
        sandbox: `read-only`, `workspace-write` or `danger-full-access`.
        permissions: Name of a permissions profile; takes the place of `sandbox`.
        approval_policy: `on-request` or `never` (Codex knows more).
        base_instructions: Replaces Codex's own instructions.
        developer_instructions: Added as a developer message.
        config: Settings that override config.toml, nested or with dotted keys.
    """

    model: str | None = None
    cwd: str | None = None
    sandbox: str | None = None
    permissions: str | None = None
    approval_policy: str | None = None
    base_instructions: str | None = None
    developer_instructions: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])

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
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """How one turn is to work.

    Attributes:
        effort: Reasoning effort, such as `low`.
        output_schema: JSON Schema that the final message must fit.
    """

    effort: str | None = None
    output_schema: Mapping[str, Any] | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the parameters that `turn/start` takes beside thread and input."""
        fields = {"effort": self.effort, "outputSchema": self.output_schema}
        return {name: value for name, value in fields.items() if value is not None}


def text_input(text: str) -> dict[str, Any]:
    """Return the input item that carries a prompt."""
    return {"type": "text", "text": text}


def image_input(path: str) -> dict[str, Any]:
    """Return the input item that carries a local image.

    Args:
        path: Its absolute path; app-server reads it.
    """
    return {"type": "localImage", "path": path}


@dataclass(frozen=True, slots=True)
class ThreadInfo:
    """What Codex says of a thread that it started or resumed.

    Attributes:
        id: The thread's id, a UUID.
        raw: The whole answer.
    """

    id: str
    raw: Mapping[str, Any]
