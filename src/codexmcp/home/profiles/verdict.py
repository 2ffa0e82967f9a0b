"""Compares what Codex sent with what its profile says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from codexmcp.home.profiles.exec_run import ExecEnd
from codexmcp.home.profiles.expectation import CANARY, Expectation


class Sent(Protocol):
    """A request that a stand-in endpoint has recorded."""

    @property
    def path(self) -> str:
        """The path of its URL."""
        ...

    @property
    def query(self) -> str:
        """What comes after `?` in its URL."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers by lower-case name."""
        ...

    @property
    def model(self) -> str:
        """The model that it asks for."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of a profile has found.

    Attributes:
        profile: The profile.
        model: The model that was asked for; None when nothing was sent.
        url: Where the request would have gone.
        key: How it authenticates.
        faults: What is wrong; empty when the profile works.
        notes: What is worth knowing.
    """

    profile: str
    model: str | None
    url: str | None
    key: str
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def judge(profile: str, expected: Expectation, sent: Sequence[Sent], end: ExecEnd) -> Verdict:
    """Return what is to be said of a profile after Codex ran with it against a stand-in.

    Args:
        profile: Its name.
        expected: What Codex must send.
        sent: What arrived.
        end: How Codex ended.
    """
    faults = [f"{name} holds a key; name a variable with env_key" for name in expected.literal_keys]
    first = sent[0] if sent else None
    if first is None:
        faults.append(f"Codex sent nothing: {end.trouble or 'and gave no reason'}")
    else:
        faults += _differences(expected, first)
        if end.trouble:
            faults.append(f"Codex was answered and failed: {end.trouble}")
    return Verdict(
        profile,
        first.model if first else None,
        None if expected.base_url is None else f"{expected.base_url.rstrip('/')}/responses",
        key_told(expected),
        tuple(faults),
        tuple(end.warnings),
    )


def key_told(expected: Expectation) -> str:
    """Return how a profile authenticates, in words."""
    if expected.uses_login:
        return "Codex's own login"
    if expected.key_variable is not None:
        return f"{expected.key_variable} as a bearer token"
    if expected.variable_headers:
        pairs = (f"{name} from {value}" for name, value in expected.variable_headers.items())
        return f"the header {', '.join(pairs)}"
    return "none"


def _differences(expected: Expectation, sent: Sent) -> Iterator[str]:
    if expected.model is not None and sent.model != expected.model:
        yield f"the model was {sent.model}, not {expected.model}"
    path = urlsplit(expected.base_url or "").path.rstrip("/") + "/responses"
    if sent.path != path:
        yield f"the path was {sent.path}, not {path}"
    query = {name: values[-1] for name, values in parse_qs(sent.query).items()}
    if query != dict(expected.query):
        yield f"the URL's parameters were {query}, not {dict(expected.query)}"
    yield from _header_differences(expected, sent)


def _header_differences(expected: Expectation, sent: Sent) -> Iterator[str]:
    wanted = dict(expected.headers)
    wanted |= {name: CANARY + variable for name, variable in expected.variable_headers.items()}
    if expected.key_variable is not None:
        wanted["authorization"] = f"Bearer {CANARY}{expected.key_variable}"
    for name, value in wanted.items():
        if name not in sent.headers:
            yield f"the header {name} was not sent"
        elif sent.headers[name] != value:
            yield f"the header {name} did not hold what it should"
    if "authorization" in sent.headers and "authorization" not in wanted:
        authorized = expected.uses_login or expected.literal_keys
        if not authorized:
            yield "a header authorization was sent that nothing asks for"
