"""Every declared option and tool argument is read by code, by a look at the syntax trees of src."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codexmcp.agents.arguments import MainArguments
from codexmcp.cli import app
from codexmcp.command_line import Command
from codexmcp.picker.arguments import PickerArguments
from codexmcp.server.run_tools.definitions import run_tool_definitions
from codexmcp.workspace.extension.tools import extension_tools
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.git.session import GitPolicy
from codexmcp.workspace.git.tools import git_tools
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.portfolio_tools import portfolio_tools
from tests.support.parsers import all_parsers
from tests.support.sources import texts, texts_with

Known = dict[str, type[Any]]
Read = set[tuple[str, str]]
"""Names of classes, each with that of a field of its own."""


def test_every_option_is_read() -> None:
    known = option_classes()
    declared = {
        (cls.__name__, name)
        for cls in known.values()
        for name in inspect.get_annotations(cls)
        if not hasattr(cls.__base__, name)
    }
    assert len(declared) > 120
    assert sorted(declared - read_options(known, trees_naming(known))) == []


def test_an_option_that_no_code_reads_is_found() -> None:
    code = "def use(options: TailOptions) -> None:\n    print(options.follow, other.raw)"
    found = read_options(option_classes(), [ast.parse(code)])
    assert found == {("TailOptions", "follow")}


def test_every_argument_of_a_run_tool_is_read() -> None:
    schemas = {tool["name"]: tool["inputSchema"] for tool in run_tool_definitions()}
    assert unread(schemas, "server/run_tools/") == []


def test_every_argument_of_a_tool_of_the_workspace_is_read(tmp_path: Path) -> None:
    roots = Roots.parse(str(tmp_path), tmp_path)
    tools = [
        *file_tools(roots),
        *git_tools(roots, GitPolicy({})),
        *portfolio_tools(tmp_path),
        *extension_tools(None, {}),
    ]
    assert unread({tool.name: tool.schema for tool in tools}, "workspace/") == []


def test_an_argument_that_no_code_reads_is_found() -> None:
    schemas: dict[str, dict[str, Any]] = {
        "codex_run": {"properties": {"prompt": {}, "no_such_argument": {}}}
    }
    assert unread(schemas, "server/run_tools/") == ["codex_run: no_such_argument"]


def option_classes() -> Known:
    """Return the classes of options of all commands, with their parts and bases."""
    found: Known = {}
    for parser in all_parsers(app.parser_for([])):
        command = parser.get_default("selected")
        if isinstance(command, Command) and command.options is not None:
            _add(command.options, found)
    _add(MainArguments, found)
    _add(PickerArguments, found)
    return found


def _add(cls: type[Any], found: Known) -> None:
    for base in cls.__mro__[:-1]:
        found[base.__name__] = base
    for each in dataclasses.fields(cls):
        if "part" in each.metadata:
            _add(each.metadata["part"], found)


def trees_naming(known: Known) -> list[ast.Module]:
    """Return the syntax trees of the modules that may read options."""
    named = {file: ast.parse(text) for file, text in texts_with(*known, "values.get(").items()}
    held = "|".join(map(re.escape, _held(known, list(named.values()))))
    # Not the modules that only import from a part of that name.
    reading = re.compile(rf"(?<!codexmcp)(?:{held})\b")
    others = [
        ast.parse(text)
        for file, text in texts().items()
        if file not in named and reading.search(text)
    ]
    return [*named.values(), *others]


def read_options(known: Known, modules: list[ast.Module]) -> Read:
    """Return the options that functions read from parameters of these classes."""
    read: Read = set()
    held = _held(known, modules)
    for module in modules:
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef) and node.name in known:
                for method in ast.walk(node):
                    if isinstance(method, ast.FunctionDef):
                        _read_in(method, {**held, "self": known[node.name]}, read)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                _read_in(node, {**held, **_parameters(node, known)}, read)
            elif (option := _looked_up(node)) is not None:
                # The program itself looks at options that most commands have.
                read |= {(name, option) for name in known}
    return read


def _held(known: Known, modules: list[ast.Module]) -> Known:
    """Return the classes of attributes that hold options, by `.` and their names."""
    return {
        f".{node.target.id}": known[node.annotation.id]
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.annotation, ast.Name)
        and node.annotation.id in known
    }


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef, known: Known) -> Known:
    arguments = function.args
    return {
        each.arg: known[annotation.id]
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        for annotation in ast.walk(each.annotation or ast.Pass())
        if isinstance(annotation, ast.Name) and annotation.id in known
    }


def _read_in(function: ast.AST, names: Known, read: Read) -> None:
    names = dict(names)
    nodes = [each for each in ast.walk(function) if isinstance(each, ast.Assign | ast.Attribute)]
    for node in nodes:
        if isinstance(node, ast.Assign):
            for name, value in _assigned(node):
                cls = _class_of(value, names)
                if cls is not None:
                    names[name] = cls
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            cls = _class_of(node.value, names)
            for base in () if cls is None else cls.__mro__:
                if node.attr in inspect.get_annotations(base):
                    read.add((base.__name__, node.attr))


def _assigned(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for left, right in zip(target.elts, value.elts, strict=True):
            if isinstance(left, ast.Name):
                yield left.id, right


def _class_of(node: ast.expr, names: Known) -> type[Any] | None:
    """Return the class of options of a name, a part or an attribute; None for all else."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    owner = _class_of(node.value, names)
    if owner is None:
        return names.get(f".{node.attr}")
    parts = {each.name: each.metadata.get("part") for each in dataclasses.fields(owner)}
    return parts.get(node.attr)


def _looked_up(node: ast.AST) -> str | None:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="values"), attr="get"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return name
    return None


def unread(schemas: Mapping[str, Mapping[str, Any]], folder: str) -> list[str]:
    """Return the arguments that no code below a folder looks up by their names."""
    read: set[str] = set()
    for text in (text for file, text in texts().items() if file.startswith(folder)):
        for node in ast.walk(ast.parse(text)):
            match node:
                case (
                    ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Load())
                    | ast.Call(
                        func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]
                    )
                    | ast.Compare(left=ast.Constant(value=str(name)), ops=[ast.In()])
                ):
                    read.add(name)
    return [
        f"{tool}: {name}"
        for tool, schema in schemas.items()
        for name in schema.get("properties", {})
        if name not in read
    ]
