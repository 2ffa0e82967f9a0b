"""What a repository's own configuration may decide, and what it must not.

Pure. Only settings that are data pass. A setting that would start a program, or lead where the
server's owner did not mean to go, is refused where it would change the outcome, and left out else.

Source: git-config(1) of git 2.39 to 2.51; which command reads which setting was tried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What git is to do."""

    COMMIT = "commit"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a configuration file.

    Attributes:
        section: Its section, in lower case.
        subsection: Its subsection; None without one.
        name: Its own name, in lower case.
        value: Its value; None for one that stands there without `=`, which means true.
    """

    section: str
    subsection: str | None
    name: str
    value: str | None

    @property
    def key(self) -> str:
        """Its full name, as `git config` takes it."""
        middle = [] if self.subsection is None else [self.subsection]
        return ".".join([self.section, *middle, self.name])

    @property
    def pattern(self) -> str:
        """Its name with `*` for the subsection."""
        middle = "." if self.subsection is None else ".*."
        return f"{self.section}{middle}{self.name}"


@dataclass(frozen=True, slots=True)
class Sorted:
    """A repository's settings, sorted.

    Attributes:
        kept: Those that count.
        refused: Names of those for which nothing is done.
        filters: The filters that it defines; files that use one are not committed.
        worktree: Where it says that the work tree is; None for nothing.
        has_hooks_path: Whether it has its hooks elsewhere.
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
    # Another file could hold anything.
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
    # A command for the other machine, where the server's owner may be logged in.
    "remote.*.receivepack": _PUSH,
    # It deletes what the other machine has beside ours.
    "remote.*.mirror": _PUSH,
    # Who listens there gets the owner's password.
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
    """Return the settings that `git config --list -z` shows."""
    settings: list[Setting] = []
    for entry in listed.split(b"\0")[:-1]:
        key, newline, value = entry.decode("utf-8", "surrogateescape").partition("\n")
        section, _, rest = key.partition(".")
        subsection, dot, name = rest.rpartition(".")
        settings.append(
            Setting(section, subsection if dot else None, name, value if newline else None)
        )
    return settings


def sort(settings: Sequence[Setting], operation: Operation) -> Sorted:
    """Return what of a repository's settings counts for an operation."""
    worktrees = [item.value for item in settings if item.pattern == "core.worktree"]
    return Sorted(
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
    """Return whether a second file, `config.worktree`, counts."""
    values = [item.value for item in settings if item.pattern == "extensions.worktreeconfig"]
    return bool(values) and (values[-1] is None or values[-1].lower() in {"true", "yes", "on", "1"})


def render(settings: Iterable[Setting]) -> bytes:
    """Return a configuration file with these settings, in their order."""
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
    # All else about http decides whom the owner's passwords are shown to, or names files.
    if pattern.startswith("http.") and not _is_kept(pattern):
        return operation is Operation.PUSH
    return operation in _REFUSED.get(pattern, ())
