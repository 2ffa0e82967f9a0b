"""The modules that a program loads before its work, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.builds import CHECKOUT


@pytest.mark.parametrize("entry", ["main", "newway"])
def test_an_entry_point_loads_little_before_ctrl_c_is_heeded(entry: str) -> None:
    slow = ["asyncio", "logging", "argparse", "json", "ssl"]
    code = f"import sys, {entry}; print([name for name in {slow} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {code}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert run.stdout == "[]\n"


def test_importing_the_package_prints_nothing_and_loads_no_library() -> None:
    code = (
        "import sys, codexmcp; own = 'codexmcp.';"
        "print([m for m in sys.modules if m in {'mcp', 'agents'} or m.startswith(own)])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_the_mcp_server_starts_without_heavy_libraries() -> None:
    heavy = ["mcp", "agents", "openai", "pydantic", "rich", "h11", "jsonschema"]
    code = (
        "import sys, codexmcp.cli, codexmcp.server.stdio, codexmcp.codex.key_proxy;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout == "[]\n"


def test_a_relay_imports_nothing_that_it_does_without() -> None:
    program = (
        "import sys, codexmcp.cli.app as app; app.parser_for(['mcp-server', '--shared']);"
        "import codexmcp.cli.shared, codexmcp.run_settings;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"asyncio", "logging", "subprocess", "sqlite3", "websockets", "jsonschema", "tomllib"}
    assert not {*heavy, "shutil", "textwrap"} & set(run.stdout.split())


def test_the_screens_library_is_not_waited_for_to_show_help() -> None:
    code = (
        "import atexit, sys; from codexmcp.picker import main;"
        "atexit.register(lambda: print('textual' in sys.modules));"
        "main(['--help'])"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout.endswith("False\n")
