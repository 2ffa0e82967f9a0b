"""Runs one scenario against one server and writes down what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from codexmcp.rehearsal.conversation import tools_of
from codexmcp.testing import ModelServer, ScriptedModel, Text
from tests.conformance import steps
from tests.conformance.builds import Build
from tests.conformance.client import NoAnswerError, running
from tests.conformance.folders import Stage, set_up
from tests.conformance.lines import Line
from tests.conformance.normalise import Document, Names, document, request_document
from tests.conformance.player import Played, Player
from tests.conformance.questions import Question
from tests.conformance.scenario import Scenario


async def perform(scenario: Scenario, build: Build) -> Document:
    """Return the document of a scenario's run against a build."""
    async with set_up() as stage, ScriptedModel(scenario.model(stage.gate), surface=None) as model:
        stage.prepare(model.base_url, scenario.config, catalogue=scenario.catalogue)
        for name, text in scenario.files.items():
            (stage.project / name).write_text(text)
        played = Played()
        for part in _parts(scenario.steps):
            command = build.command(scenario.options)
            environment = stage.environment(build)
            async with running(command, environment, stage.project, played.received) as client:
                player = Player(client, model, stage, played)
                for step in part:
                    await player.play(step)
        names = stage.names(build)
        if scenario.catalogue:
            names.name(_catalogue_model(model), "<model>")
        return _written(scenario, stage, names, model, played)


def _catalogue_model(model: ModelServer) -> str:
    """Return the model that was asked, which has to be one of the catalogue, in code mode."""
    first = model.requests[0].body
    if not any(tool.get("name") == "exec" for tool in tools_of(first)):
        raise NoAnswerError(f"the model {first['model']} was not offered `exec`")
    return str(first["model"])


def _parts(all_steps: Sequence[steps.Step]) -> list[list[steps.Step]]:
    """Return the steps between the restarts of the server."""
    parts: list[list[steps.Step]] = [[]]
    for step in all_steps:
        if isinstance(step, steps.Restart):
            parts.append([])
        else:
            parts[-1].append(step)
    return parts


def _written(
    scenario: Scenario, stage: Stage, names: Names, model: ModelServer, played: Played
) -> Document:
    files = {
        p.name: p.read_text(errors="replace")
        for p in sorted(stage.project.iterdir())
        if p.is_file()
    }
    rules = stage.home / "rules" / "default.rules"
    whole = {
        **document(played.received, names),
        "requests": [request_document(r.body, names) for r in model.requests],
        "exit": played.exit_code,
        "gone": played.gone,
        "files": files,
        "config": names.text((stage.home / "config.toml").read_text()),
        "rules": rules.read_text() if rules.exists() else None,
    }
    return {aspect: whole[aspect] for aspect in whole if aspect in scenario.compare}


async def ask(questions: Sequence[Question], build: Build) -> Document:
    """Return the answers to questions, all asked of one server, by their names."""
    async with _quizzing(build) as (stage, player):
        for question in questions:
            await player.play(steps.request(question.name, question.method, question.params))
            await player.play(steps.Response(question.name))
        answers = [message for message in player.client.received if "id" in message]
        # Each by itself: the number of a thread depends on nothing that counts here.
        return {
            str(m["id"]): document([m], stage.names(build))["answers"][str(m["id"])]
            for m in answers
        }


async def say(lines: Sequence[Line], build: Build) -> Document:
    """Return what each of some lines has led to, all sent to one server, by their names."""
    told: Document = {}
    async with _quizzing(build) as (stage, player):
        names = stage.names(build)
        for line in lines:
            before = len(player.client.received)
            await player.client.send_line(line.text)
            after = f"after {line.name}"
            await player.play(steps.request(after, "ping"))
            await player.play(steps.Response(after))
            told[line.name] = {"said": names.value(player.client.received[before:-1])}
    return told


@asynccontextmanager
async def _quizzing(build: Build) -> AsyncIterator[tuple[Stage, Player]]:
    async with set_up() as stage, ModelServer(lambda _request: Text("Fine.")) as model:
        stage.prepare(model.base_url)
        command = build.command()
        async with running(command, stage.environment(build), stage.project) as client:
            player = Player(client, model, stage, Played(client.received))
            await player.play(steps.initialize())
            await player.play(steps.Response(0))
            yield stage, player
