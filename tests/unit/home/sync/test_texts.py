from __future__ import annotations

import json
import shlex

from codexmcp.home.sync.command_log import DEFAULT_URL, report_url, with_report
from codexmcp.home.sync.memory import MOST_INLINE_BYTES, memory_skill, memory_text

SKILL = "---\nname: x\ndescription: y\n---\n\nDo it.\n"


def test_use_is_reported_to_the_server_that_the_fragment_names() -> None:
    server = '[mcp_servers.agentOS-portfolio]\nurl = "http://127.0.0.1:4100/mcp"\n'
    assert report_url(server) == "http://127.0.0.1:4100/command-log"
    assert report_url("") == DEFAULT_URL
    assert report_url('[mcp_servers.agentOS-portfolio]\ncommand = "x"\n') == DEFAULT_URL


def test_a_deployed_skill_asks_for_a_report_that_a_shell_and_json_understand() -> None:
    text = with_report(SKILL, "codex", 'it\'s "odd"', "http://127.0.0.1:3000/command-log")
    assert text.startswith(SKILL)
    command = next(line for line in text.splitlines() if line.startswith("curl "))
    words = shlex.split(command)
    assert json.loads(words[words.index("-d") + 1]) == {"client": "codex", "command": 'it\'s "odd"'}
    assert words[-2:] == ["||", "true"]


def test_asking_for_a_report_twice_is_asking_once() -> None:
    once = with_report(SKILL, "codex", "x", DEFAULT_URL)
    assert with_report(once, "codex", "x", DEFAULT_URL) == once


def test_general_memories_are_told_and_those_of_projects_named() -> None:
    memories = {
        "projects/b.md": "about b",
        "projects/a.md": "about a",
        "zebra.md": "stripes\n",
        "conventions.md": "tabs\n",
        "global.md": "\n# Me\n",
    }
    text = memory_text(memories, "/h/agentos-memories")
    places = [text.index(each) for each in ("# Me", "tabs", "stripes", "projects/a.md")]
    assert places == sorted(places)
    assert "about a" not in text
    assert "- /h/agentos-memories/projects/a.md\n- /h/agentos-memories/projects/b.md" in text


def test_memories_too_large_for_a_file_of_instructions_are_named() -> None:
    text = memory_text({"global.md": "x" * (MOST_INLINE_BYTES + 1), "small.md": "small"}, "/h/m")
    assert len(text) < 1000
    assert "- /h/m/global.md" in text
    assert "small\n" in text


def test_without_memories_nothing_is_told() -> None:
    assert memory_text({}, "/h/m") == ""


def test_memory_as_a_skill_has_a_name_and_a_description() -> None:
    head = memory_skill("text\n").split("---")[1]
    assert "name: agentos-memory\n" in head
    assert "description: " in head
