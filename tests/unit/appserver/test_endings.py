from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.appserver.endings import OUT_OF_MEMORY, explanation, memory_ran_out


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        (
            "docker",
            125,
            "docker: Cannot connect to the Docker daemon at unix:///x. Is the docker ...",
        ),
        ("docker", 1, "error during connect: Get http://x/v1/containers: EOF"),
        ("docker", 125, "error waiting for container: unexpected EOF"),
        ("podman", 125, "Cannot connect to Podman. Please verify your connection"),
        ("podman", 125, "Error: unable to connect to Podman socket: dial unix /x: no such file"),
    ],
)
def test_an_engine_that_does_not_run_is_named(name: str, code: int, said: str) -> None:
    assert explanation(name, code, said).startswith(f"the container engine {name} is not running")


def test_a_container_that_was_killed_is_told_as_one_without_memory() -> None:
    assert explanation("docker", 137, "") == f"killed; perhaps {OUT_OF_MEMORY}"
    assert explanation("docker", 9, f"...\n{OUT_OF_MEMORY}\n") == OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("docker", 125, "docker: Error response from daemon: No such image: x"),
        ("codex", 1, "Cannot connect to the Docker daemon"),
        ("codex", 137, ""),
        ("docker", 0, ""),
    ],
)
def test_of_any_other_end_nothing_is_said(name: str, code: int, said: str) -> None:
    assert explanation(name, code, said) == ""


@pytest.mark.parametrize(
    ("counter", "text"),
    [
        ("sys/fs/cgroup/memory.events", "low 0\noom 2\noom_kill {}\noom_group_kill 0\n"),
        (
            "sys/fs/cgroup/memory/memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n",
        ),
    ],
)
@pytest.mark.parametrize("kills", [0, 3])
def test_the_kernels_count_of_kills_is_read_in_a_container(
    tmp_path: Path, counter: str, text: str, kills: int
) -> None:
    file = tmp_path / counter
    file.parent.mkdir(parents=True)
    file.write_text(text.format(kills))
    # That of a whole machine says nothing of us.
    assert not memory_ran_out(tmp_path)
    (tmp_path / ".dockerenv").touch()
    assert memory_ran_out(tmp_path) == (kills > 0)
