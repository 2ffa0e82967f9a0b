"""Refuse commits of likely secrets, except files named by the server's owner.

A pushed commit counts as public, so names and contents are checked before staging. Messages never
contain the text of a secret.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from codexmcp.errors import WorkspaceError
from codexmcp.secret_like import SecretPattern, holds_secret
from codexmcp.workspace.git.answers import listed_paths
from codexmcp.workspace.git.place import absolute
from codexmcp.workspace.git.session import Session
from codexmcp.workspace.git.withheld import partition_withheld
from codexmcp.workspace.threads import GIT

_MAX_FILE_BYTES = 1024 * 1024
_MAX_BYTES = 64 * 1024 * 1024
"""Bounds on the bytes searched per file and in total; beyond these only names are checked."""

_NAMED = 10

_NAMES = (
    *(".env", ".env.*", "*.env", ".netrc", "_netrc", ".pgpass", ".htpasswd", ".git-credentials"),
    *(".pypirc", ".vault-token", ".boto", ".s3cfg", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"),
    *("id_ecdsa_sk", "id_ed25519_sk", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk"),
    *("*.tfstate", "credentials.json", "client_secret*.json", "service-account*.json"),
    *("service_account*.json", "secrets.yml", "secrets.yaml", "secrets.json", "secrets.toml"),
)
_HARMLESS = ("*.example", "*.sample", "*.template", "*.dist", "*.schema")
_IN_FOLDERS = {
    ".aws": ("credentials",),
    ".azure": ("*.json",),
    ".codex": ("auth.json",),
    ".docker": ("config.json",),
    ".gnupg": ("*",),
    ".kube": ("config",),
    ".ssh": ("id_*", "*.pem"),
    "gcloud": ("*.db", "*.json"),
}


async def expect_no_secrets(
    session: Session, shapes: Sequence[SecretPattern], allowed: Iterable[str]
) -> None:
    """Refuse a commit with likely secrets.

    Args:
        session: The repository.
        shapes: Patterns of secrets.
        allowed: Patterns of permitted files, relative to the work tree.

    Raises:
        WorkspaceError: Likely secrets were found; nothing was staged.
    """
    git = session.git
    listed = listed_paths(await git.out("ls-files", "--modified", "-z"))
    listed += listed_paths(await git.out("ls-files", "--others", "--exclude-standard", "-z"))
    if await git.value("rev-parse", "--quiet", "--verify", "HEAD") is None:
        listed += listed_paths(await git.out("ls-files", "--cached", "-z"))
    else:
        words = ("diff-index", "--cached", "--name-only", "--no-renames", "--diff-filter=d", "-z")
        listed += listed_paths(await git.out(*words, "HEAD", "--"))
    # Withheld files are excluded anyway, and not mentioned.
    paths, _ = partition_withheld(dict.fromkeys(listed), session.withheld)
    patterns = list(allowed)
    paths = [
        path for path in paths if not any(fnmatch.fnmatchcase(path, each) for each in patterns)
    ]
    top = Path(absolute(session.repository.top))
    found = await GIT.run(lambda: list(_secret(top, paths, shapes)))
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise WorkspaceError(
            f"nothing was committed, because files look like secrets: {', '.join(found[:_NAMED])}"
            f"{more}; add them to .gitignore, take the secrets out, or have the server started "
            "with --allow-secret-file and their names"
        )


def is_secret_name(path: str) -> bool:
    """Return True for typical names of files with secrets.

    Args:
        path: The path, with `/` as separator.
    """
    folded = PurePosixPath(path.casefold())
    if _matches(folded.name, _HARMLESS):
        return False
    inner = folded.parent.name
    return _matches(folded.name, _NAMES) or _matches(folded.name, _IN_FOLDERS.get(inner, ()))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _secret(top: Path, paths: Iterable[str], shapes: Sequence[SecretPattern]) -> Iterator[str]:
    left_bytes = _MAX_BYTES
    for path in paths:
        # A deletion does no harm.
        if is_secret_name(path) or holds_secret(path, shapes):
            if os.path.lexists(top / path):
                yield path
            continue
        text = _beginning(top / path, min(left_bytes, _MAX_FILE_BYTES))
        left_bytes -= len(text)
        if holds_secret(text, shapes):
            yield path


def _beginning(path: Path, size: int) -> str:
    """Return the first characters of a regular file; empty for other entries."""
    with contextlib.suppress(OSError):
        # Opening a named pipe would block.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                # In UTF-16, as PowerShell writes it, there is a zero beside each letter of a key.
                return os.read(fd, size).replace(b"\0", b"").decode("utf-8", "replace")
        finally:
            os.close(fd)
    return ""
