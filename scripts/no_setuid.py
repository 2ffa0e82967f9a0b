"""Writes a seccomp filter under which no program can make a file that changes its user.

Prints the filter, as `setpriv --seccomp-filter` takes it; the build of the image keeps it. A folder
of the host that is mounted outlives the container, and a setuid file in it would have its owner's
rights there.
Source: seccomp(2); the numbers are those of the kernel's syscall tables for x86-64 and arm64.
"""

from __future__ import annotations

import platform
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

SETUID_OR_SETGID = 0o6000

_O_CREAT = 0o100
_O_TMPFILE = 0o20000000
_EPERM, _ENOSYS, _ENOTSUP = 1, 38, 95

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16


@dataclass(frozen=True, slots=True)
class Calls:
    """The system calls of a machine that concern the mode of a file.

    Attributes:
        audit: The machine's number, which tells its calls from those of another mode.
        with_mode: Calls that set a mode, and which of their arguments it is.
        that_open: The same for calls that do so only with some flags, and which argument these are.
        with_attributes: Calls that set an attribute, such as a file's capabilities.
    """

    audit: int
    with_mode: dict[int, int]
    that_open: dict[int, tuple[int, int]]
    with_attributes: tuple[int, ...]


MACHINES = {
    "x86_64": Calls(
        audit=0xC000003E,
        # chmod, fchmod, fchmodat, fchmodat2, creat, mknod, mknodat
        with_mode={90: 1, 91: 1, 268: 2, 452: 2, 85: 1, 133: 1, 259: 2},
        # open, openat
        that_open={2: (2, 1), 257: (3, 2)},
        # setxattr, lsetxattr, fsetxattr, setxattrat
        with_attributes=(188, 189, 190, 463),
    ),
    "aarch64": Calls(
        audit=0xC00000B7,
        # fchmod, fchmodat, fchmodat2, mknodat
        with_mode={52: 1, 53: 2, 452: 2, 33: 2},
        # openat
        that_open={56: (3, 2)},
        # setxattr, lsetxattr, fsetxattr, setxattrat
        with_attributes=(5, 6, 7, 463),
    ),
}

_OPENAT2 = 437
"""Its mode is not among its arguments; programs go on with `openat` where it is missing."""

_FIRST_UNKNOWN = 472
"""Calls that a later kernel adds are missing as well, because one of them may set a mode."""


def program(calls: Calls) -> bytes:
    """Return the filter for a machine."""
    return b"".join(struct.pack("<HBBI", *step) for step in _steps(calls))


def _steps(calls: Calls) -> Iterator[tuple[int, int, int, int]]:
    yield _LOAD, 0, 0, _MACHINE_AT
    yield _IF_EQUAL, 1, 0, calls.audit
    yield _RETURN, 0, 0, _ERRNO | _ENOSYS
    yield _LOAD, 0, 0, _NUMBER_AT
    # Those of the x32 mode have high numbers, too.
    yield _IF_AT_LEAST, 1, 0, _FIRST_UNKNOWN
    yield _IF_EQUAL, 0, 1, _OPENAT2
    yield _RETURN, 0, 0, _ERRNO | _ENOSYS
    for number in calls.with_attributes:
        yield _IF_EQUAL, 0, 1, number
        yield _RETURN, 0, 0, _ERRNO | _ENOTSUP
    for number, mode in calls.with_mode.items():
        yield _IF_EQUAL, 0, 4, number
        yield from _refuse_mode(mode)
    for number, (mode, flags) in calls.that_open.items():
        yield _IF_EQUAL, 0, 7, number
        yield _LOAD, 0, 0, _ARGUMENTS_AT + 8 * flags
        yield _IF_ANY_BIT, 1, 0, _O_CREAT | _O_TMPFILE
        yield _RETURN, 0, 0, _ALLOW
        yield from _refuse_mode(mode)
    yield _RETURN, 0, 0, _ALLOW


def _refuse_mode(argument: int) -> Iterator[tuple[int, int, int, int]]:
    yield _LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument
    yield _IF_ANY_BIT, 0, 1, SETUID_OR_SETGID
    yield _RETURN, 0, 0, _ERRNO | _EPERM
    yield _RETURN, 0, 0, _ALLOW


if __name__ == "__main__":
    sys.stdout.buffer.write(program(MACHINES[platform.machine()]))
