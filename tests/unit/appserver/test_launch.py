from __future__ import annotations

from pathlib import Path

from codexmcp.appserver.launch import LaunchOptions


def test_an_app_server_speaks_on_its_pipes_unless_told_otherwise() -> None:
    options = LaunchOptions(Path("/codex"), {}, overrides=['model="m"'], flags=["--strict-config"])
    assert options.argv() == ["/codex", "app-server", "-c", 'model="m"', "--strict-config"]


def test_an_app_server_is_told_where_to_listen() -> None:
    options = LaunchOptions(Path("/codex"), {}, listen="unix:///run/s.sock")
    assert options.argv() == ["/codex", "app-server", "--listen", "unix:///run/s.sock"]
