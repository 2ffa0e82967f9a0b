"""Who reads audit files, which commands in a sandbox can write, and what rests on them.

No reader may decide by them what somebody may do, or on which thread. A new reader fails this test
until it is in the table.
"""

from __future__ import annotations

import ast

from tests.support.sources import imports

READING = {
    "evidence",
    "finding",
    "index",
    "prune",
    "reading",
    "reconciling",
    "reindex",
    "restoring",
    "sidecar",
    "summary",
}

READERS = {
    "api/run_values.py": "shows a run's commands and files to the program that reads it",
    "cli/runs/watching.py": "shows a run to a person",
    "cli/runs/telling.py": "shows a run to a person",
    "picker/audit.py": "shows a run to a person",
    "cli/runs/pruning.py": "deletes files for their owner; what the store knows comes from there",
    "cli/runs/reindexing.py": "takes runs into the store for their owner, see `restoration`",
    "runs/restoration.py": "believes of a run what Codex has recorded of its thread",
    "supervisor/run_host.py": "corrects files by the store",
    "runs/recovery.py": "asks Codex about the thread that the store names; the files tell which "
    "turn, and which threads nobody writes to may have left commands",
}


def test_every_reader_of_audit_files_is_known() -> None:
    found = set()
    for file, node in imports():
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        package, _, name = module.rpartition(".")
        if package == "codexmcp.runs.audit" and name in READING:
            found.add(file)
    assert {file for file in found if not file.startswith("runs/audit/")} == set(READERS)
