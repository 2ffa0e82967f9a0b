"""The forwarder's process. The key arrives on stdin; the end of stdin is the end of the owner."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import socket
import sys
import threading

from codexmcp.codex.forwarder.serving import Forwarder
from codexmcp.codex.forwarder.upstream import Upstream
from codexmcp.errors import ConfigurationError

_LONGEST_ORDER = 1024 * 1024


def main() -> None:
    """Serve until the end of stdin."""
    parser = argparse.ArgumentParser(prog="codexmcp.codex.forwarder")
    parser.add_argument("--listen-fd", type=int, required=True)
    listener = socket.socket(fileno=parser.parse_args().listen_fd)
    order = json.loads(sys.stdin.buffer.readline(_LONGEST_ORDER) or b"{}")
    if not order:
        return
    # A thread is independent of the other threads' work, and detects a killed owner on any system.
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    with contextlib.suppress(OSError, ValueError):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        upstream = Upstream.at(order["base_url"], os.environ)
    except ConfigurationError as error:
        sys.exit(f"error: {error}")
    Forwarder(upstream, order["key"], _tell).serve(listener)


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def _tell(failure: str) -> None:
    # A single write, so the lines of several threads do not mix.
    os.write(sys.stderr.fileno(), f"error: {' '.join(failure.split())}\n".encode(errors="replace"))


if __name__ == "__main__":
    main()
