"""Section 1.4: what is told while the model works: commands."""

from __future__ import annotations

from collections.abc import Iterable

from codexmcp.testing import FunctionCall, Reply, ShellCall, Text
from tests.conformance.scenario import ANSWERS, BOXED, FREE, Scenario, one_call, shell

COMMANDS = {
    "exits 0": "echo hello",
    "exits 3": "echo hello; exit 3",
    "writes to stderr": "echo oops >&2",
    "writes nothing": "true",
    "writes much": "seq 1 20000",
    "writes bytes": r"printf '\377\376a'",
    "is missing": "no-such-command-at-all",
    "reads a file": "cat a.txt",
    "searches": "grep -n hello a.txt",
    "lists": "ls",
    "is a pipe": "cat a.txt | head -n 1",
    "has quotes": """echo "it's" 'a "b"' $HOME/x | cat""",
    "has lines": "echo a\necho b",
    "kills itself": "kill -9 $$",
}
"""Shell commands, by what they do."""


def commands() -> Iterable[Scenario]:
    """Yield the scenarios."""
    done = Text("Done.")
    for name, command in COMMANDS.items():
        yield one_call(f"command {name}", shell(command), done, files={"a.txt": "hello\n"}, **FREE)
    yield one_call("command in the sandbox", shell("echo hello"), done, **BOXED)
    yield one_call(
        "command read-only cannot write",
        shell("touch b.txt"),
        done,
        sandbox="read-only",
        approval_policy="never",
        # Codex 0.153.4 loses the events of a command that fails so fast, now and then.
        compare=ANSWERS | {"files"},
    )
    yield one_call("command in another folder", shell("pwd", workdir="/"), done, **FREE)
    yield one_call("command in a missing cwd", shell("pwd"), done, cwd="/no/such", **FREE)
    yield one_call("command by the kit", ShellCall("echo hello"), done, **FREE)
    yield one_call("two commands in turn", shell("echo a"), shell("echo b", "call_2"), done, **FREE)
    both = Reply(
        tuple(
            FunctionCall("exec_command", {"cmd": f"sleep 0.{n}; echo {n}"}, f"call_{n}")
            for n in (1, 5)
        )
    )
    # Which of the two starts first is chance, so their events are not compared.
    yield one_call("two commands at once", both, done, compare=ANSWERS, **FREE)
    yield one_call(
        "command with broken arguments",
        Reply((FunctionCall("exec_command", {"foo": 1}, "call_1"),)),
        done,
        **FREE,
    )
    yield one_call(
        "unknown tool of the model",
        Reply((FunctionCall("no_such_tool", {}, "call_1"),)),
        done,
        **FREE,
    )
