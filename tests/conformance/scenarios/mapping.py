"""Section 1.3: how a call's arguments reach the model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from codexmcp.testing import Text, Usage
from tests.conformance.scenario import EVENTS, HELLO, REQUESTS, Scenario, one_call, says
from tests.conformance.steps import Response, codex, reply


def mapping() -> Iterable[Scenario]:
    """Yield the scenarios."""
    yield from _arguments()
    yield from _configs()
    yield from _surroundings()
    yield _compaction()


def _seen(name: str, config_toml: str = "", **arguments: Any) -> Scenario:
    return one_call(
        f"model sees {name}",
        Text("Hello."),
        compare=REQUESTS | EVENTS | {"config"},
        config_toml=config_toml,
        **arguments,
    )


def _arguments() -> Iterable[Scenario]:
    yield _seen("defaults")
    yield _seen("model", model="other-model")
    yield _seen("model of the catalogue", model="gpt-5.5")
    yield _seen("base-instructions", base_instructions="Be a test.")
    yield _seen("developer-instructions", developer_instructions="Think of tests.")
    yield _seen("both instructions", base_instructions="Be.", developer_instructions="Think.")
    yield _seen("empty instructions", base_instructions="", developer_instructions="")
    for mode in ("read-only", "workspace-write", "danger-full-access"):
        yield _seen(f"sandbox {mode}", sandbox=mode)
        yield _seen(f"sandbox {mode} with cwd", sandbox=mode, cwd="<project>")
    for policy in ("on-request", "never"):
        yield _seen(f"approval-policy {policy}", approval_policy=policy)
    yield _seen("cwd", cwd="/")
    yield _seen("cwd relative", cwd="..")
    yield _seen("cwd dot", cwd=".")
    yield _seen("cwd missing", cwd="no/such")
    yield _seen("compact-prompt", compact_prompt="Make it short.")
    yield _seen("prompt with lines", prompt="One.\nTwo.\n\nÄ \N{ROBOT FACE}")
    yield _seen("prompt empty", prompt="")


def _configs() -> Iterable[Scenario]:
    yield _seen(
        "config nested",
        config={"sandbox_workspace_write": {"network_access": True}},
        sandbox="workspace-write",
    )
    yield _seen(
        "config dotted",
        config={"sandbox_workspace_write.network_access": True},
        sandbox="workspace-write",
    )
    yield _seen("config effort", config={"model_reasoning_effort": "high"}, model="gpt-5.5")
    yield _seen(
        "config against arguments",
        config={"model": "a", "sandbox_mode": "read-only"},
        model="b",
        sandbox="workspace-write",
    )
    yield _seen("config model", config={"model": "from-config"})
    yield _seen("config approval_policy", config={"approval_policy": "never"})
    yield _seen("config approval_policy untrusted", config={"approval_policy": "untrusted"})
    yield _seen("config developer_instructions", config={"developer_instructions": "From config."})


def _surroundings() -> Iterable[Scenario]:
    trusted = '[projects."<project>"]\ntrust_level = "trusted"\n'
    yield _seen("a trusted project", trusted)
    yield _seen("a trusted project with sandbox", trusted, sandbox="read-only")
    untrusted = '[projects."<project>"]\ntrust_level = "untrusted"\n'
    yield _seen("an untrusted project", untrusted)
    yield _seen("an untrusted project with cwd", untrusted, cwd="<project>")
    yield _seen(
        "policies of config.toml",
        config_toml='approval_policy = "never"\nsandbox_mode = "workspace-write"\n',
    )


def _compaction() -> Scenario:
    compacting = (Text("One.", Usage(9_000, 10)), Text("Short."), Text("Two.", Usage(10, 1)))
    steps = (
        *HELLO,
        codex(1, compact_prompt="Make it short.", config={"model_auto_compact_token_limit": 5_000}),
        Response(1),
        reply(2, 1),
        Response(2),
    )
    return Scenario(
        "compaction with compact-prompt",
        says(*compacting, Text("Three.")),
        steps,
        EVENTS | REQUESTS,
    )
