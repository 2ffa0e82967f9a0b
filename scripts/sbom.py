"""Prints what an image holds as a CycloneDX document: Debian's packages, Python's, and Codex.

Runs in the build of the image, with the standard library alone. It names no time and no serial
number, so that the same image has the same list.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import quote

GIT_VERSION = Path("/usr/share/git-core/version")
"""Git is taken out of its package, so Debian's list does not have it."""


def main() -> None:
    """Print the document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", action="append", default=[], type=Path, metavar="PREFIX")
    prefixes = parser.parse_args().python
    components = {each["purl"]: each for each in (*_debian(), *_python(prefixes))}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [components[purl] for purl in sorted(components)],
    }
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _debian() -> Iterator[dict[str, str]]:
    query = ["dpkg-query", "--show", "--showformat", "${Package}\t${Version}\t${Architecture}\n"]
    told = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    architecture = ""
    for line in told.splitlines():
        name, version, architecture = line.split("\t")
        yield _component(name, version, "deb/debian", f"?arch={architecture}")
    if GIT_VERSION.exists():
        yield _component("git", GIT_VERSION.read_text().strip(), "deb/debian")


def _python(prefixes: list[Path]) -> Iterator[dict[str, str]]:
    folders = [str(folder) for prefix in prefixes for folder in prefix.glob("lib/*/site-packages")]
    for each in distributions(path=folders):
        yield _component(each.metadata["Name"].lower().replace("_", "-"), each.version, "pypi")


def _component(name: str, version: str, kind: str, more: str = "") -> dict[str, str]:
    purl = f"pkg:{kind}/{quote(name)}@{quote(version, safe='.+-~')}{more}"
    return {"type": "library", "name": name, "version": version, "purl": purl}


if __name__ == "__main__":
    main()
