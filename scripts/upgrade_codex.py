"""Upgrades the Codex that the package pins, or the newest build that the tests hold to.

    uv run python scripts/upgrade_codex.py VERSION

A version on PyPI becomes the pin, any other the build from npm. The steps: the build, its check,
the contract, the reference pages, the line in CHANGELOG.md, and the tiers `conformance` and
`process`. A failed step ends the upgrade; the same command continues.

Exit codes: 0 done, 1 a step failed, 2 usage.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PACKAGE = "openai-codex-cli-bin"
PIN = re.compile(rf'"{PACKAGE}==([\d.]+)"')
DIFFERENCES = (
    "from pathlib import Path; from tests.conformance.page import page; "
    "Path('docs/reference/differences.md').write_text(page(), encoding='utf-8')"
)
INSTALL_S, CHECK_S, TESTS_S = 600.0, 300.0, 3600.0
"""Bounds on the steps, in seconds."""


class StepError(Exception):
    """A step failed; the message says what to do."""


def pinned_version(pyproject: str) -> str:
    """Return the pinned version in the text of pyproject.toml."""
    found = PIN.search(pyproject)
    assert found is not None, "the package depends on Codex"
    return found[1]


def with_pin(pyproject: str, version: str) -> str:
    """Return the text of pyproject.toml with another pin."""
    return PIN.sub(f'"{PACKAGE}=={version}"', pyproject)


def builds_after(tested: tuple[str, ...], pinned: str, version: str, *, is_pin: bool) -> list[str]:
    """Return the tested builds after an upgrade: the oldest, the pinned and the newest.

    Args:
        tested: The tested builds before.
        pinned: The pinned build before.
        version: The new build.
        is_pin: The new build becomes the pin.
    """
    newest = max(tested[-1], version, key=_number) if is_pin else version
    return sorted({tested[0], version if is_pin else pinned, newest}, key=_number)


def with_line(changelog: str, line: str) -> str:
    """Return the changelog with a line at the top of the unreleased changes; once only."""
    head, title, rest = changelog.partition("\n### Changed\n\n")
    assert title, "the changelog has unreleased changes"
    return changelog if line in changelog else f"{head}{title}{line}\n{rest}"


def upgrade(version: str, *, tests: bool) -> None:
    """Do all steps.

    Raises:
        StepError: A step failed.
    """
    pyproject = ROOT / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pinned = pinned_version(text)
    is_pin = version == pinned or _is_on_pypi(version)
    if is_pin and version != pinned:
        pyproject.write_text(with_pin(text, version), encoding="utf-8")
        _run("lock", INSTALL_S, "uv", "lock")
        _run("install", INSTALL_S, "uv", "sync")
    _note_tested(pinned, version, is_pin=is_pin)
    python = ("uv", "run", "python")
    find = f"from tests.support.builds import codex_build; print(codex_build({version!r}))"
    codex = _run("find the build", INSTALL_S, *python, "-c", find).strip().splitlines()[-1]
    _run("check", CHECK_S, "uv", "run", "codexmcp", "codex", "check", "--bin", codex)
    _run("contract", CHECK_S, *python, "-m", "scripts.contract")
    _run("reference", CHECK_S, *python, "-m", "scripts.reference")
    _run("differences", CHECK_S, *python, "-c", DIFFERENCES)
    changelog = ROOT / "CHANGELOG.md"
    what = "Codex is pinned to" if is_pin else "The newest tested build of Codex is"
    line = f"- {what} {version}{'' if is_pin else ', from npm'}."
    changelog.write_text(with_line(changelog.read_text("utf-8"), line), encoding="utf-8")
    for tier in ("conformance", "process") if tests else ():
        _run(f"tier {tier}", TESTS_S, "uv", "run", "pytest", f"tests/{tier}")


def _note_tested(pinned: str, version: str, *, is_pin: bool) -> None:
    from codexmcp.appserver.contract import FILE, contract, write_contract  # noqa: PLC0415 - after sync
    from codexmcp.data_classes import replace  # noqa: PLC0415 - as above

    before = contract()
    tested = builds_after(before.tested, pinned, version, is_pin=is_pin)
    FILE.write_text(write_contract(replace(before, tested=tuple(tested))), encoding="utf-8")


def _is_on_pypi(version: str) -> bool:
    command = ["uv", "pip", "compile", "--quiet", "--no-deps", "--no-header", "-"]
    done = subprocess.run(
        command,
        input=f"{PACKAGE}=={version}",
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        check=False,
    )
    return done.returncode == 0


def _run(step: str, bound_s: float, *command: str) -> str:
    """Run a step and return its output, which is printed as it comes."""
    print(f"==> {step}: {' '.join(command)}", flush=True)  # noqa: T201 - a program's output
    lines: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
        try:
            code = process.wait(bound_s)
        except subprocess.TimeoutExpired:
            process.kill()
            raise StepError(f"{step} took over {bound_s:g} s") from None
    if code != 0:
        raise StepError(f"{step} failed with {code}: correct what it names, and run this again")
    return "".join(lines)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _version(text: str) -> str:
    if not re.fullmatch(r"\d+\.\d+\.\d+", text):
        raise argparse.ArgumentTypeError("give a version such as 0.171.0")
    return text


def main() -> int:
    """Upgrade by the arguments of the process, and return the exit code."""
    parser = argparse.ArgumentParser(description="Upgrade Codex: the pin, or the build from npm.")
    parser.add_argument("version", type=_version, help="such as 0.171.0")
    parser.add_argument("--no-tests", action="store_true", help="leave the tiers to another run")
    options = parser.parse_args()
    try:
        upgrade(options.version, tests=not options.no_tests)
    except StepError as error:
        print(f"upgrade_codex: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
