"""Threads of a newer Codex, resumed with an older one."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.refusals import NewerThreadError
from codexmcp.testing import ScriptedModel, Text
from tests.support.builds import NPM_VERSION, ORACLE_VERSION, codex_build, pinned_codex
from tests.support.real_app_server import UNCONFINED, Conversation, launch_options


async def test_a_thread_of_a_newer_codex_is_refused_and_goes_on_with_the_newer(
    codex_home: Path,
) -> None:
    newer = codex_build(NPM_VERSION)
    async with ScriptedModel([Text("first"), Text("second")]) as model:

        def launch(codex: Path) -> AbstractAsyncContextManager[AppServer]:
            return AppServer.launch(launch_options(codex_home, model.base_url, codex=codex))

        async with launch(newer) as server:
            thread_id = (await server.start_thread(UNCONFINED)).id
            assert (await Conversation(server, thread_id).say("one")).message == "first"
        for older in (pinned_codex(), codex_build(ORACLE_VERSION)):
            async with launch(older) as server:
                with pytest.raises(NewerThreadError, match=f"started by Codex {NPM_VERSION}"):
                    await server.load_thread(thread_id, UNCONFINED)
                with pytest.raises(NewerThreadError, match=f"started by Codex {NPM_VERSION}"):
                    await server.fork_thread(thread_id, UNCONFINED)
        async with launch(newer) as server:
            await server.load_thread(thread_id, UNCONFINED)
            assert (await Conversation(server, thread_id).say("two")).message == "second"
