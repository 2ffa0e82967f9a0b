from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.network import CA_VARIABLES, PROXY_VARIABLES, direct_to_loopback, tls_context
from codexmcp.settings import child_environment, load_settings
from tests.support.builds import CHECKOUT
from tests.support.sources import texts_with

ALL = "127.0.0.1,localhost,::1"

STARTS = {
    *("subprocess.Popen", "subprocess.run", "subprocess.call", "subprocess.check_output"),
    *("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "stdio_client"),
    *("os.execv", "os.execve", "os.execvp", "os.execvpe", "os.execl", "os.execle", "os.execlp"),
    *("os.posix_spawn", "os.posix_spawnp", "os.spawnve", "os.system", "os.popen", "os.fork"),
}
"""Calls that start a program. A child's environment must come from `direct_to_loopback`."""

CLIENTS = {
    *("AsyncClient", "Client", "AsyncOpenAI", "OpenAI"),
    *("HTTPConnection", "HTTPSConnection", "urlopen", "build_opener"),
}
"""Calls that make an HTTP client. Its loopback must be excepted by `DIRECT_MOUNTS`."""

NO_NETWORK = "in a container, whose only network is a socket"
ELSEWHERE = {
    ("codex/container/inside.py", "_run"): NO_NETWORK,
    ("codex/container/inside.py", "_sandbox_fault"): NO_NETWORK,
    ("cli/serve_supervisors.py", "is_up"): "http.client uses no proxy unless it is told to",
    ("cli/service_managers.py", "_failure"): "systemctl and launchctl make no HTTP requests",
    ("runs/process_identity.py", "_output"): "ps makes no HTTP requests",
    ("workspace/search/searcher.py", "_started"): "ripgrep, whose environment is empty",
}
"""All other places, and why they need neither."""


def names_of(call: ast.Call) -> set[str]:
    dotted = ast.unparse(call.func)
    return {dotted, dotted.rpartition(".")[2]}


def calls(file: str, text: str) -> Iterator[tuple[tuple[str, str], set[str], str]]:
    """Yield the place, the names and the function's source of each such call in a file."""
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes = (node for node in ast.walk(function) if isinstance(node, ast.Call))
            for names in map(names_of, nodes):
                if names & (STARTS | CLIENTS):
                    yield (file, function.name), names, ast.unparse(function)


@cache
def all_calls() -> Sequence[tuple[tuple[str, str], set[str], str]]:
    """Return the calls of the package and of both programs that start a child or make a client."""
    programs = {name: (CHECKOUT / name).read_text() for name in ("main.py", "newway.py")}
    files = texts_with(*(f"{name}(" for name in STARTS | CLIENTS)) | programs
    return [each for file, text in files.items() for each in calls(file, text)]


@pytest.mark.parametrize(
    ("kind", "mark"), [(STARTS, "direct_to_loopback("), (CLIENTS, "DIRECT_MOUNTS")]
)
def test_each_start_of_a_child_and_each_client_excepts_loopback(kind: set[str], mark: str) -> None:
    places = {place: source for place, names, source in all_calls() if names & kind}
    assert places, "the search finds nothing"
    unmarked = {place for place, source in places.items() if mark not in source}
    assert unmarked - ELSEWHERE.keys() == set()


def test_no_reason_is_given_for_a_place_that_is_gone() -> None:
    assert {
        place for place, names, _ in all_calls() if names & (STARTS | CLIENTS)
    } >= ELSEWHERE.keys()


@pytest.mark.parametrize("variable", PROXY_VARIABLES)
def test_loopback_is_excepted_from_each_proxy(variable: str) -> None:
    env = {variable: "http://proxy:3128", "PATH": "/bin"}
    assert direct_to_loopback(env) == {**env, "NO_PROXY": ALL, "no_proxy": ALL}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, (ALL, ALL)),
        ({"NO_PROXY": "a.example, .b"}, (f"a.example,.b,{ALL}", f"a.example,.b,{ALL}")),
        ({"no_proxy": "a"}, (f"a,{ALL}", f"a,{ALL}")),
        ({"NO_PROXY": "a", "no_proxy": "b"}, (f"a,{ALL}", f"b,{ALL}")),
        ({"NO_PROXY": "localhost"}, ("localhost,127.0.0.1,::1", "localhost,127.0.0.1,::1")),
        # Codex takes `*` for all names and for no address, and Python only where it stands alone.
        ({"NO_PROXY": "*"}, (f"*,{ALL}", "*")),
        ({"no_proxy": " * "}, (f"*,{ALL}", " * ")),
        ({"NO_PROXY": "a,*"}, (f"a,*,{ALL}", f"a,*,{ALL}")),
        ({"NO_PROXY": ALL, "no_proxy": ALL}, (ALL, ALL)),
    ],
)
def test_the_exceptions_of_the_user_are_kept(given: dict[str, str], kept: tuple[str, str]) -> None:
    env = direct_to_loopback({"HTTP_PROXY": "http://proxy", **given})
    assert (env["NO_PROXY"], env["no_proxy"]) == kept
    assert direct_to_loopback(env) == env


def test_without_a_proxy_the_environment_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert direct_to_loopback({"PATH": "/bin", "HTTP_PROXY": ""}) == {
        "PATH": "/bin",
        "HTTP_PROXY": "",
    }


def test_the_proxies_of_macos_settings_are_excepted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert direct_to_loopback({})["NO_PROXY"] == ALL


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_certificates_are_passed_on_from_the_environment_and_from_a_file(
    variable: str, tmp_path: Path
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"{variable}=/etc/company.pem\n")
    env: dict[str, str] = {}
    load_settings(env, project=tmp_path)
    assert child_environment(env)[variable] == "/etc/company.pem"


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_a_file_without_certificates_is_named(variable: str, tmp_path: Path) -> None:
    for content in (None, "nothing"):
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_text(content)
        with pytest.raises(ConfigurationError, match=f"from {variable} {path}: .*; name a PEM"):
            tls_context({variable: str(path)})
