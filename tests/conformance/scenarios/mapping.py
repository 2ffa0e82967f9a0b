"""Section 1.3: how a call's arguments reach the model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from codexmcp.testing import Text, Usage
from tests.conformance.scenario import EVENTS, HELLO, REQUESTS, Scenario, one_call, says
from tests.conformance.steps import Response, codex, reply


def mapping() -> Iterable[Scenario]:
    """Yield the scenarios."""
    hello = Text("Hello.")

    def seen(name: str, config_toml: str = "", **arguments: Any) -> Scenario:
        return one_call(
            f"model sees {name}",
            hello,
            compare=REQUESTS | EVENTS | {"config"},
            config_toml=config_toml,
            **arguments,
        )

    yield seen("defaults")
    yield seen("model", model="other-model")
    yield seen("model of the catalogue", model="gpt-5.5")
    yield seen("base-instructions", base_instructions="Be a test.")
    yield seen("developer-instructions", developer_instructions="Think of tests.")
    yield seen("both instructions", base_instructions="Be.", developer_instructions="Think.")
    yield seen("empty instructions", base_instructions="", developer_instructions="")
    for mode in ("read-only", "workspace-write", "danger-full-access"):
        yield seen(f"sandbox {mode}", sandbox=mode)
        yield seen(f"sandbox {mode} with cwd", sandbox=mode, cwd="<project>")
    for policy in ("on-request", "never"):
        yield seen(f"approval-policy {policy}", approval_policy=policy)
    yield seen("cwd", cwd="/")
    yield seen("cwd relative", cwd="..")
    yield seen("cwd dot", cwd=".")
    yield seen("cwd missing", cwd="no/such")
    yield seen(
        "config nested",
        config={"sandbox_workspace_write": {"network_access": True}},
        sandbox="workspace-write",
    )
    yield seen(
        "config dotted",
        config={"sandbox_workspace_write.network_access": True},
        sandbox="workspace-write",
    )
    yield seen("config effort", config={"model_reasoning_effort": "high"}, model="gpt-5.5")
    yield seen(
        "config against arguments",
        config={"model": "a", "sandbox_mode": "read-only"},
        model="b",
        sandbox="workspace-write",
    )
    yield seen("config model", config={"model": "from-config"})
    yield seen("config approval_policy", config={"approval_policy": "never"})
    yield seen("config approval_policy untrusted", config={"approval_policy": "untrusted"})
    yield seen("config developer_instructions", config={"developer_instructions": "From config."})
    yield seen("compact-prompt", compact_prompt="Make it short.")
    yield seen("prompt with lines", prompt="One.\nTwo.\n\nÄ \N{ROBOT FACE}")
    yield seen("prompt empty", prompt="")
    trusted = '[projects."<project>"]\ntrust_level = "trusted"\n'
    yield seen("a trusted project", trusted)
    yield seen("a trusted project with sandbox", trusted, sandbox="read-only")
    untrusted = '[projects."<project>"]\ntrust_level = "untrusted"\n'
    yield seen("an untrusted project", untrusted)
    yield seen("an untrusted project with cwd", untrusted, cwd="<project>")
    yield seen(
        "policies of config.toml",
        config_toml='approval_policy = "never"\nsandbox_mode = "workspace-write"\n',
    )
    compacting = (Text("One.", Usage(9_000, 10)), Text("Short."), Text("Two.", Usage(10, 1)))
    steps = (
        *HELLO,
        codex(1, compact_prompt="Make it short.", config={"model_auto_compact_token_limit": 5_000}),
        Response(1),
        reply(2, 1),
        Response(2),
    )
    yield Scenario(
        "compaction with compact-prompt",
        says(*compacting, Text("Three.")),
        steps,
        EVENTS | REQUESTS,
    )
