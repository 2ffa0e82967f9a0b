"""Command line to run `codex app-server` in a container with one host folder and the model.

Pure. The container has no network: the model is reached through a mounted socket, which
`codexmcp.codex.container.inside` forwards from a port. The same program forwards app-server's
socket to a socket for outside clients.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

from codexmcp.appserver.launch import log_variables
from codexmcp.data_classes import dataclass

NAME_PREFIX = "codexmcp-box-"
"""Prefix of own containers' names, followed by the owner."""

OWNER_LABEL = "codexmcp.owner"

SOCKET_NAME = "model.sock"
"""The socket to the model, in the mounted folder."""

SERVED_FOLDER = "served"
"""The subfolder writable from inside, for the socket to Codex."""

_HIDDEN_FOLDER = "hidden"

CODEX_SOCKET_NAME = "codex.sock"

MEMORY = "2g"
MAX_PROCESSES = 512

_SOCKET_FOLDER = "/run/codexmcp"
_CODEX_SOCKET = "/tmp/codexmcp/codex.sock"  # noqa: S108 - the container's own
_MODEL_PORT = 8377

CODEX_LISTENS = f"unix://{_CODEX_SOCKET}"
"""Codex's listen address inside, for access from outside."""

_TMPFS = {"/app/.codex": "", "/home/codex": ":exec", "/tmp": ":exec"}  # noqa: S108 - not ours
"""Folders for temporary data, with mount options: builds run programs there, which engines
forbid by default."""

_SYSTEM = ("bin", "dev", "etc", "lib", "lib64", "proc", "run/codexmcp", "sbin", "sys", "usr")
_NEEDED = (*_TMPFS, "/app/.venv", *(f"/{name}" for name in _SYSTEM))

COMMAND_ENVIRONMENT = {
    "HOME": "/home/codex",
    "PATH": "/app/.venv/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin",
}
"""Values for the commands' path variables; this machine's paths do not exist inside."""


@dataclass(frozen=True, slots=True)
class ContainerOptions:
    """Options of a container for app-server.

    Attributes:
        engine: Absolute path of the engine's client, Docker's or podman's.
        image: An image of codexmcp.
        workspace: The visible host folder, without symbolic links, at the same path.
        user: User and group, for example `1000:1000`.
        seccomp: The seccomp profile required by Codex's own sandbox.
        home: Host folder of the Codex home, at the same path, so threads outlive the container.
            None: a tmpfs.
        masked: Hidden folders in the workspace, for example this user's Codex home.
        endpoint: The model's endpoint, `http` only. None: the key proxy's.
        probes_sandbox: Test Codex's own sandbox at the start.
        frees_mounts: The engine has AppArmor, which would deny mounts to the sandbox.
        keeps_user: Map user ids to the host's: rootless podman.
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
    """Return the command line before Codex's.

    Args:
        options: The container.
        owner: The owner process.
        number: Distinguishes the containers of an owner.
        box: The folder with the socket to the model, and the `hidden_folders`.
        serves: Codex listens at `CODEX_LISTENS`, with access from outside by a socket in the folder
            `SERVED_FOLDER` of the box.
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
        *(f"--env={name}={value}" for name, value in log_variables({}).items()),
        f"--workdir={workspace}",
        options.image,
        *("python", "-P", "-m", "codexmcp.codex.container.inside"),
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
    """Return the owner in a container's name; None for a foreign name."""
    owner, _, number = name.removeprefix(NAME_PREFIX).rpartition("-")
    return owner if name.startswith(NAME_PREFIX) and number.isdecimal() and owner else None


def endpoint_inside(endpoint: str) -> str:
    """Return the URL of an endpoint for use inside."""
    return urlunsplit(urlsplit(endpoint)._replace(netloc=f"127.0.0.1:{_MODEL_PORT}"))


def hidden_by(workspace: Path) -> str | None:
    """Return the image's folder that a workspace would hide; None if no conflict."""
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
        *(f"--tmpfs={folder}{options}" for folder, options in _TMPFS.items()),
        f"--memory={MEMORY}",
        f"--memory-swap={MEMORY}",
        f"--pids-limit={MAX_PROCESSES}",
        f"--user={options.user}",
        *(["--userns=keep-id"] if options.keeps_user else []),
    ]


def hidden_folders(options: ContainerOptions, box: Path) -> list[Path]:
    """Return the folders to create in the box: a stand-in for each masked folder.

    The stand-ins contain mount points for folders mounted below, because an engine would create
    these as root.
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
    """Return the options for the visible host folders."""
    home = options.home
    return [
        _writable(options.workspace, str(options.workspace)),
        # Not a tmpfs. Source: podman copies the hidden content into a tmpfs (`tmpcopyup`, 4.3.1),
        # and the option to prevent that is unknown to Docker.
        *(_writable(own, str(masked)) for masked, own in _stand_ins(options, box).items()),
        *([] if home is None else [_writable(home, str(home)), f"--env=CODEX_HOME={home}"]),
    ]


def _served_folder(box: Path) -> list[str]:
    folder = _writable(box / SERVED_FOLDER, f"{_SOCKET_FOLDER}/{SERVED_FOLDER}")
    # Otherwise Codex colours its stderr, even without a terminal.
    return [folder, "--env=NO_COLOR=1"]


def _writable(source: Path, target: str) -> str:
    return f"--mount={_mount(str(source), target)}"


def _mount(source: str, target: str) -> str:
    return f"type=bind,{_field(f'src={source}')},{_field(f'dst={target}')}"


def _field(text: str) -> str:
    # The option is a line of CSV.
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if {",", '"'} & set(text) else text
