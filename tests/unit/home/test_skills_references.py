from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.home.skills.references import ReferenceKind, references


def named(body: str) -> list[tuple[str, ReferenceKind]]:
    return [(each.path, each.place) for each in references(body, 1)]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("See [this](docs/a.md).", "docs/a.md"),
        ("See [this](./docs/a.md#top 'A title').", "docs/a.md"),
        ("![logo](<my logo.png>)", "my logo.png"),
        ("[a](a%20b.md)", "a b.md"),
        ("[ref]: docs/b.md", "docs/b.md"),
        ("[up](../other/c.md)", "../other/c.md"),
        ("[root](/etc/passwd)", "/etc/passwd"),
    ],
)
def test_links_name_files(body: str, path: str) -> None:
    assert named(body) == [(path, ReferenceKind.LINK)]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("```bash\nbash scripts/run.sh --all\n```", "scripts/run.sh"),
        ('```\npython "scripts/run.py"\n```', "scripts/run.py"),
        ("```sh\npython $SKILL_DIR/scripts/run.py\n```", "scripts/run.py"),
        ("```sh\npython <skill-dir>/scripts/run.py\n```", "scripts/run.py"),
        ("Run `bash ./scripts/run.sh`.", "scripts/run.sh"),
        ("~~~sh\ncat references/a.md\n~~~", "references/a.md"),
    ],
)
def test_commands_name_files(body: str, path: str) -> None:
    assert named(body) == [(path, ReferenceKind.COMMAND)]


@pytest.mark.parametrize("body", ["See `scripts/a.py`.", "See scripts/a.py.", "(scripts/a.py)"])
def test_prose_names_files(body: str) -> None:
    assert named(body) == [("scripts/a.py", ReferenceKind.PROSE)]


@pytest.mark.parametrize(
    "body",
    [
        "[a](https://example.com/scripts/a.py)",
        "[a](mailto:a@b.c)",
        "[a](#section)",
        "```python\nopen('scripts/a.py')\n```",
        "Run `python scripts/<name>.py`, or `scripts/*.sh`.",
        "See other/scripts/a.py and /opt/scripts/b.py.",
        "Use `[x](y.md)` for links.",
    ],
)
def test_what_leads_elsewhere_or_stands_for_something_names_no_file(body: str) -> None:
    assert named(body) == []


def test_a_reference_knows_its_line_and_comes_once() -> None:
    body = "one\n`scripts/a.py`\n`scripts/a.py`\n"
    assert [(each.path, each.line) for each in references(body, 5)] == [("scripts/a.py", 6)]


@given(st.text())
def test_any_text_has_references_within_its_lines(body: str) -> None:
    last = body.count("\n") + 1
    assert all(1 <= each.line <= last for each in references(body, 1))
