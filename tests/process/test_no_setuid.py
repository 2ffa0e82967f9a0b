"""The filter of the image under which no setuid file can be made, on the kernel of this machine."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.builds import CHECKOUT

SCRIPT = CHECKOUT / "scripts" / "no_setuid.py"
NUMBERS = {
    "x86_64": {
        "chmod": 90,
        "fchmod": 91,
        "fchmodat": 268,
        "fchmodat2": 452,
        "creat": 85,
        "mknod": 133,
        "mknodat": 259,
        "open": 2,
        "openat": 257,
        "openat2": 437,
        "setxattr": 188,
    },
    "aarch64": {
        "fchmod": 52,
        "fchmodat": 53,
        "fchmodat2": 452,
        "mknodat": 33,
        "openat": 56,
        "openat2": 437,
        "setxattr": 5,
    },
}

CHILD = r"""
import ctypes, errno, json, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
text = sys.stdin.buffer.read()
held = ctypes.create_string_buffer(text, len(text))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_void_p)]
loaded = Program(len(text) // 8, ctypes.addressof(held))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(loaded), 0, 0) == 0

numbers = json.loads(sys.argv[1])
def call(name, *args):
    ctypes.set_errno(0)
    words = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in args]
    done = libc.syscall(ctypes.c_long(numbers[name]), *words)
    return "done" if done >= 0 else errno.errorcode[ctypes.get_errno()]

HERE, CREATE, REGULAR = -100, os.O_CREAT | os.O_WRONLY, 0o100000
there = os.open("file", CREATE, 0o644)
temporary = getattr(os, "O_TMPFILE", 0) | os.O_WRONLY
calls = {
    "chmod": lambda mode: ("chmod", b"file", mode),
    "fchmod": lambda mode: ("fchmod", there, mode),
    "fchmodat": lambda mode: ("fchmodat", HERE, b"file", mode),
    "fchmodat2": lambda mode: ("fchmodat2", HERE, b"file", mode, 0),
    "creat": lambda mode: ("creat", b"c%o" % mode, mode),
    "mknod": lambda mode: ("mknod", b"m%o" % mode, REGULAR | mode, 0),
    "mknodat": lambda mode: ("mknodat", HERE, b"n%o" % mode, REGULAR | mode, 0),
    "open": lambda mode: ("open", b"o%o" % mode, CREATE, mode),
    "openat": lambda mode: ("openat", HERE, b"a%o" % mode, CREATE, mode),
    "temporary": lambda mode: ("openat", HERE, b".", temporary, mode),
}
said = {
    name: [call(*made(mode)) for mode in (0o755, 0o4755, 0o2755)]
    for name, made in calls.items()
    if made(0)[0] in numbers
}
said["reading"] = [call("openat", HERE, b"file", os.O_RDONLY, 0o7777)]
said["openat2"] = [call("openat2", HERE, b"file", 0, 0)]
said["setxattr"] = [call("setxattr", b"file", b"user.a", b"b", 1, 0)]
numbers["later"] = 500
said["later"] = [call("later")]
said["modes"] = sorted({oct(os.stat(name).st_mode & 0o7000) for name in os.listdir()})
print(json.dumps(said))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is of Linux")
def test_no_call_makes_a_file_that_changes_its_user(tmp_path: Path) -> None:
    made = subprocess.run([sys.executable, SCRIPT], capture_output=True, check=True, timeout=30)
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(NUMBERS[platform.machine()])],
        input=made.stdout,
        capture_output=True,
        check=False,
        timeout=30,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    said: dict[str, list[str]] = json.loads(ran.stdout)
    assert said.pop("modes") == ["0o0"]
    assert said.pop("reading") == ["done"]
    assert (said.pop("openat2"), said.pop("later")) == (["ENOSYS"], ["ENOSYS"])
    assert said.pop("setxattr") in (["ENOTSUP"], ["EOPNOTSUPP"])
    # A kernel without the newest of them has no way around the others.
    said = {name: answers for name, answers in said.items() if answers[0] != "ENOSYS"}
    assert said == {key: ["done", "EPERM", "EPERM"] for key in said}
    assert {"fchmod", "fchmodat", "openat", "mknodat", "temporary"} <= said.keys()
