"""A model of the catalogue: code mode, searches, phases, and notices of its provider.

Each build is asked with the default model of its own catalogue, which gets its tools in code mode.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial

from codexmcp.rehearsal.conversation import text_of
from codexmcp.testing import Outcome, Reply, Request, Text
from tests.conformance import scenario as scenarios
from tests.conformance.raw import Item, code, message, raw, raw_with_headers, tool_call
from tests.conformance.scenario import ANSWERS, BOXED, EVENTS, FREE, Scenario

DONE = Text("Done.")
FILES = EVENTS | {"files"}
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

one_call = partial(scenarios.one_call, catalogue=True)


def catalogue() -> Iterable[Scenario]:
    """Yield the scenarios."""
    yield from _scripts()
    yield from _images()
    yield from _searches()
    yield from _phases()
    yield from _notices()
    yield from _reviews()


def command(line: str, **arguments: object) -> Item:
    """Return a script that runs a command."""
    given = json.dumps({"cmd": line, "yield_time_ms": 10_000, **arguments})
    return code(f"text(JSON.stringify(await tools.exec_command({given})));")


def echoed(request: Request) -> Outcome:
    """Answer with the output of the last tool."""
    outputs = [item["output"] for item in request.body["input"] if "output" in item]
    return Text(text_of(outputs[-1]))


def _scripts() -> Iterable[Scenario]:
    yield one_call("code mode, command", raw(command("echo hello; exit 3")), DONE, **FREE)
    yield one_call("code mode, script throws", raw(code("throw new Error('no');")), DONE, **FREE)
    yield one_call(
        "code mode, command in a folder with a strange name",
        raw(command("mkdir '\u00fc d#1%'")),
        raw(command("pwd", workdir="\u00fc d#1%")),
        DONE,
        **FREE,
    )
    yield one_call(
        "code mode, input of a command",
        raw(
            code(
                "const r = await tools.exec_command({cmd: 'read x; echo got $x', tty: true, "
                "yield_time_ms: 300}); await tools.write_stdin({session_id: r.session_id, "
                "chars: 'hey\\n', yield_time_ms: 5000});"
            )
        ),
        DONE,
        **FREE,
    )
    patch = "*** Begin Patch\n*** Add File: b.txt\n+hello\n*** End Patch\n"
    yield one_call(
        "code mode, patch",
        raw(code(f"text(await tools.apply_patch({json.dumps(patch)}));")),
        DONE,
        compare=FILES,
        **BOXED,
    )
    yield one_call(
        "code mode, goals",
        raw(code("text(typeof tools.create_goal);")),
        echoed,
        compare=ANSWERS,
        **FREE,
    )
    yield one_call("sleep", raw(tool_call("sleep", "clock", duration_ms=100)), DONE, **FREE)


def _images() -> Iterable[Scenario]:
    quoted = json.dumps("ü i'm (1) #2%.png")
    yield one_call(
        "image viewed",
        raw(command(f"echo {PNG} | base64 -d > {quoted}")),
        raw(code(f"image((await tools.view_image({{path: {quoted}}})).image_url);")),
        DONE,
        **FREE,
    )
    drawn = {"type": "image_generation_call", "status": "completed", "result": PNG}
    yield one_call("image drawn", raw({**drawn, "revised_prompt": "A dot."}, message("Done.")))


def _searches() -> Iterable[Scenario]:
    actions: tuple[Item, ...] = (
        {"type": "search", "query": "weather", "queries": ["weather", "rain"]},
        {"type": "open_page", "url": "http://x/"},
        {"type": "find_in_page", "url": "http://x/", "pattern": "rain"},
        {"type": "other"},
    )
    calls = [{"type": "web_search_call", "status": "completed", "action": a} for a in actions]
    yield one_call("web search", raw(*calls, message("Done.")))


def _phases() -> Iterable[Scenario]:
    after = command("true")
    final, aside = message("The answer.", "final_answer"), message("An aside.", "commentary")
    none = Reply(())
    yield one_call("result of a final answer before a command", raw(final, after), none, **FREE)
    yield one_call("result of commentary before a command", raw(aside, after), none, **FREE)
    yield one_call("result of an aside after a command", raw(final, after), raw(aside), **FREE)
    yield one_call("result of an aside after the answer", raw(final, aside))
    yield one_call("result of a final answer before a script", raw(final, code("text(1);")), none)
    refusal = [{"type": "refusal", "refusal": "I will not."}]
    yield one_call("result of a refusal", raw({**message(""), "content": refusal}))
    question = {"title": "Which?", "options": ["One", "Two"]}
    asked = tool_call("request_user_input_async", questions=[question])
    yield one_call("question that nobody waits for", raw(asked), DONE)


def _notices() -> Iterable[Scenario]:
    yield one_call("rerouted", raw_with_headers({"openai-model": "gpt-5.2"}, message("Done.")))
    metadata = {
        "openai_verification_recommendation": ["trusted_access_for_cyber"],
        "openai_chatgpt_moderation_metadata": {"aName": 1},
    }
    told = {"type": "response.metadata", "metadata": metadata}
    yield one_call("metadata of the provider", raw(message("Done."), events=[told]))
    yield one_call("deprecated setting", DONE, config_toml="[features]\ncollab = true\n")
    yield one_call("hooks", DONE, DONE, config_toml=_HOOKS)


def _reviews() -> Iterable[Scenario]:
    """Yield a command whose approval Codex's own reviewer decides, which is a model as well."""
    outside = {"sandbox_permissions": "require_escalated", "justification": "It is needed."}
    verdict = {"risk_level": "low", "user_authorization": "high", "rationale": "It is harmless."}
    for outcome in ("allow", "deny"):
        yield one_call(
            f"automatic review, {outcome}",
            raw(command("touch ../new.txt", **outside)),
            Text(json.dumps({**verdict, "outcome": outcome})),
            DONE,
            config_toml='approvals_reviewer = "auto_review"\n',
            sandbox="workspace-write",
        )


# Codex runs only hooks whose hash is confirmed.
_HOOKS = """\
[[hooks.UserPromptSubmit]]
[[hooks.UserPromptSubmit.hooks]]
type = "command"
command = "echo hi"
[[hooks.Stop]]
[[hooks.Stop.hooks]]
type = "command"
command = "test -e stopped && exit 0; touch stopped; echo go on >&2; exit 2"
[hooks.state."<home>/config.toml:user_prompt_submit:0:0"]
trusted_hash = "sha256:4ac11110e7e52a7ace4a63994f6a554e0c891264e3e3733d1f0541b1cd0b3b3e"
[hooks.state."<home>/config.toml:stop:0:0"]
trusted_hash = "sha256:9c6001f69ba4d96ffcabdeb4c63786bb394f8a7eaa912d83d8e5e38f91d8b86e"
"""
