"""Check profiles with the real Codex, against a stand-in or the real endpoint.

A check against a stand-in needs no key, uses no login and leaves nothing in the home: Codex works
in a temporary home with canaries for keys. The caller provides the stand-in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.data_classes import dataclass, field, replace
from codexmcp.home.changes import read_file, text_of_file
from codexmcp.home.profiles.exec_run import (
    LIVE_TIMEOUT_S,
    TIMEOUT_S,
    Exec,
    ExecOutcome,
    shadow_home,
)
from codexmcp.home.profiles.expectation import (
    Expectation,
    expectation,
    quiet_settings,
    stand_in_settings,
    stand_in_variables,
)
from codexmcp.home.profiles.files import layered, parsed, profile_path, profile_text
from codexmcp.home.profiles.verdict import RecordedRequest, Verdict, authentication_text, judge

_UNKNOWN_FIELD = "unknown configuration field"


@dataclass(frozen=True, slots=True)
class StandIn:
    """An endpoint that records requests and answers like a model.

    Attributes:
        origin: Its URL without a path, such as `http://127.0.0.1:4000`.
        sent: Returns the requests received so far.
    """

    origin: str
    sent: Callable[[], Sequence[RecordedRequest]]


@dataclass(frozen=True, slots=True)
class Checker:
    """Check the profiles of a home.

    Attributes:
        home: The Codex home.
        codex: The Codex binary.
        env: The environment for Codex, without the keys below.
        keys: Key variables, each passed to Codex only for a profile that names it.
    """

    home: Path
    codex: Path
    env: Mapping[str, str]
    keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    async def check(self, profile: str, stand_in: StandIn) -> Verdict:
        """Have Codex call a stand-in with a profile, and compare the request.

        Args:
            profile: The profile.
            stand_in: An endpoint without earlier requests.

        Raises:
            ConfigurationError: No such profile, or a broken file.
            CodexBinaryError: Codex does not start.
        """
        settings = self._settings(profile)
        expected = expectation(settings)
        if expected.base_url is None:
            return _unreachable(profile, expected, settings)
        with shadow_home(self.home, profile, settings) as shadow:
            run = Exec(
                codex=self.codex,
                env={
                    **self.env,
                    **stand_in_variables(expected, stand_in.origin),
                    "CODEX_HOME": str(shadow),
                },
                profile=profile,
                settings=stand_in_settings(settings, expected, stand_in.origin),
                is_strict=True,
            )
            end = await _lenient(run)
            told = str(shadow)
        verdict = judge(profile, expected, stand_in.sent(), _in_home(end, told, self.home))
        known = {**self.env, **self.keys}
        unset = [name for name in expected.variables if not known.get(name)]
        notes = [f"{name} is not set here; set it before you use the profile" for name in unset]
        return replace(verdict, notes=(*verdict.notes, *notes))

    async def check_live(self, profile: str) -> Verdict:
        """Have Codex call the profile's own endpoint with a tiny prompt.

        Raises:
            ConfigurationError: No such profile, or a broken file.
            CodexBinaryError: Codex does not start.
        """
        settings = self._settings(profile)
        expected = expectation(settings)
        keys = {name: self.keys[name] for name in expected.variables if name in self.keys}
        env = {**self.env, **keys, "CODEX_HOME": str(self.home)}
        run = Exec(self.codex, env, profile, quiet_settings(settings))
        end = await run.run(LIVE_TIMEOUT_S)
        url = None if expected.base_url is None else f"{expected.base_url.rstrip('/')}/responses"
        answer = [] if end.answer is None else [f"the model said: {end.answer}"]
        faults = [] if end.trouble is None else [end.trouble]
        notes = (*end.warnings, *answer)
        return Verdict(
            profile, expected.model, url, authentication_text(expected), tuple(faults), notes
        )

    def _settings(self, profile: str) -> dict[str, Any]:
        path = self.home / "config.toml"
        config = parsed(path, text_of_file(path, read_file(path)))
        text = profile_text(self.home, profile)
        return layered(config, parsed(profile_path(self.home, profile), text))


async def _lenient(run: Exec) -> ExecOutcome:
    """Run Codex, and again after a mere unknown setting: Codex ignores these by default."""
    end = await run.run(TIMEOUT_S)
    if end.trouble is None or _UNKNOWN_FIELD not in end.trouble:
        return end
    unknown = end.trouble
    end = await replace(run, is_strict=False).run(TIMEOUT_S)
    return replace(end, warnings=(*end.warnings, f"Codex ignores a setting: {unknown}"))


def _in_home(end: ExecOutcome, shadow: str, home: Path) -> ExecOutcome:
    """Return Codex's output with the paths of the real home."""
    trouble = None if end.trouble is None else end.trouble.replace(shadow, str(home))
    warnings = tuple(text.replace(shadow, str(home)) for text in end.warnings)
    return replace(end, trouble=trouble, warnings=warnings)


def _unreachable(profile: str, expected: Expectation, settings: Mapping[str, Any]) -> Verdict:
    name = expected.provider
    if name in settings.get("model_providers", {}):
        fault = f"the provider {name} has no base_url; set it in [model_providers.{name}]"
    else:
        fault = (
            f"no settings name the provider {name}; define [model_providers.{name}], or, if it is "
            "one of Codex's own, check it with --live"
        )
    return Verdict(profile, None, None, authentication_text(expected), (fault,), ())
