"""Forms of Codex's questions: fields, and validation of answers.

Pure. jsonschema is imported late: the import costs 60 ms, and few questions have a form.

Source: `mcpServer/elicitation/request` and `item/tool/requestUserInput` of 0.153.4 to 0.171.0; a
form is flat, and Codex does not validate the content of an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codexmcp.appserver.answers import Answer, Question
from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import UsageError
from codexmcp.jsonrpc.messages import Request
from codexmcp.jsonvalues import is_list, list_of, object_of, text_of, without_nulls

Schema = Mapping[str, Any]

_KEYWORDS = frozenset(
    {
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    }
)
"""Keywords enforced for a field. Not `pattern`: Python's regular expressions can take years."""

_YES = frozenset({"y", "yes", "true", "1"})
_NO = frozenset({"n", "no", "false", "0"})


def form_of(request: Request) -> Schema | None:
    """Return the JSON Schema of a question's form; None without a form."""
    match request.method:
        case Question.ELICITATION:
            schema = object_of(request.params.get("requestedSchema"))
            return schema if object_of(schema.get("properties")) else None
        case Question.USER_INPUT:
            questions = [object_of(each) for each in list_of(request.params.get("questions"))]
            properties = {str(each.get("id", "")): _asked(each) for each in questions}
            return {"type": "object", "properties": properties, "required": list(properties)}
        case _:
            return None


def url_of(request: Request) -> str | None:
    """Return the URL in a question; None without a URL."""
    is_url = request.method == Question.ELICITATION and request.params.get("mode") == "url"
    return text_of(request.params.get("url")) if is_url else None


def _asked(question: Mapping[str, Any]) -> dict[str, Any]:
    labels = [text_of(object_of(each).get("label")) for each in list_of(question.get("options"))]
    field = {"type": "string", "title": question.get("header")}
    field["description"] = question.get("question")
    key = "examples" if question.get("isOther") else "enum"
    return without_nulls({**field, key: labels or None})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    Attributes:
        name: The name in the answer.
        schema: The JSON Schema.
        is_required: The answer must have the field.
    """

    name: str
    schema: Schema
    is_required: bool

    @property
    def default(self) -> object:
        """Value of an empty field; None without a default."""
        return self.schema.get("default")

    @property
    def options(self) -> dict[str, str]:
        """Titles by allowed value; empty if any value is allowed."""
        schema = object_of(self.schema.get("items")) or self.schema
        titled = [
            object_of(each) for key in ("oneOf", "anyOf") for each in list_of(schema.get(key))
        ]
        if titled:
            return {
                str(e["const"]): str(e.get("title", e["const"])) for e in titled if "const" in e
            }
        values = list(map(str, list_of(schema.get("enum"))))
        names = list(map(str, list_of(schema.get("enumNames")))) or values
        return dict(zip(values, names, strict=False))

    @property
    def prompt(self) -> str:
        """The field's question for a person, in one line."""
        title = text_of(self.schema.get("title")) or self.name
        about = text_of(self.schema.get("description"))
        options = [v if v == t else f"{v} ({t})" for v, t in self.options.items()]
        kind = " | ".join(options) or str(self.schema.get("type", ""))
        notes = [kind, *([] if self.is_required else ["optional"])]
        if self.default is not None:
            notes.append(f"default {_shown(self.default)}")
        return f"{title}{f': {about}' if about else ''} [{', '.join(notes)}]"

    def read(self, text: str) -> object:
        """Return the value of a person's input; None for an empty field without a default.

        Raises:
            UsageError: The value is invalid.
        """
        text = text.strip()
        if not text:
            return self.default
        match self.schema.get("type"):
            case "boolean" if text.lower() in _YES | _NO:
                value: object = text.lower() in _YES
            case "integer" | "number" as kind:
                value = _number(text, whole=kind == "integer")
            case "array":
                value = [self._chosen(part.strip()) for part in text.split(",") if part.strip()]
            case _:
                value = self._chosen(text)
        fault = next(_faults(self, value), None)
        if fault is not None:
            raise UsageError(fault)
        return value

    def _chosen(self, text: str) -> str:
        by_title = {title: value for value, title in self.options.items()}
        return text if text in self.options else by_title.get(text, text)


def fields_of(schema: Schema) -> list[Field]:
    """Return the fields of a form, in order."""
    required = list_of(schema.get("required"))
    properties = object_of(schema.get("properties"))
    return [Field(name, object_of(each), name in required) for name, each in properties.items()]


def fitted(request: Request, answer: Answer) -> Answer:
    """Return an answer completed with the form's defaults.

    Raises:
        UsageError: An accepting answer does not fit the form; the message has the fields.
    """
    form = form_of(request)
    if form is None or not answer.accepts:
        return answer
    return replace(answer, content=filled(form, answer.content))


def filled(schema: Schema, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content, completed with defaults.

    Raises:
        UsageError: The content does not fit the form; the message has the fields.
    """
    fields = fields_of(schema)
    defaults = {f.name: f.default for f in fields if f.default is not None}
    whole = {**defaults, **without_nulls(content)}
    missing = [f.name for f in fields if f.is_required and f.name not in whole]
    unknown = [name for name in whole if name not in {f.name for f in fields}]
    faults = [
        *([f"missing: {', '.join(missing)}"] if missing else []),
        *([f"not in the form: {', '.join(unknown)}"] if unknown else []),
        *(fault for f in fields if f.name in whole for fault in _faults(f, whole[f.name])),
    ]
    if faults:
        raise UsageError(
            f"the answer does not fit the question's form: {'; '.join(faults)}. Fill in `content` "
            "according to the schema, or decline"
        )
    return whole


def _faults(field: Field, value: object) -> Iterator[str]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - costs 60 ms

    options = field.options
    wrong = [_shown(each) for each in _values(value) if options and each not in options]
    if wrong:
        yield f"{field.name}: invalid value {', '.join(wrong)}; allowed: {', '.join(options)}"
        return
    held_to = {key: part for key, part in field.schema.items() if key in _KEYWORDS}
    validator: Any = Draft202012Validator(without_nulls(held_to))
    for error in validator.iter_errors(value):
        yield f"{field.name}: {error.message}"


def _values(value: object) -> list[object]:
    return list_of(value) if is_list(value) else [value]


def _number(text: str, *, whole: bool) -> object:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return text


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, _values(value)))
