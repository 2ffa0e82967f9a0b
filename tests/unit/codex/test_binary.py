"""Which Codex binary is used."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest

from codexmcp.codex.binary import find_codex, package_version
from codexmcp.errors import CodexBinaryError

_SYSTEM = sys.platform
_MACHINE = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def _program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_without_a_name_the_bundled_binary_is_used() -> None:
    codex = find_codex(None)
    assert codex.is_absolute()
    assert package_version(codex) is not None


def test_a_bare_name_is_looked_for_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codex = _program(tmp_path / "codex")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_codex("codex") == codex
    with pytest.raises(CodexBinaryError, match="no such program on PATH"):
        find_codex("other")


def test_a_binary_that_is_missing_or_not_executable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodexBinaryError, match="there is no such file"):
        find_codex(str(tmp_path / "codex"))
    plain = tmp_path / "plain"
    plain.write_text("")
    with pytest.raises(CodexBinaryError, match="chmod"):
        find_codex(str(plain))


def test_the_version_is_that_of_the_package_around_the_binary(tmp_path: Path) -> None:
    codex = _program(tmp_path / "bin" / "codex")
    assert package_version(codex) is None
    (tmp_path / "codex-package.json").write_text(json.dumps({"version": "1.2.3"}))
    assert package_version(codex) == "1.2.3"


def _npm_package(root: Path, *, with_program: bool) -> Path:
    """Return npm's link to the wrapper, in a tree as npm makes it."""
    wrapper = root / "node_modules/@openai/codex/bin/codex.js"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text("#!/usr/bin/env node\n")
    wrapper.chmod(0o755)
    if with_program:
        name = f"codex-{_SYSTEM}-{_MACHINE}"
        program = root / f"node_modules/@openai/{name}/vendor/triple/bin/codex"
        program.parent.mkdir(parents=True)
        program.write_text("")
    link = root / "node_modules/.bin/codex"
    link.parent.mkdir()
    link.symlink_to(wrapper)
    return link


def test_npms_wrapper_is_resolved_to_the_program_behind_it(tmp_path: Path) -> None:
    link = _npm_package(tmp_path, with_program=True)
    assert find_codex(str(link)).parts[-5:-1] == (
        f"codex-{_SYSTEM}-{_MACHINE}",
        "vendor",
        "triple",
        "bin",
    )


def test_a_wrapper_without_its_program_is_refused_with_the_remedy(tmp_path: Path) -> None:
    link = _npm_package(tmp_path, with_program=False)
    with pytest.raises(CodexBinaryError, match="npm install -g @openai/codex"):
        find_codex(str(link))
