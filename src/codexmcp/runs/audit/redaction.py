"""Takes secrets out of text and JSON.

Pure. Promises: a known secret does not survive, in whatever usual form it is written; text without
secrets stays as it is; what was redacted once stays the same.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote, quote_plus

from codexmcp.jsonvalues import is_list, is_object
from codexmcp.runs.audit.secret_shapes import REDACTED, SECRET_NAMES, SHAPES
from codexmcp.runs.run import Run

SHORTEST_SECRET = 8
"""Characters. What is shorter, such as `ollama` for a local endpoint, is no key but a word, and
taking it out would mangle whatever is kept."""

_SHORTEST_LINE = 16
# Characters. A text below that is looked through faster by one pattern than by one mark after
# the other (measured).
_SHORT_TEXT = 400
# Taking one secret out may put the parts of another together, or not quite the same one.
_PASSES = 8


class Redactor:
    """Takes known secrets, and what looks like one, out of text and JSON.

    Args:
        secrets: What must not be kept, such as keys; one below `SHORTEST_SECRET` is no secret.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # What is part of our own mark could never be taken out.
        self._forms = sorted((each for each in forms if each not in REDACTED), key=len)[::-1]
        marks = {shape.mark for shape in SHAPES} | set(self._forms)
        self._any = re.compile("|".join(map(re.escape, sorted(marks))))

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        if len(text) < _SHORT_TEXT and self._any.search(text) is None:
            return text
        forms = [form for form in self._forms if form in text]
        # What stands in the place of a secret adds no mark, so no other shape can come up.
        shapes = [shape for shape in SHAPES if shape.mark in text]
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
            RecursionError: It is nested too deep.
        """
        if isinstance(value, str):
            return self.text(value)
        if is_object(value):
            return self.fields(value)
        if is_list(value):
            return [self.value(each) for each in value]
        # What JSON is written from need not be what it is read as.
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
        """Return a run without secrets in what it was asked and came to."""
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
    """Yield the ways a secret may be written."""
    secret = secret.strip()
    if len(secret) < SHORTEST_SECRET:
        return
    lines = (line.strip() for line in secret.splitlines())
    # A command may print one line of a secret that has several.
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
    # In the midst of longer data a secret begins at one of three places of a group of four
    # characters; those at its ends also hold bits of its neighbours.
    for before in range(3):
        size = before + len(data)
        part = slice(-(-before * 8 // 6), size * 8 // 6)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + data).decode()[part]
