"""A Codex build with planted breaks: the real binary behind a program that alters its messages."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PROGRAM = """\
#!{python}
import json, os, subprocess, sys, threading
CODEX, PLANTED = {codex!r}, {planted!r}

def altered(text, names):
    for old, new in names.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    return text

def pump():
    for line in child.stdout:
        text = line.decode()
        method = json.loads(text).get("method", "")
        if method in PLANTED["dropped"]:
            continue
        if method in PLANTED["renamed_in"]:
            text = altered(text, PLANTED["renamed"])
        sys.stdout.write(text)
        sys.stdout.flush()

argv = sys.argv[1:]
if argv[:2] == ["app-server", "generate-json-schema"]:
    subprocess.run([CODEX, *argv], check=True)
    folder = argv[argv.index("--out") + 1]
    path = os.path.join(folder, "codex_app_server_protocol.schemas.json")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(altered(text, PLANTED["schema"]))
elif "app-server" not in argv or "--listen" in argv:
    os.execv(CODEX, [CODEX, *argv])
else:
    child = subprocess.Popen([CODEX, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=pump, daemon=True).start()
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("method") in PLANTED["refused"]:
            error = {{"code": -32601, "message": "no such method"}}
            sys.stdout.write(json.dumps({{"id": request["id"], "error": error}}) + chr(10))
            sys.stdout.flush()
            continue
        child.stdin.write(line.encode())
        child.stdin.flush()
    child.stdin.close()
    child.wait()
"""


@dataclass(frozen=True)
class Planted:
    """The planted breaks.

    Attributes:
        schema: New names of strings in the schema: methods, fields, types of items.
        renamed: New names of fields in the messages of `renamed_in`.
        renamed_in: Notifications with renamed fields.
        dropped: Notifications that never come.
        refused: Requests that are refused as unknown.
    """

    schema: Mapping[str, str] = field(default_factory=dict[str, str])
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    renamed_in: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def doctored(codex: Path, folder: Path, planted: Planted) -> Path:
    """Write the program of a doctored build and return its path.

    Args:
        codex: The real binary.
        folder: Where the program is written.
        planted: The breaks.
    """
    fields = {name: getattr(planted, name) for name in Planted.__dataclass_fields__}
    path = folder / "codex"
    text = _PROGRAM.format(python=sys.executable, codex=str(codex), planted=fields)
    path.write_text(text)
    path.chmod(0o755)
    return path
