"""scripts/pin.sh: images and actions by digest, pinned and renewed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.builds import CHECKOUT

WORKFLOWS = (".github/workflows/ci.yml", ".github/workflows/newest.yml")
PINNED = ("Dockerfile", *WORKFLOWS, "scripts/pin.sh")
DOCKER = (
    'case $* in *sha256*) exit 1 ;; *) echo sha256:$(printf "%64s" "$DIGIT" | tr " " 0) ;; esac'
)
GIT = 'printf "%040d\\trefs/tags/x\\n" "$DIGIT"'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in PINNED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
    for name, text in (("docker", DOCKER), ("git", GIT)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return tmp_path


def pin(checkout: Path, digit: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{checkout / 'bin'}:/usr/bin:/bin", "DIGIT": digit}
    argv = ["bash", str(checkout / "scripts" / "pin.sh")]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=30)


def test_every_image_and_action_is_pinned_and_renewed(checkout: Path) -> None:
    for digit in ("1", "2"):
        ran = pin(checkout, digit)
        assert ran.returncode == 0, ran.stderr
        images = re.findall(
            r"^ARG \w+_IMAGE=(.*)$", (checkout / PINNED[0]).read_text(), re.MULTILINE
        )
        assert [image.partition("@")[2] for image in images] == [f"sha256:{int(digit):064d}"] * 2
        assert all(":" in image.partition("@")[0] for image in images)
        workflows = "".join((checkout / name).read_text() for name in WORKFLOWS)
        actions = re.findall(r"uses: (.*)$", workflows, re.MULTILINE)
        assert len(actions) > 2
        assert all(re.fullmatch(rf"[\w/-]+@0*{digit} # v[\d.]+", action) for action in actions)


def test_nothing_is_written_for_an_image_without_a_digest(checkout: Path) -> None:
    before = (checkout / PINNED[0]).read_text()
    ran = pin(checkout, "x")
    assert ran.returncode == 1
    assert "no digest for debian:13-slim" in ran.stderr
    assert (checkout / PINNED[0]).read_text() == before
