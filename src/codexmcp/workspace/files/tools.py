"""The tools to list, read, search, write and edit files in the roots.

Callers check arguments against the schema first; blocking work runs in threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexmcp.mcp_tools import READS, changes
from codexmcp.workspace.files import answer_schemas, answers, schemas
from codexmcp.workspace.files.listing import list_folder
from codexmcp.workspace.files.reading import read_piece
from codexmcp.workspace.files.writing import WriteConditions, data_of, replace_in_file, write_file
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.search.command import Query
from codexmcp.workspace.search.searcher import Searcher
from codexmcp.workspace.threads import FILES
from codexmcp.workspace.tool import Scope, WorkspaceTool

Arguments = Mapping[str, Any]
Answer = dict[str, Any]

_MAX_NAMED = 5

_WRITES = changes(destructive=True, idempotent=True, open_world=False)
# The snippet may be a part of the new text, and then a second call replaces once more.
_REPLACES = changes(destructive=True, idempotent=False, open_world=False)


def file_tools(roots: Roots, ripgrep: Path | None = None) -> tuple[WorkspaceTool, ...]:
    """Return the file tools.

    Args:
        roots: The accessible folders.
        ripgrep: The search program; None means the installation's own.
    """
    tools = FileTools(roots, Searcher(roots, ripgrep))
    where = f"Roots: {_named(roots)}."
    return (
        WorkspaceTool(
            "agentOS_fs_list",
            f"List a folder, sorted by name, with kind, size and time of change. {where}",
            schemas.LIST,
            Scope.READ,
            tools.list,
            "List a folder",
            answer_schemas.LISTING,
            READS,
        ),
        WorkspaceTool(
            "agentOS_fs_read",
            "Read a file, or a part of it from an offset in bytes. Gives `sha256` when it was the "
            f"whole file, and `next_offset_bytes` when more is left. {where}",
            schemas.READ,
            Scope.READ,
            tools.read,
            "Read a file",
            answer_schemas.PIECE,
            READS,
        ),
        WorkspaceTool(
            "agentOS_fs_search",
            "Search for text in the files of a folder, line by line. Leaves out hidden files and "
            f"what .gitignore names, unless told otherwise. {where}",
            schemas.SEARCH,
            Scope.READ,
            tools.search,
            "Search in files",
            answer_schemas.FINDINGS,
            READS,
        ),
        WorkspaceTool(
            "agentOS_fs_write",
            "Write a whole file, new or in place of what is there. It is written whole or not at "
            f"all. {where}",
            schemas.WRITE,
            Scope.WRITE,
            tools.write,
            "Write a file",
            answer_schemas.WRITTEN,
            _WRITES,
        ),
        WorkspaceTool(
            "agentOS_fs_replace",
            "Replace a snippet in a file. The snippet must occur exactly once, blanks and line "
            f"ends included; else the file is not touched. {where}",
            schemas.REPLACE,
            Scope.WRITE,
            tools.replace,
            "Replace text in a file",
            answer_schemas.WRITTEN,
            _REPLACES,
        ),
    )


class FileTools:
    """Implementations of the file tools."""

    def __init__(self, roots: Roots, searcher: Searcher) -> None:
        self._roots = roots
        self._searcher = searcher

    async def list(self, arguments: Arguments) -> Answer:
        """List a folder."""
        return await FILES.run(self._list, arguments)

    def _list(self, arguments: Arguments) -> Answer:
        place = self._roots.locate(arguments.get("path", "."))
        entries, is_more = list_folder(
            self._roots,
            place,
            depth=arguments.get("depth", 1),
            after=answers.names_of(arguments.get("cursor", "")),
            limit=arguments.get("limit", schemas.LIST_LIMIT),
        )
        return answers.listing(place, entries, is_more=is_more)

    async def read(self, arguments: Arguments) -> Answer:
        """Read a file."""
        return await FILES.run(self._read, arguments)

    def _read(self, arguments: Arguments) -> Answer:
        place = self._roots.locate(arguments["path"])
        encoding = arguments.get("encoding", "utf-8")
        limit_bytes = arguments.get("limit_bytes", schemas.READ_LIMIT_BYTES)
        offset_bytes = arguments.get("offset_bytes", 0)
        piece = read_piece(self._roots, place, offset_bytes, limit_bytes, encoding)
        return answers.piece(place, piece, encoding)

    async def search(self, arguments: Arguments) -> Answer:
        """Search in files."""
        place = self._roots.locate(arguments.get("path", "."))
        query = Query(
            arguments["pattern"],
            is_regex=arguments.get("regex", False),
            ignores_case=arguments.get("ignore_case", False),
            globs=arguments.get("globs", ()),
            with_hidden=arguments.get("include_hidden", False),
            with_ignored=arguments.get("include_ignored", False),
        )
        limit = arguments.get("limit", schemas.SEARCH_LIMIT)
        return answers.findings(place, await self._searcher.search(place, query, limit))

    async def write(self, arguments: Arguments) -> Answer:
        """Write a file."""
        return await FILES.run(self._write, arguments)

    def _write(self, arguments: Arguments) -> Answer:
        place = self._roots.locate(arguments["path"])
        data = data_of(arguments["content"], arguments.get("encoding", "utf-8"))
        terms = WriteConditions(
            create_parents=arguments.get("create_parents", False),
            must_not_exist=arguments.get("must_not_exist", False),
            expected_sha256=arguments.get("expected_sha256"),
        )
        return answers.written(place, write_file(self._roots, place, data, terms))

    async def replace(self, arguments: Arguments) -> Answer:
        """Replace a snippet in a file."""
        return await FILES.run(self._replace, arguments)

    def _replace(self, arguments: Arguments) -> Answer:
        place = self._roots.locate(arguments["path"])
        done = replace_in_file(self._roots, place, arguments["old_text"], arguments["new_text"])
        return answers.written(place, done)


def _named(roots: Roots) -> str:
    paths = [str(path) for path in roots.paths]
    rest = len(paths) - _MAX_NAMED
    return ", ".join(paths[:_MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")
