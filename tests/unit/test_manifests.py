"""The files and links by which clients find our server are up to date, and all say the same."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema
import pytest

from codexmcp.server.run_tools.definitions import run_tool_definitions
from scripts.manifests import (
    CHECKOUT,
    COMMAND,
    PLUGIN_FOLDER,
    REGISTRY_NAME,
    REGISTRY_SCHEMA,
    SERVER,
    SERVER_NAME,
    files,
    links,
)

FILES = files()
SCHEMA = json.loads((Path(__file__).parent / "registry" / "server.schema.json").read_text())
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
LINE = {"name": SERVER_NAME, **SERVER}


@pytest.mark.parametrize("path", FILES)
def test_a_generated_file_is_up_to_date(path: str) -> None:
    is_current = (CHECKOUT / path).read_text(encoding="utf-8") == FILES[path]
    assert is_current, f"{path} is out of date: run `{COMMAND}` and commit the file"


def test_the_registry_accepts_the_file() -> None:
    server = json.loads(FILES["server.json"])
    assert server["$schema"] == SCHEMA["$id"] == REGISTRY_SCHEMA
    jsonschema.Draft7Validator(SCHEMA).validate(server)
    (package,) = server["packages"]
    assert server["version"] == package["version"] == PROJECT["version"]
    assert f"mcp-name: {REGISTRY_NAME} " in (CHECKOUT / PROJECT["readme"]).read_text()


def test_the_schema_refuses_what_the_registry_refuses() -> None:
    server = json.loads(FILES["server.json"])
    wrongs: list[dict[str, Any]] = [{"description": "x" * 101}, {"name": "a"}, {"packages": [{}]}]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft7Validator(SCHEMA).validate(server | wrong)


def test_the_package_of_the_registry_starts_the_same_server() -> None:
    (package,) = json.loads(FILES["server.json"])["packages"]
    # A client runs `uvx IDENTIFIER ARGUMENTS`, and uvx the script with the package's name.
    scripts = PROJECT["scripts"]
    assert scripts[package["identifier"]] == scripts[SERVER["command"]]
    arguments = [each.get("value") or each["name"] for each in package["packageArguments"]]
    assert arguments == SERVER["args"]


def test_the_links_decode_to_the_server_line() -> None:
    targets = links()
    for scheme in ("vscode", "vscode-insiders"):
        start, query = targets[scheme].split("?")
        assert start == f"{scheme}:mcp/install"
        assert json.loads(unquote(query)) == LINE
    link = urlsplit(targets["cursor"])
    assert (link.scheme, link.netloc, link.path) == (
        "cursor",
        "anysphere.cursor-deeplink",
        "/mcp/install",
    )
    ((name,), (config,)) = (parse_qs(link.query)[key] for key in ("name", "config"))
    assert {"name": name, **json.loads(base64.b64decode(config, validate=True))} == LINE


def test_the_page_of_clients_uses_every_link() -> None:
    page = FILES["docs/how-to/clients.md"]
    for label in links():
        assert page.count(f"][{label}]") == 1


def test_the_plugin_has_the_server_line() -> None:
    plugin = json.loads(FILES[f"{PLUGIN_FOLDER}/.claude-plugin/plugin.json"])
    assert plugin["mcpServers"] == {SERVER_NAME: SERVER}
    assert plugin["version"] == PROJECT["version"]


def test_the_plugin_names_only_tools_that_exist() -> None:
    tools = {each["name"] for each in run_tool_definitions()}
    for page in (CHECKOUT / PLUGIN_FOLDER).rglob("*.md"):
        named = set(re.findall(r"\bcodex_[a-z_]+", page.read_text().replace("codex__", "")))
        assert named <= tools, page
