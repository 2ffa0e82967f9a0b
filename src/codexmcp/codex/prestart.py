"""Starts Codex and its key proxy before the rest of a program is imported.

App-server needs about as long for its start as Python for the imports of a server. Imports no event
loop. A process that nobody takes over ends together with this one; see `spawn`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.processes import children_of
from codexmcp.appserver.spawn import Spawned, adopt_orphans, spawn, spawn_server
from codexmcp.codex.access import provider_overrides
from codexmcp.codex.options import CodexOptions, KeyProxyOptions
from codexmcp.data_classes import dataclass, replace
from codexmcp.settings import OWN_KEY_PROXY

_BACKLOG = 128


@dataclass(slots=True)
class Prestart:
    """The processes of a first start, each for one taker.

    Attributes:
        proxy: The forwarder and its port; None when it was taken, or there is none.
        server: The app-server; None when it was taken.
        children: Process ids of all children of this process, without adopted orphans.
    """

    proxy: tuple[Spawned, int] | None
    server: Spawned | None
    children: frozenset[int]

    def take_proxy(self) -> tuple[Spawned, int] | None:
        """Return the forwarder and its port to the first taker; None to everybody else."""
        taken, self.proxy = self.proxy, None
        return taken

    def take_server(self) -> Spawned | None:
        """Return the app-server to the first taker; None to everybody else."""
        taken, self.server = self.server, None
        return taken


def prestarted(options: CodexOptions) -> CodexOptions:
    """Return the options with the processes of a first start, which run already.

    Codex in a container, or with its own key proxy, is not started early.

    Raises:
        CodexBinaryError: A process cannot be started.
    """
    if options.container is not None:
        return options
    if options.proxy is not None and options.proxy.kind != OWN_KEY_PROXY:
        return options
    children = children_of(os.getpid())
    # Codex starts programs at once. Their orphans must not reach an ancestor of this process.
    adopt_orphans()
    proxy, launch = None, options.launch
    if options.proxy is not None:
        proxy = spawn_forwarder(options.proxy)
        children.add(proxy[0].process.pid)
        launch = leading_to(launch, proxy_url(proxy[1]), options.proxy.access.base_url)
    server = spawn_server(launch)
    children.add(server.process.pid)
    return replace(options, prestart=Prestart(proxy, server, frozenset(children)))


def spawn_forwarder(options: KeyProxyOptions) -> tuple[Spawned, int]:
    """Start a forwarder and return it with its port, which takes connections at once.

    Raises:
        CodexBinaryError: It cannot be started.
    """
    import socket  # noqa: PLC0415 - 3 ms, and without a key nobody needs it so early

    # Connections wait in our socket until the forwarder takes them: nobody waits for its start.
    with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listener:
        argv = [sys.executable, "-P", "-m", "codexmcp.codex.forwarder"]
        spawned = spawn(
            [*argv, "--listen-fd", str(listener.fileno())],
            env=options.env,
            pass_fds=(listener.fileno(),),
        )
        order = {"base_url": options.access.base_url, "key": options.access.key}
        assert spawned.process.stdin is not None
        # One that has ended is noticed by its owner. A pipe holds more than that.
        with contextlib.suppress(ConnectionError):
            spawned.process.stdin.write(json.dumps(order).encode() + b"\n")
        return spawned, int(listener.getsockname()[1])


def leading_to(launch: LaunchOptions, base_url: str, endpoint: str) -> LaunchOptions:
    """Return how to start an app-server that reaches the model through a proxy.

    Args:
        launch: How to start it otherwise.
        base_url: The URL of the proxy, which needs no key there.
        endpoint: The endpoint behind the proxy, which is shown in errors.
    """
    overrides = (*launch.overrides, *provider_overrides(base_url))
    return replace(launch, overrides=overrides, aliases={base_url: endpoint})


def proxy_url(port: int) -> str:
    """Return the URL of a proxy by its port on loopback."""
    return f"http://127.0.0.1:{port}/v1"
