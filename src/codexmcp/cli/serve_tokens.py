"""`codexmcp serve --rotate-token`, `--add-token`, `--remove-token` and `--list-tokens`.

Promises that of all tokens only a new one is ever printed, once, to stdout alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from codexmcp.errors import ExitCode, UsageError
from codexmcp.http.token_files import TokenFiles
from codexmcp.settings import load_http_settings


def is_asked_for(arguments: argparse.Namespace) -> bool:
    """Return whether the arguments are about tokens."""
    return bool(
        arguments.rotate_token
        or arguments.add_token
        or arguments.remove_token
        or arguments.list_tokens
    )


def run(arguments: argparse.Namespace) -> int:
    """Change or list the tokens.

    Raises:
        UsageError: That cannot be done as asked for.
        ConfigurationError: The files of tokens cannot be used.
    """
    settings = load_http_settings(os.environ)
    files = TokenFiles(settings.folder, settings.token)
    if arguments.add_token and not arguments.scopes:
        raise UsageError("--add-token wants what the token is good for, as in --scopes read,git")
    if arguments.rotate_token:
        path = files.rotate()
        sys.stderr.write(
            f"codexmcp: {path} holds a new token; the old one counts no more. Clients need the new "
            f'one: export AGENTOS_TOKEN="$(cat {path})"\n'
        )
    elif arguments.add_token:
        secret = files.add(arguments.add_token, arguments.scopes)
        sys.stderr.write("codexmcp: this token is shown once, and only its hash is kept\n")
        sys.stdout.write(f"{secret}\n")
    elif arguments.remove_token:
        files.remove(arguments.remove_token)
        sys.stderr.write(f"codexmcp: the token {arguments.remove_token} counts no more\n")
    else:
        _list(files, as_json=arguments.json)
    return ExitCode.DONE


def _list(files: TokenFiles, *, as_json: bool) -> None:
    found = {token.name: sorted(token.scopes) for token in files.current()}
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    for name, scopes in () if as_json else found.items():
        sys.stdout.write(f"{name}: {', '.join(scopes)}\n")
