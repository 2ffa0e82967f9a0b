"""The image behind a company's forward proxy that names no exceptions."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from codexmcp.network import LOOPBACK
from codexmcp.testing import ScriptedModel
from tests.support.containers import KEY, Engine, answered, asked
from tests.support.forward_proxy import forward_proxy

ENDPOINT = "http://model.example/v1"
"""A host that only the proxy knows."""

PROMPT = "run `echo hello there`"
CALL = asked(("tools/call", {"name": "codex", "arguments": {"prompt": PROMPT}}))


@pytest.mark.parametrize("arguments", [[PROMPT], ["newway", PROMPT], ["mcp-server"]])
async def test_a_turn_behind_the_key_proxy_works(engine: Engine, arguments: list[str]) -> None:
    async with (
        ScriptedModel(None, None) as model,
        forward_proxy(urlsplit(model.base_url).port or 0) as proxy,
    ):
        is_server = arguments == ["mcp-server"]
        ran = await engine.run(
            *arguments,
            flags=["--network=host"],
            env={
                "OPENAI_API_KEY": KEY,
                "OPENAI_BASE_URL": ENDPOINT,
                "CODEXMCP_AUTH": "proxy",
                **proxy.environment(),
            },
            stdin=CALL if is_server else b"",
        )
        assert ran.code == 0, ran.err
        told = answered(ran, 2)["content"][0]["text"] if is_server else ran.out
        assert "hello there" in told
        assert "POST model.example" in proxy.asked
        assert not proxy.hosts & set(LOOPBACK)
