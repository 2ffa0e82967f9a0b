from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.codex.container import options as container
from codexmcp.codex.container.options import (
    CODEX_LISTENS,
    ContainerOptions,
    container_argv,
    container_name,
    endpoint_inside,
    hidden_by,
    hidden_folders,
    owner_of,
)
from tests.support.builds import CHECKOUT

OPTIONS = ContainerOptions(
    engine=Path("/usr/bin/docker"),
    image="codexmcp:latest",
    workspace=Path("/home/me/project"),
    user="1000:1000",
    seccomp=Path("/x/seccomp.json"),
)
OWNER = "abc-1-2-3"
BOX = Path("/tmp/box")


def argv(options: ContainerOptions = OPTIONS) -> list[str]:
    return container_argv(options, OWNER, 1, BOX)


def mounts(options: ContainerOptions) -> list[list[str]]:
    """Return the fields of the mounts, as the engine reads them."""
    values = [word.removeprefix("--mount=") for word in argv(options) if word.startswith("--mount")]
    return list(csv.reader(values))


def test_the_container_has_no_network_no_capability_and_no_writable_root() -> None:
    hardening = {"--network=none", "--cap-drop=ALL", "--read-only", "--user=1000:1000"}
    assert hardening <= set(argv())
    assert {"--security-opt=no-new-privileges", "--security-opt=seccomp=/x/seccomp.json"} <= set(
        argv()
    )
    assert {"--memory=2g", "--memory-swap=2g", "--pids-limit=512"} <= set(argv())
    assert not any(word.startswith("--cap-add") for word in argv())
    assert {"--tmpfs=/tmp:exec", "--tmpfs=/home/codex:exec", "--tmpfs=/app/.codex"} <= set(argv())


def test_it_sees_the_workspace_and_the_way_to_the_model_and_nothing_else() -> None:
    assert mounts(OPTIONS) == [
        ["type=bind", "src=/home/me/project", "dst=/home/me/project"],
        ["type=bind", f"src={BOX}", "dst=/run/codexmcp", "readonly"],
    ]
    assert not any(word.startswith(("-v", "--volume", "-e")) for word in argv())
    told = [word.split("=")[1] for word in argv() if word.startswith("--env")]
    assert told == ["RUST_LOG", "LOG_FORMAT"]


@given(st.text(st.characters(exclude_characters="\0\r\n/", codec="utf-8"), min_size=1))
def test_any_name_of_a_workspace_survives_the_command_line(name: str) -> None:
    workspace = f"/w/{name}x"
    options = replace(OPTIONS, workspace=Path(workspace))
    assert mounts(options)[0] == ["type=bind", f"src={workspace}", f"dst={workspace}"]


def test_root_keeps_what_its_sandbox_needs() -> None:
    assert "--cap-add=SETFCAP" in argv(replace(OPTIONS, user="0:0"))


def test_what_only_some_engines_need_is_left_out_elsewhere() -> None:
    special = {"--security-opt=apparmor=unconfined", "--userns=keep-id"}
    assert not special & set(argv())
    assert special <= set(argv(replace(OPTIONS, frees_mounts=True, keeps_user=True)))


def test_codex_follows_as_the_command_to_run() -> None:
    launch = LaunchOptions(codex=Path("codex"), env={}, overrides=["a=1"], prefix=argv)
    words = launch.argv()
    assert words[:2] == ["/usr/bin/docker", "run"]
    command = words[words.index("--") :]
    assert command[:5] == ["--", "codex", "app-server", "-c", "a=1"]


def test_a_home_that_is_kept_lies_at_the_same_path_inside() -> None:
    home = Path("/home/me/.codex/mcp-wrapper/container-homes/1")
    options = replace(OPTIONS, home=home)
    assert ["type=bind", f"src={home}", f"dst={home}"] in mounts(options)
    assert f"--env=CODEX_HOME={home}" in argv(options)


def test_what_is_masked_has_an_empty_folder_in_its_place() -> None:
    options = replace(OPTIONS, masked=(Path("/home/me/project/a,b"),))
    (stand_in,) = hidden_folders(options, BOX)
    assert stand_in.is_relative_to(BOX)
    assert ["type=bind", f"src={stand_in}", "dst=/home/me/project/a,b"] in mounts(options)


def test_a_home_within_what_is_masked_has_its_place_there() -> None:
    masked = Path("/home/me/project/.codex")
    options = replace(OPTIONS, masked=(masked,), home=masked / "homes" / "1")
    (place,) = hidden_folders(options, BOX)
    stand_in = place.parent.parent
    assert place == stand_in / "homes" / "1"
    assert ["type=bind", f"src={stand_in}", f"dst={masked}"] in mounts(options)


def test_a_codex_that_listens_is_reached_by_a_socket_in_a_folder_of_its_own() -> None:
    words = container_argv(OPTIONS, OWNER, 1, BOX, serves=True)
    folders = [word.removeprefix("--mount=") for word in words if word.startswith("--mount")]
    # The folder around it, with the way to the model, stays read-only.
    assert folders[1:] == [
        f"type=bind,src={BOX},dst=/run/codexmcp,readonly",
        f"type=bind,src={BOX}/served,dst=/run/codexmcp/served",
    ]
    inside = words[words.index("codexmcp:latest") :]
    assert "--serve=/run/codexmcp/served/codex.sock" in inside
    assert f"--codex-socket={CODEX_LISTENS.removeprefix('unix://')}" in inside
    assert not any(word.startswith("--serve") for word in argv())


@given(st.integers(min_value=0))
def test_a_name_tells_its_owner(number: int) -> None:
    assert owner_of(container_name(OWNER, number)) == OWNER


@pytest.mark.parametrize(
    "name", ["postgres", "codexmcp-box-", "codexmcp-box-1", "x-codexmcp-box-a-1"]
)
def test_a_name_of_another_kind_has_no_owner(name: str) -> None:
    assert owner_of(name) is None


@pytest.mark.parametrize(
    ("endpoint", "inside"),
    [
        ("http://127.0.0.1:40123/v1", "http://127.0.0.1:8377/v1"),
        ("http://model.example/a/b", "http://127.0.0.1:8377/a/b"),
    ],
)
def test_an_endpoint_keeps_its_path_inside(endpoint: str, inside: str) -> None:
    assert endpoint_inside(endpoint) == inside


@pytest.mark.parametrize("folder", ["/", "/usr", "/app", "/app/.codex", "/home", "/tmp", "/run"])
def test_a_workspace_that_would_hide_the_image_is_found(folder: str) -> None:
    assert hidden_by(Path(folder)) is not None


@pytest.mark.parametrize("folder", ["/home/me", "/app/work", "/tmp/x", "/work", "/usr/src/project"])
def test_other_workspaces_hide_nothing(folder: str) -> None:
    assert hidden_by(Path(folder)) is None


def test_the_profile_is_the_one_for_images() -> None:
    ours = Path(container.__file__).with_name("seccomp.json").read_text()
    assert ours == (CHECKOUT / "scripts" / "seccomp.json").read_text()
