"""`codexmcp init`: a repository for `codexmcp sync`."""

from __future__ import annotations

from codexmcp.cli.options.sync import InitOptions
from codexmcp.cli.output import Output
from codexmcp.errors import ExitCode
from codexmcp.home.sync.starter import start


def make_repository(options: InitOptions, output: Output) -> int:
    """Make the repository.

    Raises:
        ConfigurationError: A file is in the way; then nothing is written.
    """
    folder = options.folder.expanduser().absolute()
    written = start(folder)
    if output.is_json:
        output.say_json({"folder": str(folder), "written": [str(path) for path in written]})
    else:
        for path in written:
            output.say(f"written {path}")
        output.note(
            f"{folder} can be deployed now; look first: `codexmcp sync push-runtime --dry-run "
            f"--repo {folder}`"
        )
    return ExitCode.DONE
