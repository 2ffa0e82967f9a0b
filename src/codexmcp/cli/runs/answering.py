"""`codexmcp runs approvals` and `approve`: the questions of Codex that wait, and their answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from codexmcp.appserver.forms import Field, fields_of
from codexmcp.cli.options.runs import ApprovalsOptions, ApproveOptions
from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.asking import ask_owner
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.text import one_line
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexMCPError, ExitCode, StateError, UsageError
from codexmcp.jsonvalues import is_object, list_of, object_of, text_of
from codexmcp.runs.store import Owner
from codexmcp.supervisor.methods import ANSWER, APPROVALS


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pending question of a run.

    Attributes:
        id: The id of the question.
        run_id: The run.
        kind: The kind of the question.
        question: The text.
        owner: The supervisor of the run.
        agent: The path of the sub-agent; empty for the run's own thread.
        form: The JSON Schema of the form; empty without a form.
        url: The address to open; empty without one.
    """

    id: str
    run_id: str
    kind: str
    question: str
    owner: Owner
    agent: str = ""
    form: Mapping[str, Any] = field(default_factory=dict[str, Any])
    url: str = ""


def list_approvals(options: ApprovalsOptions, output: Output) -> int:
    """List the pending questions of a run or of all runs.

    Raises:
        RunNotFoundError: The name is unknown.
        StoreError: The store cannot be read.
    """
    with opened_place() as place:
        name = options.run
        run_id = None if name is None else naming.find(place.directory, name).id
        waiting, code = _waiting(place, output)
    chosen = [each for each in waiting if run_id in {None, each.run_id}]
    if output.is_json:
        output.say_json({"approvals": [_json(each) for each in chosen]})
    for each in [] if output.is_json else chosen:
        output.say("\n".join(lines_of(each)))
    if not chosen and not output.is_json:
        output.note("no questions wait" if run_id is None else f"run {run_id} asks nothing now")
    return code


def answer_approval(options: ApproveOptions, output: Output) -> int:
    """Answer a question.

    Raises:
        StateError: The question is not pending, or the name is ambiguous.
        UsageError: The form is no JSON object, or missing without a terminal.
        RunError: The supervisor refused.
    """
    content = None if options.content is None else content_of(options.content)
    with opened_place() as place:
        waiting, _ = _waiting(place, output)
        chosen = choose(options.approval, waiting)
        if content is None and chosen.form and options.decision.startswith("accept"):
            content = filled_in(chosen, output, sys.stdin)
        given = {
            "approvalId": chosen.id,
            "decision": options.decision,
            "content": content or {},
        }
        answer = ask_owner(place, chosen.owner, ANSWER, given)
    if output.is_json:
        output.say_json(answer)
    else:
        said = options.decision.replace("_", " ")
        output.say(f"{chosen.id}: {said}: {one_line(chosen.question)}")
    return ExitCode.DONE


def content_of(text: str) -> dict[str, Any]:
    """Return the object in the text of `--content`. Pure.

    Raises:
        UsageError: The text is no JSON object.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"--content is not JSON ({error}): write it as '{{\"name\": 1}}'"
        ) from None
    if not is_object(content):
        raise UsageError("--content is not a JSON object: write it as '{\"name\": 1}'")
    return content


def filled_in(waiting: Waiting, output: Output, typed: TextIO) -> dict[str, Any]:
    """Ask for each field of a form at the terminal.

    Args:
        waiting: The question.
        output: The output, for the prompts.
        typed: The input.

    Raises:
        UsageError: The input is no terminal, or was closed before the end.
    """
    if not typed.isatty():
        names = ", ".join(each.name for each in fields_of(waiting.form))
        raise UsageError(f"question {waiting.id} has a form: fill in {names} by --content JSON")
    for line in lines_of(waiting)[:2]:
        output.note(line)
    answers = {each.name: _asked(each, output, typed) for each in fields_of(waiting.form)}
    return {name: value for name, value in answers.items() if value is not None}


def _asked(form_field: Field, output: Output, typed: TextIO) -> object:
    while True:
        output.note(f"{one_line(form_field.prompt)}: ")
        line = typed.readline()
        if not line:
            raise UsageError("the form was not filled in to its end, and nothing was answered")
        try:
            value = form_field.read(line)
        except UsageError as error:
            output.trouble(error)
            continue
        if value is not None or not form_field.is_required:
            return value


def lines_of(waiting: Waiting) -> list[str]:
    """Return a question as lines for people, whole: nobody shall say yes to what was cut off."""
    asker = f"  {one_line(waiting.agent)}" if waiting.agent else ""
    return [
        f"{waiting.id}  {one_line(waiting.kind)}{asker}",
        f"  {one_line(waiting.question)}",
        *([f"  open: {one_line(waiting.url)}"] if waiting.url else []),
        *(f"  - {each.name}: {one_line(each.prompt)}" for each in fields_of(waiting.form)),
    ]


def choose(name: str, waiting: Sequence[Waiting]) -> Waiting:
    """Return the question with an id, or the only question of a run. Pure.

    Raises:
        StateError: The name is unknown or ambiguous.
    """
    exact = [each for each in waiting if each.id == name]
    found = exact or [each for each in waiting if name and each.run_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.id for each in found)
        raise StateError(f"{name!r} matches several open questions: {ids}; pass one of these ids")
    raise StateError(
        f"no open question {name!r}: it was answered, or its run is over; list the open questions "
        "with `codexmcp runs approvals`"
    )


def _waiting(place: Place, output: Output) -> tuple[list[Waiting], ExitCode]:
    """Return the pending questions, and the exit code: a failure if a supervisor is silent."""
    found: list[Waiting] = []
    code = ExitCode.DONE
    for owner in place.directory.owners():
        try:
            answer = ask_owner(place, owner, APPROVALS, {})
        except CodexMCPError as error:
            output.trouble(f"the supervisor with process {owner.pid}: {error}")
            code = ExitCode.FAILED
            continue
        approvals = map(object_of, list_of(answer.get("approvals")))
        found += [_read(each, owner) for each in approvals]
    return found, code


def _read(fields: Mapping[str, Any], owner: Owner) -> Waiting:
    def text(name: str) -> str:
        return text_of(fields.get(name)) or ""

    return Waiting(
        text("approvalId"),
        text("runId"),
        text("kind"),
        text("question"),
        owner,
        text("agent"),
        object_of(fields.get("requestedSchema")),
        text("url"),
    )


def _json(waiting: Waiting) -> dict[str, Any]:
    more = {"agent": waiting.agent, "requestedSchema": dict(waiting.form), "url": waiting.url}
    return {
        "approvalId": waiting.id,
        "runId": waiting.run_id,
        "kind": waiting.kind,
        "question": waiting.question,
        **{name: value for name, value in more.items() if value},
    }
