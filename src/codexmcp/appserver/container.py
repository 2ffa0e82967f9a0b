"""How to run `codex app-server` in a container that sees one folder of the host and the model.

Pure. The container has no network: the model is reached through a socket that is mounted into it,
and `codexmcp.appserver.inside` makes that a port there. It also makes a socket for us of the one
that app-server listens on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

NAME_PREFIX = "codexmcp-box-"
"""Begins the names of our containers; their owner follows."""

OWNER_LABEL = "codexmcp.owner"

SOCKET_NAME = "model.sock"
"""The socket that leads to the model, in the folder that is mounted."""

SERVED_FOLDER = "served"
"""The folder in it that can be written to from within, for the socket that leads to Codex."""

_HIDDEN_FOLDER = "hidden"

CODEX_SOCKET_NAME = "codex.sock"

MEMORY = "2g"
MAX_PROCESSES = 512

_SOCKET_FOLDER = "/run/codexmcp"
_CODEX_SOCKET = "/tmp/codexmcp/codex.sock"  # noqa: S108 - the container's own
_MODEL_PORT = 8377

CODEX_LISTENS = f"unix://{_CODEX_SOCKET}"
"""Where Codex is to listen within, when it is to be reached from here."""

_TMPFS = ("/app/.codex", "/home/codex", "/tmp")  # noqa: S108 - the container's own
_SYSTEM = ("bin", "dev", "etc", "lib", "lib64", "proc", "run/codexmcp", "sbin", "sys", "usr")
_NEEDED = (*_TMPFS, "/app/.venv", *(f"/{name}" for name in _SYSTEM))

COMMAND_ENVIRONMENT = {
    "HOME": "/home/codex",
    "PATH": "/app/.venv/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin",
}
"""What commands see there of the variables that name places; those of this machine do not exist."""


@dataclass(frozen=True, slots=True)
class ContainerOptions:
    """What to run app-server in.

    Attributes:
        engine: Absolute path of the engine's client, Docker's or podman's.
        image: An image of codexmcp.
        workspace: The folder of the host that it sees, without symbolic links, at the same path.
        user: Who works in it, such as `1000:1000`.
        seccomp: The file of the seccomp profile under which Codex's own sandbox works.
        home: A folder of the host that is its Codex home, at the same path, so that threads outlive
            it; None means one on a tmpfs.
        masked: Folders in the workspace that it must not see, such as the Codex home of this user.
        endpoint: The model's endpoint, `http` only; None means that of the key proxy.
        probes_sandbox: Whether to find out first that Codex's own sandbox works there.
        frees_mounts: Whether the engine has AppArmor, which would deny that sandbox its mounts.
        keeps_user: Whether the engine must be told that user ids are the host's: rootless podman.
    """

    engine: Path
    image: str
    workspace: Path
    user: str
    seccomp: Path
    home: Path | None = None
    masked: tuple[Path, ...] = ()
    endpoint: str | None = None
    probes_sandbox: bool = True
    frees_mounts: bool = False
    keeps_user: bool = False


def container_argv(
    options: ContainerOptions, owner: str, number: int, box: Path, *, serves: bool = False
) -> list[str]:
    """Return the command line before that of Codex.

    Args:
        options: What to run it in.
        owner: The process that it belongs to.
        number: Tells the containers of one owner apart.
        box: The folder with the socket that leads to the model, and the `hidden_folders`.
        serves: Whether Codex listens at `CODEX_LISTENS`, and is reached from here by a socket in
            the folder `SERVED_FOLDER` of the box.
    """
    workspace = str(options.workspace)
    way_in = f"{_SOCKET_FOLDER}/{SERVED_FOLDER}/{CODEX_SOCKET_NAME}"
    return [
        *(str(options.engine), "run", "--interactive", "--rm", "--pull=never"),
        f"--name={container_name(owner, number)}",
        f"--label={OWNER_LABEL}={owner}",
        *_hardening(options),
        *_folders(options, box),
        f"--mount={_mount(str(box), _SOCKET_FOLDER)},readonly",
        *(_served_folder(box) if serves else []),
        f"--workdir={workspace}",
        options.image,
        *("python", "-P", "-m", "codexmcp.appserver.inside"),
        *(["--probe-sandbox"] if options.probes_sandbox else []),
        f"--socket={_SOCKET_FOLDER}/{SOCKET_NAME}",
        f"--port={_MODEL_PORT}",
        *([f"--serve={way_in}", f"--codex-socket={_CODEX_SOCKET}"] if serves else []),
        "--",
    ]


def container_name(owner: str, number: int) -> str:
    """Return the name of a container."""
    return f"{NAME_PREFIX}{owner}-{number}"


def owner_of(name: str) -> str | None:
    """Return whose container a name belongs to; None when it is none of ours."""
    owner, _, number = name.removeprefix(NAME_PREFIX).rpartition("-")
    return owner if name.startswith(NAME_PREFIX) and number.isdecimal() and owner else None


def endpoint_inside(endpoint: str) -> str:
    """Return the URL by which an endpoint is reached from within."""
    return urlunsplit(urlsplit(endpoint)._replace(netloc=f"127.0.0.1:{_MODEL_PORT}"))


def hidden_by(workspace: Path) -> str | None:
    """Return the folder of the image that a workspace would hide; None if it hides none."""
    return next((each for each in _NEEDED if PurePosixPath(each).is_relative_to(workspace)), None)


def _hardening(options: ContainerOptions) -> list[str]:
    return [
        "--network=none",
        "--cap-drop=ALL",
        # Source: user_namespaces(7): without it root may not map itself into the sandbox (5.12).
        *(["--cap-add=SETFCAP"] if options.user.startswith("0:") else []),
        "--security-opt=no-new-privileges",
        f"--security-opt=seccomp={options.seccomp}",
        *(["--security-opt=apparmor=unconfined"] if options.frees_mounts else []),
        "--read-only",
        *(f"--tmpfs={folder}" for folder in _TMPFS),
        f"--memory={MEMORY}",
        f"--memory-swap={MEMORY}",
        f"--pids-limit={MAX_PROCESSES}",
        f"--user={options.user}",
        *(["--userns=keep-id"] if options.keeps_user else []),
    ]


def hidden_folders(options: ContainerOptions, box: Path) -> list[Path]:
    """Return the folders that are to be in the box: one in place of each that is masked.

    They hold what is mounted below it again, because an engine would make that as root.
    """
    home = options.home
    return [
        stand_in / home.relative_to(masked)
        if home is not None and home.is_relative_to(masked)
        else stand_in
        for masked, stand_in in _stand_ins(options, box).items()
    ]


def _stand_ins(options: ContainerOptions, box: Path) -> dict[Path, Path]:
    return {
        masked: box / _HIDDEN_FOLDER / str(number) for number, masked in enumerate(options.masked)
    }


def _folders(options: ContainerOptions, box: Path) -> list[str]:
    """Return the options for what it sees of the host's folders."""
    home = options.home
    return [
        _writable(options.workspace, str(options.workspace)),
        # Not a tmpfs. Source: podman fills that with what it was to hide (`tmpcopyup`, 4.3.1), and
        # the option against it is unknown to Docker.
        *(_writable(own, str(masked)) for masked, own in _stand_ins(options, box).items()),
        *([] if home is None else [_writable(home, str(home)), f"--env=CODEX_HOME={home}"]),
    ]


def _served_folder(box: Path) -> list[str]:
    folder = _writable(box / SERVED_FOLDER, f"{_SOCKET_FOLDER}/{SERVED_FOLDER}")
    # Codex colours what it writes to stderr otherwise, also where nobody can see colours.
    return [folder, "--env=NO_COLOR=1"]


def _writable(source: Path, target: str) -> str:
    return f"--mount={_mount(str(source), target)}"


def _mount(source: str, target: str) -> str:
    return f"type=bind,{_field(f'src={source}')},{_field(f'dst={target}')}"


def _field(text: str) -> str:
    # The option is a line of CSV.
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if {",", '"'} & set(text) else text
