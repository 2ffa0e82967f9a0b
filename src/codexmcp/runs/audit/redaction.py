"""Removes secrets from text and JSON.

Pure. Promises: a known secret does not survive in any usual encoding; text without secrets is
unchanged; redaction is idempotent.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, quote_plus

from codexmcp.data_classes import replace
from codexmcp.jsonvalues import is_list, is_object
from codexmcp.runs.audit.secret_shapes import ANY_CASE, REDACTED, SECRET_NAMES, SHAPES
from codexmcp.runs.run import Run

SHORTEST_SECRET = 8
"""In characters. A shorter value, such as `ollama` for a local endpoint, is a word instead of a
key, and its removal would mangle the text."""

_SHORTEST_LINE = 16
# In characters. For shorter text, one pattern is faster than one search per mark (measured).
_SHORT_TEXT = 400
_SHAPES = (*SHAPES, *ANY_CASE)
_LARGE_TEXT = 64 * 1024
# Removing one secret may join the parts of another, possibly in a different form.
_PASSES = 8


class Redactor:
    """Removes known secrets and secret-like text from text and JSON.

    Args:
        secrets: Known secrets, such as keys; values shorter than `SHORTEST_SECRET` are ignored.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # A part of our own mark could never be removed.
        self._forms = sorted((each for each in forms if each not in REDACTED), key=len)[::-1]
        # The last large redacted text, on its way to several places.
        self._clean: str | None = None
        marks = {shape.mark for shape in _SHAPES} | set(self._forms)
        self._any = re.compile("|".join(map(re.escape, sorted(marks))))

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        if text is self._clean or (len(text) < _SHORT_TEXT and self._any.search(text) is None):
            return text
        clean = self._clean_text(text)
        if len(clean) > _LARGE_TEXT:
            self._clean = clean
        return clean

    def _clean_text(self, text: str) -> str:
        forms = [form for form in self._forms if form in text]
        # The replacement of a secret adds no mark, so no other shape can appear.
        shapes = [shape for shape in _SHAPES if shape.mark in text]
        for _ in range(_PASSES):
            after = text
            for form in forms:
                after = after.replace(form, REDACTED)
            for shape in shapes:
                after = shape.redact(after)
            if after == text:
                break
            text = after
        return text

    def value(self, value: object) -> Any:  # noqa: ANN401 - a JSON value
        """Return a JSON value without secrets, names of fields included.

        Raises:
            RecursionError: The value is nested too deep.
        """
        if isinstance(value, str):
            return self.text(value)
        if is_object(value):
            return self.fields(value)
        if is_list(value):
            return [self.value(each) for each in value]
        # JSON can be encoded from more types than decoding returns.
        if isinstance(value, Mapping):
            return self.fields(cast("Mapping[str, Any]", value))
        if isinstance(value, tuple):
            return self.value(list(cast("tuple[object, ...]", value)))
        return value

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return a JSON object without secrets; see `value`."""
        result: dict[str, Any] = {}
        for name, each in fields.items():
            clean = self.text(name)
            while clean in result:
                clean += "+"
            result[clean] = REDACTED if _is_secret(name, each) else self.value(each)
        return result

    def run(self, run: Run) -> Run:
        """Return a run without secrets in its request and its result."""
        request = replace(
            run.request,
            prompt=self.text(run.request.prompt),
            name=self.value(run.request.name),
            thread=self.fields(run.request.thread),
        )
        reason, message = self.text(run.reason), self.text(run.message)
        return replace(run, request=request, reason=reason, message=message)


def _is_secret(name: str, value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    return name.replace("_", "").replace("-", "").lower() in SECRET_NAMES


def _forms(secret: str) -> Iterator[str]:
    """Yield the usual encodings of a secret."""
    secret = secret.strip()
    if len(secret) < SHORTEST_SECRET:
        return
    lines = (line.strip() for line in secret.splitlines())
    # A command may print one line of a secret with several lines.
    for each in {secret, *(line for line in lines if len(line) >= _SHORTEST_LINE)}:
        if each.startswith("-----") and each != secret:
            continue
        yield each
        yield from _escaped(each)
        yield from _encoded(each)


def _escaped(secret: str) -> Iterator[str]:
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield from (once, once.replace("/", r"\/"))
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]


def _encoded(secret: str) -> Iterator[str]:
    data = secret.encode(errors="surrogatepass")
    for url in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield from (url, re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), url))
    # Inside longer data a secret begins at one of three places of a group of four characters; the
    # characters at its ends also contain bits of its neighbours.
    for before in range(3):
        size = before + len(data)
        part = slice(-(-before * 8 // 6), size * 8 // 6)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + data).decode()[part]
