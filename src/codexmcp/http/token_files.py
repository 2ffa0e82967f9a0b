"""The token files: `token`, and `tokens.toml` with hashes of further tokens.

Guarantees: only their user can read them, concurrent starts create a single token, and a running
server applies a change with its next request. A kill leaves the old or the new file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tomllib
from collections.abc import Collection, Generator, Iterable
from pathlib import Path
from typing import Any

from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.home.atomic_write import put
from codexmcp.http.tokens import (
    ALL_SCOPES,
    OWNER,
    Token,
    digest_of,
    is_name,
    new_secret,
    parse_scopes,
)
from codexmcp.jsonvalues import is_list, object_of
from codexmcp.own_files import open_lock
from codexmcp.settings import AGENTOS_TOKEN_VARIABLE, SHORTEST_TOKEN, TOKEN_FILE, TOKENS_FILE
from codexmcp.workspace.tool import Scope

_LOCK_FILE = ".lock"
_MAX_BYTES = 1024 * 1024
_DIGEST_CHARACTERS = 64

_Stamp = tuple[int, int, int] | None


class TokenFiles:
    """The current tokens.

    Args:
        folder: The folder of the files.
        given: The token from the environment, in place of the file `token`.

    Attributes:
        folder: The folder of the files.
        token_path: The file with the owner's token.
        tokens_path: The file with the hashes of further tokens.
    """

    def __init__(self, folder: Path, given: str | None = None) -> None:
        self.folder = folder
        self.token_path = folder / TOKEN_FILE
        self.tokens_path = folder / TOKENS_FILE
        self._given = () if given is None else (given,)
        self._owner = tuple(Token(OWNER, digest_of(secret), ALL_SCOPES) for secret in self._given)
        self._read: dict[Path, tuple[_Stamp, tuple[Token, ...]]] = {}

    def current(self) -> tuple[Token, ...]:
        """Return the tokens; changed files are read again.

        Raises:
            ConfigurationError: A file is not usable; then no token is valid.
        """
        return (self._owner or self._cached(self.token_path)) + self._cached(self.tokens_path)

    def ensure(self) -> bool:
        """Create the owner's token if missing; return True if created.

        Raises:
            ConfigurationError: The existing file is not usable, or the file is not writable.
        """
        made = False
        if not self._given and not self.token_path.exists():
            with self._changing():
                # Another start may have created the token in the meantime.
                if not self.token_path.exists():
                    _put(self.token_path, f"{new_secret()}\n")
                    made = True
        self.current()
        return made

    def rotate(self) -> Path:
        """Replace the owner's token, invalidating the old token; return its file.

        Raises:
            UsageError: The environment provides the token.
            ConfigurationError: The file is not writable.
        """
        if self._given:
            raise UsageError(
                f"the token comes from {AGENTOS_TOKEN_VARIABLE}, so no file has a token to rotate; "
                "set that variable to another one, or unset it and use the file"
            )
        with self._changing():
            _put(self.token_path, f"{new_secret()}\n")
        return self.token_path

    def add(self, name: str, scopes: Collection[str]) -> str:
        """Add a token, and return it; only its hash is stored.

        Raises:
            UsageError: The name or a scope is invalid.
            ConfigurationError: The file is not readable or writable.
        """
        if not is_name(name):
            raise UsageError(
                f"invalid token name {name!r}: use letters, digits, `.`, `_` and `-`, at most "
                f"64, and not `{OWNER}`"
            )
        try:
            good_for = parse_scopes(scopes)
        except ValueError:
            raise UsageError(
                f"invalid --scopes {','.join(scopes)}: name some of {', '.join(Scope)}, separated "
                "by commas"
            ) from None
        secret = new_secret()
        with self._changing():
            kept = self._cached(self.tokens_path)
            if name in {token.name for token in kept}:
                raise UsageError(f"there is a token {name} already; remove it first")
            self._write([*kept, Token(name, digest_of(secret), good_for)])
        return secret

    def remove(self, name: str) -> None:
        """Remove and invalidate a token.

        Raises:
            UsageError: No token of that name.
            ConfigurationError: The file is not readable or writable.
        """
        with self._changing():
            there = self._cached(self.tokens_path)
            kept = [token for token in there if token.name != name]
            if len(kept) == len(there):
                raise UsageError(f"there is no token {name} in {self.tokens_path}")
            self._write(kept)

    def secrets(self) -> tuple[str, ...]:
        """Return the owner's token, to keep it out of all files."""
        if self._given:
            return self._given
        with contextlib.suppress(ConfigurationError, OSError):
            return (_secret(_text(self.token_path), self.token_path),)
        return ()

    def _cached(self, path: Path) -> tuple[Token, ...]:
        stamp = _stamp(path)
        known = self._read.get(path)
        if known is None or known[0] != stamp:
            tokens = () if stamp is None else _parse(path)
            known = self._read[path] = (stamp, tokens)
        return known[1]

    def _write(self, tokens: Iterable[Token]) -> None:
        _put(self.tokens_path, "".join(map(_entry, tokens)))

    @contextlib.contextmanager
    def _changing(self) -> Generator[None, None, None]:
        """Hold the lock of the files while the block runs."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_private(self.folder, self.folder.lstat(), is_folder=True)
            fd = open_lock(self.folder / _LOCK_FILE)
        except OSError as error:
            raise ConfigurationError(
                f"the folder of tokens {self.folder} cannot be used ({error.strerror}): make it a "
                "folder that this user may write to"
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _put(path: Path, text: str) -> None:
    try:
        put(str(path), text.encode(), mode=0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror}); nothing was changed"
        ) from error


def _stamp(path: Path) -> _Stamp:
    """Return a value that changes with a file; None if missing."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _parse(path: Path) -> tuple[Token, ...]:
    text = _text(path)
    if path.name == TOKEN_FILE:
        return (Token(OWNER, digest_of(_secret(text, path)), ALL_SCOPES),)
    try:
        entries = object_of(tomllib.loads(text).get("tokens"))
        return tuple(_token(name, object_of(entry)) for name, entry in entries.items())
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is invalid ({error}); fix or remove it, and make its tokens again "
            "with `codexmcp serve --add-token`"
        ) from None


