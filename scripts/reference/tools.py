"""The page of MCP tools, from the definitions that `tools/list` answers with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codexmcp.server.run_tools.definitions import run_tool_definitions
from codexmcp.server.tools import tool_definitions
from codexmcp.workspace.extension.tools import extension_tools
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.git.session import GitPolicy
from codexmcp.workspace.git.tools import git_tools
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.portfolio_tools import portfolio_tools
from codexmcp.workspace.tool import WorkspaceTool
from scripts.reference import text

_ROOT = Path("/")
_PLACES = " Roots: /."
_EFFECTS = {
    "readOnlyHint": {True: "reads only", False: ""},
    "destructiveHint": {True: "may overwrite or remove", False: "only adds"},
    "idempotentHint": {True: "repeatable", False: ""},
    "openWorldHint": {True: "reaches beyond this machine", False: ""},
}


def page() -> str:
    """Return the page."""
    groups = (
        ("Tools of `codexmcp mcp-server`", tool_definitions(strict=False)),
        (
            "Run tools of `codexmcp mcp-server --shared` and `codexmcp serve`",
            run_tool_definitions(),
        ),
        ("Tools of `codexmcp serve --http`", [_defined(tool) for tool in workspace_tools()]),
    )
    sections = [
        "\n".join([f"## {title}\n", *(_tool(each) for each in definitions)])
        for title, definitions in groups
    ]
    return text.page(
        "MCP tools",
        "Look up a tool, an argument, or a field of an answer; required ones are bold.",
        sections,
    )


def workspace_tools() -> list[WorkspaceTool]:
    """Return the tools of files, git, portfolio and editor extension."""
    roots = Roots.parse(str(_ROOT), _ROOT)
    return [
        *portfolio_tools(_ROOT),
        *file_tools(roots, _ROOT),
        *git_tools(roots, GitPolicy({})),
        *extension_tools(_ROOT, {}),
    ]


def _defined(tool: WorkspaceTool) -> dict[str, Any]:
    scope = f" Scope: `{tool.scope.value}`."
    description = tool.description.replace(_PLACES, "") + scope
    return tool.definition() | {"description": description}


def _tool(definition: Mapping[str, Any]) -> str:
    schema = definition["inputSchema"]
    rows = text.table(("argument", "type", "meaning"), _rows(schema))
    about = f"### `{definition['name']}`\n\n{text.prose(definition['description'])}\n"
    answer = text.prose(f"Answer: {_answer(definition['outputSchema'])}.{_effects(definition)}")
    return f"{about}{rows}\n{answer}" if rows else f"{about}{answer}"


def _answer(schema: Mapping[str, Any]) -> str:
    """Return the fields of an answer; the required ones are bold."""
    if "anyOf" in schema:
        parts = [schema["$defs"]["run"] if "$ref" in each else each for each in schema["anyOf"]]
        return "; or ".join(_answer(each) for each in parts)
    required = schema.get("required", ())
    fields = [f"**`{name}`**" if name in required else f"`{name}`" for name in schema["properties"]]
    return ", ".join(fields)


def _effects(definition: Mapping[str, Any]) -> str:
    """Return the annotations of a tool in words; nothing without annotations."""
    hints = definition.get("annotations")
    if hints is None:
        return ""
    words = [_EFFECTS[name][value] for name, value in hints.items() if name in _EFFECTS]
    return f" {', '.join(word for word in words if word).capitalize()}."


def _rows(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        shown = f"`{name}`"
        if name in schema.get("required", ()):
            shown = f"**{shown}**"
        yield shown, _type(field), str(field.get("description", ""))


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    bounds = [
        f"{word} {field[key]}"
        for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
        if key in field and abs(field[key]) != 2**31 - 1
    ]
    return " ".join([str(field.get("type", "any")), *bounds])
