from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.appserver.launch import LaunchOptions

AT_ONCE = ["-c", "thread_unload_delay_secs=0"]


def test_an_app_server_speaks_on_its_pipes_unless_told_otherwise() -> None:
    options = LaunchOptions(Path("/codex"), {}, overrides=['model="m"'], flags=["--an-option"])
    assert options.argv() == ["/codex", "app-server", "-c", 'model="m"', *AT_ONCE, "--an-option"]


def test_an_app_server_is_told_where_to_listen() -> None:
    options = LaunchOptions(Path("/codex"), {}, listen="unix:///run/s.sock")
    assert options.argv() == ["/codex", "app-server", *AT_ONCE, "--listen", "unix:///run/s.sock"]


@pytest.mark.parametrize(
    ("flags", "version", "unloads"),
    [
        ([], (0, 163, 0), True),
        ([], (0, 154, 0), True),
        ([], (0, 153, 4), False),
        (["--strict-config"], (0, 163, 0), False),
    ],
)
def test_only_a_build_that_takes_the_setting_unloads_what_is_left(
    flags: list[str], version: tuple[int, int, int], *, unloads: bool
) -> None:
    options = LaunchOptions(Path("/codex"), {}, flags=flags)
    assert options.unloads_on_unsubscribe(version) is unloads


def test_a_build_that_checks_its_settings_gets_none_that_it_may_not_know() -> None:
    options = LaunchOptions(Path("/codex"), {}, flags=["--strict-config"])
    assert options.argv() == ["/codex", "app-server", "--strict-config"]


def test_the_home_is_that_of_the_environment_or_what_a_container_has_of_it() -> None:
    env = {"CODEX_HOME": "/home/codex"}
    assert LaunchOptions(Path("/codex"), env).home == Path("/home/codex")
    assert LaunchOptions(Path("/codex"), {}).home is None
    contained = LaunchOptions(Path("/codex"), env, prefix=lambda: ["docker"])
    assert contained.home is None
    assert replace(contained, prefixed_home=Path("/box")).home == Path("/box")
