"""Allowed and refused settings of a repository's own configuration.

Pure. Only settings without side effects pass. Settings for programs or redirections are refused if
they would change the result, and otherwise dropped.

Source: git-config(1) of git 2.39 to 2.51; the settings read by each command were determined by
trial.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from codexmcp.data_classes import dataclass


class Operation(StrEnum):
    """A git operation."""

    COMMIT = "commit"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a configuration file.

    Attributes:
        section: The section, in lower case.
        subsection: The subsection, or None.
        name: The setting's own name, in lower case.
        value: The value; None for a name without `=`, meaning true.
    """

    section: str
    subsection: str | None
    name: str
    value: str | None

    @property
    def key(self) -> str:
        """The full name in the syntax of `git config`."""
        middle = [] if self.subsection is None else [self.subsection]
        return ".".join([self.section, *middle, self.name])

    @property
    def pattern(self) -> str:
        """The name with `*` for the subsection."""
        middle = "." if self.subsection is None else ".*."
        return f"{self.section}{middle}{self.name}"


@dataclass(frozen=True, slots=True)
class SortedSettings:
    """A repository's settings by category.

    Attributes:
        kept: The settings in effect.
        refused: Names of settings that refuse the operation.
        filters: The defined filters; files with a filter are not committed.
        worktree: The configured work tree, or None.
        has_hooks_path: The hooks are in another folder.
    """

    kept: tuple[Setting, ...]
    refused: tuple[str, ...]
    filters: frozenset[str]
    worktree: str | None
    has_hooks_path: bool


_BOTH = frozenset(Operation)
_PUSH = frozenset({Operation.PUSH})
_COMMIT = frozenset({Operation.COMMIT})

_REFUSED = {
    # Another file could contain anything.
    "include.path": _BOTH,
    "includeif.*.path": _BOTH,
    # Programs.
    "gpg.program": _COMMIT,
    "gpg.*.program": _COMMIT,
    "gpg.*.defaultkeycommand": _COMMIT,
    "core.sshcommand": _PUSH,
    "core.gitproxy": _PUSH,
    "credential.helper": _PUSH,
    "credential.*.helper": _PUSH,
    "remote.*.vcs": _PUSH,
    # A command for the remote machine, with the login of the server's owner.
    "remote.*.receivepack": _PUSH,
    # Deletes other refs on the remote machine.
    "remote.*.mirror": _PUSH,
    # The server there would receive the owner's password.
    "remote.*.proxy": _PUSH,
    "remote.*.proxyauthmethod": _PUSH,
}

_KEPT = re.compile(
    r"""
    core\.(repositoryformatversion|filemode|symlinks|ignorecase|precomposeunicode|protecthfs
          |protectntfs|autocrlf|eol|safecrlf|checkroundtripencoding|quotepath|compression
          |loosecompression|bigfilethreshold|excludesfile|logallrefupdates
          |sharedrepository|abbrev|commentchar|commentstring|trustctime|checkstat|longpaths
          |hidedotfiles|sparsecheckout|sparsecheckoutcone|fsync|fsyncmethod)
    | extensions\.(?!worktreeconfig$)[^.]+ | index\.sparse | i18n\.commitencoding | pack\.[^.]+
    | user\.(name|email|useconfigonly|signingkey) | (author|committer)\.(name|email)
    | commit\.(gpgsign|cleanup) | gpg\.(format|mintrustlevel)
    | remote\.pushdefault
    | remote\.\*\.(url|pushurl|fetch|push|tagopt|promisor|partialclonefilter)
    | branch\.\*\.(remote|merge|pushremote|rebase) | url\.\*\.(insteadof|pushinsteadof)
    | push\.(default|followtags|autosetupremote|pushoption|useforceifincludes|negotiate)
    | http\.(\*\.)?(postbuffer|version|lowspeedlimit|lowspeedtime|maxrequestbuffer|extraheader)
    | credential\.(\*\.)?(username|usehttppath)
    """,
    re.VERBOSE,
)


def parse(listed: bytes) -> list[Setting]:
    """Return the settings of `git config --list -z`."""
    settings: list[Setting] = []
    for entry in listed.split(b"\0")[:-1]:
        key, newline, value = entry.decode("utf-8", "surrogateescape").partition("\n")
        section, _, rest = key.partition(".")
        subsection, dot, name = rest.rpartition(".")
        settings.append(
            Setting(section, subsection if dot else None, name, value if newline else None)
        )
    return settings


def sort(settings: Sequence[Setting], operation: Operation) -> SortedSettings:
    """Return a repository's settings by category for an operation."""
    worktrees = [item.value for item in settings if item.pattern == "core.worktree"]
    return SortedSettings(
        kept=tuple(item for item in settings if _is_kept(item.pattern)),
        refused=tuple(item.key for item in settings if _is_refused(item.pattern, operation)),
        filters=frozenset(
            item.subsection
            for item in settings
            if item.section == "filter" and item.subsection is not None
        ),
        worktree=worktrees[-1] if worktrees else None,
        has_hooks_path=any(item.pattern == "core.hookspath" for item in settings),
    )


def uses_worktree_config(settings: Iterable[Setting]) -> bool:
    """Return True if a second file, `config.worktree`, is in effect."""
    values = [item.value for item in settings if item.pattern == "extensions.worktreeconfig"]
    return bool(values) and (values[-1] is None or values[-1].lower() in {"true", "yes", "on", "1"})


def render(settings: Iterable[Setting]) -> bytes:
    """Return a configuration file with these settings, in order."""
    lines: list[str] = []
    for setting in settings:
        subsection = setting.subsection
        inner = "" if subsection is None else f' "{_escaped(subsection, _SUBSECTION)}"'
        lines.append(f"[{setting.section}{inner}]")
        value = "" if setting.value is None else f' = "{_escaped(setting.value, _VALUE)}"'
        lines.append(f"\t{setting.name}{value}")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


_SUBSECTION = {"\\": "\\\\", '"': '\\"'}
_VALUE = {**_SUBSECTION, "\n": "\\n", "\t": "\\t", "\b": "\\b"}


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(letter, letter) for letter in text)


def _is_kept(pattern: str) -> bool:
    return _KEPT.fullmatch(pattern) is not None


def _is_refused(pattern: str, operation: Operation) -> bool:
    # Other http settings choose the receiver of the owner's passwords, or name files.
    if pattern.startswith("http.") and not _is_kept(pattern):
        return operation is Operation.PUSH
    return operation in _REFUSED.get(pattern, ())
