"""Repositories to try git's tools on, and a program that tells when somebody has started it."""

from __future__ import annotations

import contextlib
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codexmcp.workspace.git.session import GitPolicy
from codexmcp.workspace.git.tools import git_tools
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.tool import WorkspaceTool
from tests.support.tool_answers import fitting

BOUND_S = 30.0


class GitGround:
    """A root with the repository `repo` in it, and an owner with a configuration of their own.

    Attributes:
        root: The root.
        repo: The repository.
        home: The owner's home.
        canary: A program that leaves a mark; with the argument `cat` it is a filter.
        env: The owner's environment.
        withheld: What is not served though it lies in the root.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.outside = folder / "outside"
        self.home = folder / "home"
        self.bin = folder / "bin"
        for made in (self.root, self.outside, self.home, self.bin):
            made.mkdir()
        self.repo = self.root / "repo"
        self.env = {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.withheld: list[Path] = []
        self._mark = folder / "fired"
        self.canary = self.program(
            "canary", f'echo fired >> "{self._mark}"; [ "$1" = cat ] && exec cat; exit 0'
        )
        self.git("config", "--global", "user.name", "Owner", cwd=folder)
        self.git("config", "--global", "user.email", "owner@example.org", cwd=folder)
        self.git("config", "--global", "init.defaultBranch", "main", cwd=folder)
        self.git("config", "--global", "protocol.file.allow", "always", cwd=folder)
        self.init(self.repo)

    def program(self, name: str, script: str) -> Path:
        """Make a program on the owner's PATH."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def init(self, repo: Path) -> None:
        """Make a repository with one commit."""
        repo.mkdir(parents=True)
        self.git("init", "-q", cwd=repo)
        (repo / "first.txt").write_text("first\n")
        self.git("add", "-A", cwd=repo)
        self.git("commit", "-q", "-m", "first", cwd=repo)

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Run git as the owner does by hand; return what it writes."""
        ran = subprocess.run(
            ["git", *words],  # noqa: S607 - the machine's own, whatever it is
            cwd=cwd or self.repo,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )
        assert ran.returncode == 0, f"git {words}: {ran.stderr}"
        return ran.stdout

    def hook(self, name: str, repo: Path | None = None) -> None:
        """Make the canary a hook."""
        folder = (repo or self.repo) / ".git" / "hooks"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f'#!/bin/sh\nexec "{self.canary}"\n')
        (folder / name).chmod(0o755)

    def bare(self, folder: Path) -> Path:
        """Make an empty bare repository, whose hook is the canary."""
        self.git("init", "-q", "--bare", str(folder), cwd=self.home)
        hook = folder / "hooks" / "post-receive"
        hook.write_text(f'#!/bin/sh\nexec "{self.canary}"\n')
        hook.chmod(0o755)
        return folder

    def ssh(self) -> Path:
        """Make a stand-in for ssh, which runs the command here; return its log of arguments."""
        log = self.home / "ssh.log"
        self.program("ssh", f'echo "$@" >> "{log}"; for last; do :; done; exec sh -c "$last"')
        return log

    def has_fired(self) -> bool:
        """Return whether somebody has started the canary, and forget it."""
        fired = self._mark.exists()
        self._mark.unlink(missing_ok=True)
        return fired

    def tools(self, **policy: Any) -> dict[str, WorkspaceTool]:
        """Return the tools for this root, by name."""
        roots = Roots.parse(None, self.root, self.withheld)
        made = git_tools(roots, GitPolicy(**{"env": self.env, **policy}))
        return {tool.name.removeprefix("agentOS_git_"): tool for tool in made}

    async def commit(self, cwd: str = "repo", message: str = "Change", **policy: Any) -> Any:
        """Call the tool that commits."""
        answer = await self.tools(**policy)["commit"].run({"cwd": cwd, "message": message})
        return fitting("agentOS_git_commit", answer)

    async def push(self, cwd: str = "repo", *, set_upstream: bool = False, **policy: Any) -> Any:
        """Call the tool that pushes."""
        arguments = {"cwd": cwd, "set_upstream": set_upstream}
        return fitting("agentOS_git_push", await self.tools(**policy)["push"].run(arguments))

    def config(self, **values: str) -> None:
        """Set settings of the repository; `__` stands for the dot in their names."""
        for key, value in values.items():
            self.git("config", key.replace("__", "."), value)

    def submodule(self) -> None:
        """Make a submodule with a change in a file that git has to look into."""
        self.init(self.root / "lib")
        self.git("submodule", "add", "-q", str(self.root / "lib"), "lib")
        self.git("commit", "-q", "-m", "submodule")
        # Of the same size.
        (self.repo / "lib" / "first.txt").write_text("dirty\n")


class _WantsPassword(http.server.BaseHTTPRequestHandler):
    """Answers everything with 401."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="here"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextlib.contextmanager
def locked_server() -> Iterator[str]:
    """Give the URL of a repository behind a password."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _WantsPassword) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/repo.git"
        finally:
            server.shutdown()
            thread.join()
