"""`codexmcp runs approvals` and `approve`: the questions of Codex that wait, and their answers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.asking import ask_owner, call_owner
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.text import one_line
from codexmcp.errors import CodexMCPError, ExitCode, StateError
from codexmcp.jsonvalues import list_of, object_of, text_of
from codexmcp.runs.store import Owner
from codexmcp.supervisor.methods import ANSWER


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that waits, and who can be told the answer.

    Attributes:
        id: Its id.
        run_id: The run that asks.
        kind: What it is about.
        question: Its text.
        owner: The supervisor of the run.
    """

    id: str
    run_id: str
    kind: str
    question: str
    owner: Owner


def list_approvals(arguments: argparse.Namespace, output: Output) -> int:
    """List the questions that wait, of one run or of all.

    Raises:
        RunNotFoundError: There is no run of that name.
        StoreError: The store cannot be read.
    """
    with opened_place() as place:
        name = arguments.run
        run_id = None if name is None else naming.find(place.directory, name).id
        waiting, code = _waiting(place, output)
    chosen = [each for each in waiting if run_id in {None, each.run_id}]
    if output.is_json:
        output.say_json({"approvals": [_json(each) for each in chosen]})
    for each in [] if output.is_json else chosen:
        # Whole: nobody shall say yes to what was cut off.
        output.say(f"{each.id}  {one_line(each.kind)}\n  {one_line(each.question)}")
    if not chosen and not output.is_json:
        output.note("no questions wait" if run_id is None else f"run {run_id} asks nothing now")
    return code


def answer_approval(arguments: argparse.Namespace, output: Output) -> int:
    """Answer a question.

    Raises:
        StateError: It does not wait, or the name fits several.
        RunError: The supervisor refused.
    """
    with opened_place() as place:
        waiting, _ = _waiting(place, output)
        chosen = choose(arguments.approval, waiting)
        given = {"approvalId": chosen.id, "decision": arguments.decision}
        answer = ask_owner(place, chosen.owner, ANSWER, given)
    if output.is_json:
        output.say_json(answer)
    else:
        said = arguments.decision.replace("_", " ")
        output.say(f"{chosen.id}: {said}: {one_line(chosen.question)}")
    return ExitCode.DONE


def choose(name: str, waiting: Sequence[Waiting]) -> Waiting:
    """Return the question that a name means: its own id, or what only its run's begins with. Pure.

    Raises:
        StateError: It means none, or several.
    """
    exact = [each for each in waiting if each.id == name]
    found = exact or [each for each in waiting if name and each.run_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.id for each in found)
        raise StateError(f"several questions wait that {name!r} may mean: {ids}; name one of them")
    raise StateError(
        f"no question {name!r} waits: it was answered, or its run is over; `codexmcp runs "
        "approvals` lists those that wait"
    )


def _waiting(place: Place, output: Output) -> tuple[list[Waiting], ExitCode]:
    """Return what waits at every supervisor, and the exit code: one that is mute is a failure."""
    found: list[Waiting] = []
    code = ExitCode.DONE
    for owner in place.directory.owners():
        try:
            answer = call_owner(place, owner, "codex_approvals", {})
        except CodexMCPError as error:
            output.trouble(f"the supervisor with process {owner.pid}: {error}")
            code = ExitCode.FAILED
            continue
        for each in map(object_of, list_of(answer.get("approvals"))):
            names = ("approvalId", "runId", "kind", "question")
            approval_id, run_id, kind, question = (text_of(each.get(name)) or "" for name in names)
            found.append(Waiting(approval_id, run_id, kind, question, owner))
    return found, code


def _json(waiting: Waiting) -> dict[str, str]:
    return {
        "approvalId": waiting.id,
        "runId": waiting.run_id,
        "kind": waiting.kind,
        "question": waiting.question,
    }