def _token(name: str, entry: dict[str, Any]) -> Token:
    digest, scopes = entry.get("sha256"), entry.get("scopes")
    if not isinstance(digest, str) or len(digest) != _DIGEST_CHARACTERS or not digest.isascii():
        raise ValueError(f"tokens.{name} has no sha256 of {_DIGEST_CHARACTERS} digits")
    if not is_list(scopes):
        raise TypeError(f"tokens.{name} has no list of scopes")
    return Token(name, digest.lower(), parse_scopes([str(scope) for scope in scopes]))


def _entry(token: Token) -> str:
    scopes = ", ".join(f'"{scope}"' for scope in sorted(token.scopes))
    return f'[tokens."{token.name}"]\nsha256 = "{token.digest}"\nscopes = [{scopes}]\n\n'


def _secret(text: str, path: Path) -> str:
    secret = text.strip()
    if len(secret) < SHORTEST_TOKEN or not secret.isascii() or " " in secret:
        raise ConfigurationError(
            f"{path} has no token: one line of at least {SHORTEST_TOKEN} characters without "
            "spaces; `codexmcp serve --rotate-token` writes a new one"
        )
    return secret


def _text(path: Path) -> str:
    """Return the text of a private file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _check_private(path, os.fstat(fd))
            with os.fdopen(fd, "rb", closefd=False) as file:
                return file.read(_MAX_BYTES).decode()
        finally:
            os.close(fd)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
    return ConfigurationError(
        f"the tokens in {path} cannot be read: {reason}; make it a plain file of this user"
    )


def _check_private(path: Path, status: os.stat_result, *, is_folder: bool = False) -> None:
    """Refuse a file readable by others, or owned by another user.

    Raises:
        ConfigurationError: The file is refused.
    """
    if not (stat.S_ISDIR if is_folder else stat.S_ISREG)(status.st_mode):
        raise ConfigurationError(
            f"{path} is not a {'folder' if is_folder else 'plain file'}; move it"
        )
    if status.st_uid != os.geteuid():
        raise ConfigurationError(
            f"{path} belongs to another user (id {status.st_uid}), who could know its tokens; "
            "remove it, or run as that user"
        )
    mask = 0o022 if is_folder else 0o077
    if status.st_mode & mask:
        mode = "700" if is_folder else "600"
        raise ConfigurationError(
            f"{path} is open to others (mode {stat.S_IMODE(status.st_mode):o}); run `chmod {mode} "
            f"{path}`, and `codexmcp serve --rotate-token` if somebody may have read it"
        )
