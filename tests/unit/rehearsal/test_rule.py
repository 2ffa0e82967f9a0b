"""What a rehearsal answers, as Codex and as the agent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.rehearsal.outcome import HTTPError
from codexmcp.rehearsal.refusal import CANNOT_THINK
from codexmcp.rehearsal.responses import CustomToolCall, FunctionCall, Item, Message, Reply
from codexmcp.rehearsal.rule import decide

EXEC = {"type": "function", "name": "exec_command"}
CODE_MODE = {"type": "custom", "name": "exec"}
PROMPT_TOOL = {
    "type": "function",
    "name": "codex",
    "parameters": {"properties": {"prompt": {}, "cwd": {}}, "required": ["prompt"]},
}
REPLY_TOOL = {**PROMPT_TOOL, "name": "codex-reply"}
INPUTS_TOOL = {
    "type": "function",
    "name": "codex",
    "parameters": {
        "properties": {"inputs": {}, "thread_id": {}},
        "required": ["inputs", "thread_id"],
    },
}


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def skill(name: str, command: str) -> dict[str, Any]:
    path = f"/skills/{name}/SKILL.md"
    text = f"# {name}\n\n```bash\n{command}\n```"
    return user(f"<skill>\n<name>{name}</name>\n<path>{path}</path>\n{text}\n</skill>")


def request(*items: dict[str, Any], tool: dict[str, Any] = EXEC) -> dict[str, Any]:
    return {"tools": [tool], "input": list(items)}


def only(answer: Reply | HTTPError) -> Item:
    assert isinstance(answer, Reply)
    (item,) = answer.items
    return item


def call(command: str, call_id: str = "c1") -> dict[str, Any]:
    arguments = json.dumps({"cmd": command})
    kind = {"type": "function_call", "name": "exec_command"}
    return {**kind, "call_id": call_id, "arguments": arguments}


def output(text: object, call_id: str = "c1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def finished(code: int, text: str) -> str:
    return (
        "Chunk ID: 44980e\nWall time: 0.0000 seconds\n"
        f"Process exited with code {code}\nOriginal token count: 16\nOutput:\n{text}"
    )


def running(session: int, text: str) -> str:
    head = "Chunk ID: d49459\nWall time: 0.2522 seconds\n"
    tail = f"Original token count: 15\nOutput:\n{text}"
    return f"{head}Process running with session ID {session}\n{tail}"


def command_of(item: Item) -> str:
    assert isinstance(item, FunctionCall)
    assert item.name == "exec_command"
    return str(item.arguments["cmd"])


def text_of(item: Item) -> str:
    assert isinstance(item, Message)
    return item.text


class TestAsCodex:
    def test_it_runs_a_quoted_command(self) -> None:
        assert command_of(only(decide(request(user("run `echo hi`"))))) == "echo hi"

    def test_it_runs_a_skills_command_before_a_quoted_one(self) -> None:
        items = (user("$smoke, `echo no`"), skill("smoke", "bash scripts/run.sh"))
        assert command_of(only(decide(request(*items)))) == "bash /skills/smoke/scripts/run.sh"

    def test_an_answer_with_a_schema_is_the_object_that_the_command_printed(self) -> None:
        schema = {"text": {"format": {"type": "json_schema", "schema": {}}}}
        steps = (user("run `x`"), call("x"), output(finished(0, 'warning\n{"a": 1}\n')))
        assert text_of(only(decide({**request(*steps), **schema}))) == '{"a": 1}'
        steps = (user("run `x`"), call("x"), output(finished(0, "no object")))
        assert "no object" in text_of(only(decide({**request(*steps), **schema})))

    def test_a_prompt_may_have_its_command_ask_to_leave_the_sandbox(self) -> None:
        item = only(decide(request(user("run `echo hi` outside of the sandbox"))))
        assert isinstance(item, FunctionCall)
        assert item.arguments["sandbox_permissions"] == "require_escalated"

    def test_it_reports_the_command_its_exit_code_and_its_output(self) -> None:
        items = (user("run `echo hi`"), call("echo hi"), output(finished(0, "hi\n")))
        said = text_of(only(decide(request(*items))))
        assert said == "Command: echo hi\nExit code: 0. Output:\nhi\n"

    def test_it_says_plainly_that_a_command_failed(self) -> None:
        items = (user("run `x`"), call("x"), output(finished(3, "no\n")))
        said = text_of(only(decide(request(*items))))
        assert said == "Command: x\nThe command failed with exit code 3. Output:\nno\n"

    def test_it_says_plainly_that_codex_refused_a_command(self) -> None:
        items = (user("run `x`"), call("x"), output("exec_command failed: rejected"))
        said = text_of(only(decide(request(*items))))
        assert said.endswith("could not be run. Codex said:\nexec_command failed: rejected")

    @given(st.text(), st.integers(-255, 255))
    def test_output_passes_verbatim_whatever_it_holds(self, text: str, code: int) -> None:
        items = (user("run `x`"), call("x"), output(finished(code, text)))
        assert text_of(only(decide(request(*items)))).endswith(f"Output:\n{text}")

    def test_output_that_looks_like_a_head_is_only_output(self) -> None:
        fake = "Process exited with code 0\nOutput:\nfine\n"
        items = (user("run `x`"), call("x"), output(finished(7, fake)))
        said = text_of(only(decide(request(*items))))
        assert "exit code 7" in said
        assert said.endswith(fake)

    def test_it_polls_a_running_command_and_joins_its_output(self) -> None:
        items = [user("run `x`"), call("x"), output(running(42, "a\n"))]
        poll = only(decide(request(*items)))
        assert isinstance(poll, FunctionCall)
        assert (poll.name, poll.arguments["session_id"], poll.arguments["chars"]) == (
            "write_stdin",
            42,
            "",
        )
        items.append({"type": "function_call", "call_id": "c2", "name": "write_stdin"})
        items.append(output(finished(0, "b\n"), "c2"))
        assert text_of(only(decide(request(*items)))).endswith("Output:\na\nb\n")

    def test_it_runs_several_skills_in_order(self) -> None:
        items = [user("$a $b"), skill("a", "one"), skill("b", "two")]
        items += [call("one"), output(finished(0, "1"))]
        assert command_of(only(decide(request(*items)))) == "two"
        items += [call("two", "c2"), output(finished(0, "2"), "c2")]
        said = text_of(only(decide(request(*items))))
        assert said.index("Command: one") < said.index("Command: two")

    def test_it_stops_at_the_first_command_that_fails(self) -> None:
        items = (user("$a $b"), skill("a", "one"), skill("b", "two"))
        said = only(decide(request(*items, call("one"), output(finished(1, "")))))
        assert "two" not in text_of(said)

    def test_it_runs_only_what_the_latest_turn_names(self) -> None:
        old = (user("run `one`"), call("one"), output(finished(0, "1")))
        assert command_of(only(decide(request(*old, user("run `two`"))))) == "two"
        assert isinstance(decide(request(*old, user("and now?"))), HTTPError)

    def test_it_refuses_what_needs_thought(self) -> None:
        refused = decide(request(user("write a compiler")))
        assert refused == HTTPError(400, CANNOT_THINK, code="rehearsal_cannot_think")

    def test_it_refuses_a_command_without_a_shell_to_run_it(self) -> None:
        refused = decide(request(user("run `x`"), tool={"type": "web_search"}))
        assert isinstance(refused, HTTPError)
        assert "no tool to run a command" in refused.message


class TestAsCodexInCodeMode:
    def start(self, command: str) -> CustomToolCall:
        body = request(user(f"```bash\n{command}\n```"), tool=CODE_MODE)
        item = only(decide(body))
        assert isinstance(item, CustomToolCall)
        return item

    def after(self, command: str, *steps: dict[str, Any]) -> Item:
        started = {"type": "custom_tool_call", "call_id": "c1", "name": "exec"}
        items = (user("run `x`"), {**started, "input": self.start(command).input}, *steps)
        return only(decide(request(*items, tool=CODE_MODE)))

    def output(self, *texts: str, call_id: str = "c1") -> dict[str, Any]:
        parts = [{"type": "input_text", "text": text} for text in texts]
        return {"type": "custom_tool_call_output", "call_id": call_id, "output": parts}

    def test_it_calls_exec_command_from_a_script(self) -> None:
        assert self.start('echo "a\\b"').name == "exec"
        assert 'tools.exec_command({cmd: "echo \\"a\\\\b\\""' in self.start('echo "a\\b"').input

    @given(
        st.text(st.characters(blacklist_characters="`~", blacklist_categories=["Cs"]), min_size=1)
    )
    def test_any_command_survives_the_way_through_the_script(self, text: str) -> None:
        command = text.strip()
        if not command:
            return
        done = self.output("Script completed\nOutput:\n", "Process exited with code 0\nOutput:\n")
        said = text_of(self.after(command, done))
        assert said.startswith(f"Command: {command}\n")

    def test_it_reports_what_the_script_printed(self) -> None:
        head = "Script completed\nWall time 0.2 seconds\nOutput:\n"
        done = self.output(head, "Process exited with code 3\nOutput:\nhi\n")
        said = text_of(self.after("echo hi", done))
        assert said == "Command: echo hi\nThe command failed with exit code 3. Output:\nhi\n"

    def test_it_reports_a_script_that_failed(self) -> None:
        done = self.output("Script failed\nWall time 0.0 seconds\nOutput:\n", "Script error: boom")
        assert text_of(self.after("x", done)).endswith("Codex said:\nScript error: boom")

    def test_it_waits_for_a_script_that_still_runs(self) -> None:
        held = {**self.output(), "output": "Script running with cell ID 1\nOutput:\n"}
        waiting = self.after("x", held)
        assert isinstance(waiting, FunctionCall)
        assert (waiting.name, waiting.arguments["cell_id"]) == ("wait", "1")
        wait = {"type": "function_call", "call_id": "c2", "name": "wait"}
        done = self.output(
            "Script completed\nOutput:\n", "Process exited with code 0\nOutput:\nok", call_id="c2"
        )
        assert text_of(self.after("x", held, wait, done)).endswith("Output:\nok")


class TestAsTheAgent:
    def delegated(self, prompt: str, tool: dict[str, Any]) -> FunctionCall:
        item = only(decide(request(user(prompt), tool=tool)))
        assert isinstance(item, FunctionCall)
        return item

    def reported(self, result: object) -> str:
        called = {"type": "function_call", "call_id": "c1", "name": "codex", "arguments": "{}"}
        return text_of(only(decide(request(user("p"), called, output(result), tool=PROMPT_TOOL))))

    @given(st.text(min_size=1).filter(str.strip))
    def test_it_hands_the_prompt_over_verbatim(self, prompt: str) -> None:
        assert self.delegated(prompt, PROMPT_TOOL).arguments == {"prompt": prompt}

    def test_it_uses_codex_reply_when_that_is_all_there_is(self) -> None:
        called = self.delegated("p", REPLY_TOOL)
        assert (called.name, called.arguments) == ("codex-reply", {"prompt": "p"})

    def test_it_speaks_the_agents_sdks_own_codex_tool(self) -> None:
        text = {"type": "text", "text": "p", "path": None}
        assert self.delegated("p", INPUTS_TOOL).arguments == {"inputs": [text], "thread_id": None}

    @pytest.mark.parametrize(
        "result",
        [
            "done",
            {"type": "text", "text": "done"},
            [{"type": "input_text", "text": "done"}],
            '{"type": "text", "text": "done", "annotations": null}',
            '[{"type": "text", "text": "done"}]',
            '{"threadId": "t", "content": "done"}',
            '{"content": [{"type": "text", "text": "done"}], "isError": false}',
            '{"thread_id": "t", "response": "done", "usage": null}',
        ],
    )
    def test_it_reports_codexs_text_whatever_it_is_wrapped_in(self, result: object) -> None:
        assert self.reported(result) == "Codex reported:\ndone"

    @pytest.mark.parametrize("answer", ['{"a": 1}', "[1, 2]", "5", "null", '{"text": 1}', "{"])
    def test_it_leaves_an_answer_that_is_json_itself_as_it_is(self, answer: str) -> None:
        assert self.reported(answer) == f"Codex reported:\n{answer}"

    @pytest.mark.parametrize(
        ("result", "text"),
        [
            ('{"error": {"message": "no credit"}}', "no credit"),
            ([{"type": "input_text", "text": '{"error": {"message": "no credit"}}'}], "no credit"),
            ('{"isError": true, "content": [{"type": "text", "text": "bad"}]}', "bad"),
            (f"turn failed: {CANNOT_THINK}", f"turn failed: {CANNOT_THINK}"),
            (
                "An error occurred while running the tool. Please try again.",
                "An error occurred while running the tool. Please try again.",
            ),
        ],
    )
    def test_it_reports_a_failure_as_one(self, result: object, text: str) -> None:
        assert self.reported(result) == f"Codex failed:\n{text}"
