"""Compare Codex's request with the profile. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from codexmcp.data_classes import dataclass
from codexmcp.home.profiles.exec_run import ExecOutcome
from codexmcp.home.profiles.expectation import CANARY, Expectation


class RecordedRequest(Protocol):
    """A request recorded by a stand-in endpoint."""

    @property
    def path(self) -> str:
        """The path of the URL."""
        ...

    @property
    def query(self) -> str:
        """The query string of the URL."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers by lower-case name."""
        ...

    @property
    def model(self) -> str:
        """The requested model."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings of a profile check.

    Attributes:
        profile: The profile.
        model: The requested model; None without a request.
        url: The real URL of the request.
        key: The kind of authentication.
        faults: Faults; empty for a working profile.
        notes: Remarks.
    """

    profile: str
    model: str | None
    url: str | None
    key: str
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """True without faults."""
        return not self.faults


def judge(
    profile: str, expected: Expectation, sent: Sequence[RecordedRequest], end: ExecOutcome
) -> Verdict:
    """Return the verdict on a profile after a run of Codex against a stand-in.

    Args:
        profile: The profile's name.
        expected: The expected request.
        sent: The requests received.
        end: The outcome of Codex's run.
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
        authentication_text(expected),
        tuple(faults),
        tuple(end.warnings),
    )


def authentication_text(expected: Expectation) -> str:
    """Describe a profile's authentication."""
    if expected.uses_login:
        return "Codex's own login"
    if expected.key_variable is not None:
        return f"{expected.key_variable} as a bearer token"
    if expected.variable_headers:
        pairs = (f"{name} from {value}" for name, value in expected.variable_headers.items())
        return f"the header {', '.join(pairs)}"
    return "none"


def _differences(expected: Expectation, sent: RecordedRequest) -> Iterator[str]:
    if expected.model is not None and sent.model != expected.model:
        yield f"the model was {sent.model}, not {expected.model}"
    path = urlsplit(expected.base_url or "").path.rstrip("/") + "/responses"
    if sent.path != path:
        yield f"the path was {sent.path}, not {path}"
    query = {name: values[-1] for name, values in parse_qs(sent.query).items()}
    if query != dict(expected.query):
        yield f"the URL's parameters were {query}, not {dict(expected.query)}"
    yield from _header_differences(expected, sent)


def _header_differences(expected: Expectation, sent: RecordedRequest) -> Iterator[str]:
    wanted = dict(expected.headers)
    wanted |= {name: CANARY + variable for name, variable in expected.variable_headers.items()}
    if expected.key_variable is not None:
        wanted["authorization"] = f"Bearer {CANARY}{expected.key_variable}"
    for name, value in wanted.items():
        if name not in sent.headers:
            yield f"the header {name} was not sent"
        elif sent.headers[name] != value:
            yield f"the header {name} had another value"
    if "authorization" in sent.headers and "authorization" not in wanted:
        authorized = expected.uses_login or expected.literal_keys
        if not authorized:
            yield "an unexpected header authorization was sent"
