"""What every measurement stands on: the model, the Codex builds, fresh Codex homes.

Children get an environment of their own: an empty HOME, so that no dotfile of the user is timed,
and no PYTHONDONTWRITEBYTECODE, so that Python's modules are compiled once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from bench.model import running_model
from tests.support.builds import codex_build, pinned_codex

NATIVE_VERSION = "0.153.4"
"""The last Codex that had an MCP server of its own."""

MODEL = "gpt-5.5"
"""A model that both builds know, so that neither asks for its description."""

CATALOGUE_MODEL = "gpt-6.1-sol"
"""A model of the pinned build's catalogue that can spawn sub-agents."""

KEY = "bench-key"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a measurement takes place.

    Attributes:
        root: A folder that is removed at the end.
        model_url: The scripted model's base URL.
        native: Codex 0.153.4.
        pinned: The Codex that codexmcp brings.
        quick: Whether to do with less.
        lengths: After how many runs a supervisor is looked at.
    """

    root: Path
    model_url: str
    native: Path
    pinned: Path
    quick: bool = False
    lengths: tuple[int, ...] = ()

    def environment(
        self, codex_home: Path, *, key: bool = False, key_proxy: str = "own"
    ) -> dict[str, str]:
        """Return a child's whole environment.

        Args:
            codex_home: The Codex home.
            key: Whether it holds a key and the model's address, as OpenAI's programs expect them.
            key_proxy: Whose key proxy to use then, `own` or `codex`.
        """
        env = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
        env |= {"HOME": str(self.root / "empty"), "CODEX_HOME": str(codex_home)}
        if key:
            env |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": self.model_url}
            env["CODEXMCP_KEY_PROXY"] = key_proxy
        return env

    @contextlib.contextmanager
    def codex_home(self, codex: Path, *, provider: bool = True) -> Generator[Path, None, None]:
        """Give a fresh copy of a home that this Codex has used before, while the block runs.

        Args:
            codex: The build; a new home costs it 75 ms, which is nobody's concern here.
            provider: Whether config.toml leads to the model.
        """
        template = self.root / f"home-{codex_label(codex, self)}-{provider}"
        if not template.exists():
            self._make_template(template, codex, provider=provider)
        with tempfile.TemporaryDirectory(dir=self.root, ignore_cleanup_errors=True) as folder:
            home = Path(folder) / "home"
            shutil.copytree(template, home, symlinks=True)
            yield home

    def work_folder(self) -> Path:
        """Return a new empty folder for Codex to work in."""
        return Path(tempfile.mkdtemp(dir=self.root, prefix="work-"))

    def _make_template(self, template: Path, codex: Path, *, provider: bool) -> None:
        template.mkdir()
        config = [f'model = "{MODEL}"', "check_for_update_on_startup = false"]
        table = f'[model_providers.bench]\nname = "bench"\nbase_url = "{self.model_url}"'
        table += '\nwire_api = "responses"'
        config += ['model_provider = "bench"', table] if provider else []
        (template / "config.toml").write_text("\n".join(config) + "\n", encoding="utf-8")
        # `codex app-server` makes its databases before it notices the end of its stdin.
        subprocess.run(
            [codex, "app-server"],
            input=b'{"id":1,"method":"initialize","params":{"clientInfo":'
            b'{"name":"bench","version":"0"}}}\n',
            env=self.environment(template),
            capture_output=True,
            check=True,
            timeout=60,
        )


def codex_label(codex: Path, stage: Stage) -> str:
    """Return the version of one of the stage's builds, for names."""
    return NATIVE_VERSION if codex == stage.native else "pinned"


@contextlib.contextmanager
def open_stage(
    *, quick: bool = False, lengths: tuple[int, ...] = ()
) -> Generator[Stage, None, None]:
    """Start the model and find the builds, while the block runs."""
    with (
        tempfile.TemporaryDirectory(prefix="codexmcp-bench-", ignore_cleanup_errors=True) as folder,
        running_model() as model_url,
    ):
        root = Path(folder)
        (root / "empty").mkdir()
        yield Stage(root, model_url, codex_build(NATIVE_VERSION), pinned_codex(), quick, lengths)


def codexmcp_command(*, as_module: bool = False) -> list[str]:
    """Return the command line of `codexmcp`: the console script beside Python, or the module."""
    if as_module:
        return [sys.executable, "-P", "-m", "codexmcp"]
    return [str(Path(sys.executable).with_name("codexmcp"))]
