"""`codexmcp codex check`: a Codex build beside the contract, by its schema and by a trial."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from codexmcp.appserver import schema
from codexmcp.appserver.contract import contract
from codexmcp.appserver.drift import Difference, Kind, schema_differences
from codexmcp.appserver.schema import Schema
from codexmcp.appserver.version import newest_tested
from codexmcp.cli.checks import cancel_on_signals
from codexmcp.cli.codex_trial import trial
from codexmcp.cli.options.codex import CheckOptions
from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line
from codexmcp.codex.binary import find_codex
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexBinaryError, ExitCode
from codexmcp.network import direct_to_loopback
from codexmcp.settings import child_environment, load_settings

SCHEMA_TIMEOUT_S = 30.0
"""Bound on the output of the schema, which takes 0.2 s."""


@dataclass(slots=True)
class Report:
    """The result of a check.

    Attributes:
        codex: The binary.
        version: Its version; empty before the handshake.
        steps: The differences found by each step.
    """

    codex: Path
    version: str = ""
    steps: dict[str, list[Difference]] = field(default_factory=dict[str, list[Difference]])

    def differences(self, kind: Kind) -> list[Difference]:
        """Return all differences of a kind, each once."""
        found = (each for step in self.steps.values() for each in step if each.kind is kind)
        return list(dict.fromkeys(found))

    @property
    def verdict(self) -> str:
        """The verdict: `fits`, `fits with news` or `broken`."""
        if self.differences(Kind.BREAK):
            return "broken"
        return "fits with news" if self.differences(Kind.NEWS) else "fits"

    def to_json(self) -> dict[str, object]:
        """Return the result for a program."""
        breaks, news = (
            [{"where": each.where, "what": each.what} for each in self.differences(kind)]
            for kind in (Kind.BREAK, Kind.NEWS)
        )
        return {
            "ok": self.verdict != "broken",
            "verdict": self.verdict,
            "codex": str(self.codex),
            "version": self.version,
            "tested": list(contract().tested),
            "steps": [
                {"name": name, "ok": all(each.kind is Kind.NEWS for each in step)}
                for name, step in self.steps.items()
            ],
            "breaks": breaks,
            "news": news,
        }


def check(options: CheckOptions, output: Output) -> int:
    """Check a build and return the exit code.

    Raises:
        CodexBinaryError: The build is missing, does not start or is too old.
    """
    if options.bin:
        codex = find_codex(options.bin, setting="--bin")
    else:
        codex = find_codex(load_settings(dict(os.environ)).codex_bin)
    try:
        report = asyncio.run(_checked(codex, child_environment(os.environ), output))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    if output.is_json:
        output.say_json(report.to_json())
    else:
        for line in _closing_lines(report):
            output.say(one_line(line))
    return ExitCode.FAILED if report.verdict == "broken" else ExitCode.DONE


async def _checked(codex: Path, env: Mapping[str, str], output: Output) -> Report:
    cancel_on_signals()
    report = Report(codex)
    output.progress("reading the schema …")
    found = schema_differences(contract(), await read_schema(codex, env))
    _note(report, "schema", found, output)
    async with trial(codex, env) as running:
        for step in running.steps():
            output.progress(f"trying {step.name} …")
            _note(report, step.name, await running.run(step), output)
            report.version = running.version
            if not running.version:
                break
    return report


def _note(report: Report, name: str, found: list[Difference], output: Output) -> None:
    report.steps[name] = found
    if not output.is_json:
        is_good = all(each.kind is Kind.NEWS for each in found)
        output.say(f"{'ok' if is_good else 'BROKEN':<7} {name}")


def _closing_lines(report: Report) -> list[str]:
    breaks, news = report.differences(Kind.BREAK), report.differences(Kind.NEWS)
    name = f"Codex {report.version}" if report.version else str(report.codex)
    more = f" and {len(breaks) - 1} more" if len(breaks) > 1 else ""
    place = f" at {breaks[0].where}{more}" if breaks else ""
    newest = newest_tested()
    lines = [
        *(f"break: {each}" for each in breaks),
        *(f"news: {each}" for each in news),
        f"{name} ({report.codex}): {report.verdict}{place}; newest tested build: {newest}",
    ]
    if breaks:
        tested = ", ".join(contract().tested)
        lines.append(
            f"use a tested build ({tested}): unset CODEX_BIN, or name one there; or update codexmcp"
        )
    return lines


async def read_schema(codex: Path, env: Mapping[str, str]) -> Schema:
    """Return the schema that a build generates.

    Args:
        codex: Absolute path of the binary.
        env: The environment for Codex.

    Raises:
        CodexBinaryError: The build does not start, or generates no schema.
    """
    with tempfile.TemporaryDirectory(prefix="codexmcp-") as folder:
        words = ("app-server", "generate-json-schema", "--experimental", "--out", folder)
        mine = {**env, "HOME": folder, "CODEX_HOME": folder}
        fault = await _failure([str(codex), *words], mine)
        with contextlib.suppress(OSError, ValueError):
            return Schema(json.loads((Path(folder) / schema.FILE).read_text(encoding="utf-8")))
    raise CodexBinaryError(
        f"{codex} generates no schema of app-server ({fault or 'the file is missing'}); name a "
        f"Codex binary of {contract().tested[0]} or later"
    )


async def _failure(command: list[str], env: Mapping[str, str]) -> str:
    """Run a command; return the reason of its failure, empty for success."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=direct_to_loopback(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        return f"it does not start: {error.strerror}"
    try:
        async with asyncio.timeout(SCHEMA_TIMEOUT_S):
            _, stderr = await process.communicate()
    except TimeoutError:
        return f"nothing within {SCHEMA_TIMEOUT_S:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    last = stderr.decode(errors="replace").strip().splitlines()[-1:]
    return "" if process.returncode == 0 else (last or [f"exit code {process.returncode}"])[0]
