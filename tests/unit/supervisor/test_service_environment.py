from __future__ import annotations

from pathlib import Path

from codexmcp.supervisor.address import address_of
from codexmcp.supervisor.service_environment import (
    lasting_path,
    names_in,
    secrets_of,
    service_environment,
)

SHELL = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/home/me",
    "OPENAI_API_KEY": "sk-secret",
    "AGENTOS_TOKEN": "token-secret",
    "OPENROUTER_API_KEY": "or-secret",
    "CODEX_MCP_WRAPPER_POINTER_DIR": "/store",
    "CODEX_MCP_WRAPPER_SECRET": "hidden",
    "AGENTOS_FS_ROOTS": "/a:/b",
    "CODEXMCP_REQUEST_RETRIES": "4",
    "HTTPS_PROXY": "http://me:word@proxy:80",
    "HTTP_PROXY": "http://proxy:80",
    "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
    "TMPDIR": "/tmp/nix-shell",
    "EDITOR": "vi",
}


def test_settings_pass_and_secrets_do_not() -> None:
    given, unset = service_environment(
        SHELL, Path("/home/me/.codex"), runtime=Path("/run/user/7"), key_file=None
    )

    assert given == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/me",
        "CODEX_MCP_WRAPPER_POINTER_DIR": "/store",
        "AGENTOS_FS_ROOTS": "/a:/b",
        "CODEXMCP_REQUEST_RETRIES": "4",
        "HTTP_PROXY": "http://proxy:80",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "CODEX_HOME": "/home/me/.codex",
        "XDG_RUNTIME_DIR": "/run/user/7",
    }
    assert unset == ["CODEX_MCP_WRAPPER_CODEX_HOME", "CODEX_BIN", "CODEX_PATH"]


def test_the_service_listens_where_a_client_of_this_shell_looks(tmp_path: Path) -> None:
    home = tmp_path / ".codex"
    for shell in (
        {**SHELL, "XDG_RUNTIME_DIR": str(tmp_path)},
        {**SHELL, "XDG_RUNTIME_DIR": "/does/not/exist"},
        SHELL,
    ):
        runtime = Path(shell.get("XDG_RUNTIME_DIR", "/does/not/exist"))
        given, unset = service_environment(
            shell, home, runtime=runtime if runtime.is_dir() else None, key_file=None
        )
        managers = {"XDG_RUNTIME_DIR": str(tmp_path), "CODEX_BIN": "/old/codex"}

        seen = {k: v for k, v in {**managers, **given}.items() if k not in unset}

        assert address_of(home, [], seen) == address_of(home, [], shell)
        assert "CODEX_BIN" not in seen


def test_an_agent_of_ssh_that_lasts_and_a_file_with_the_key_pass() -> None:
    runtime = Path("/run/user/7")
    for agent, passes in (("/run/user/7/keyring/ssh", True), ("/tmp/ssh-x/agent.1", False)):
        given, _ = service_environment(
            {"PATH": "/bin", "SSH_AUTH_SOCK": agent},
            Path("/h"),
            runtime=runtime,
            key_file=Path("/run/secrets/key"),
        )

        assert ("SSH_AUTH_SOCK" in given) is passes
        assert given["OPENAI_API_KEY_FILE"] == "/run/secrets/key"


def test_a_path_keeps_what_lasts(tmp_path: Path) -> None:
    real = tmp_path / "node" / "bin"
    real.mkdir(parents=True)
    link = tmp_path / "fnm_multishells" / "123"
    link.parent.mkdir()
    link.symlink_to(real)

    assert lasting_path(f"/bin::.:bin:{link}:/usr/bin:/bin") == f"/bin:{real}:/usr/bin"


def test_secrets_that_the_service_needs_are_named() -> None:
    assert secrets_of(SHELL, ["OPENROUTER_API_KEY", "GROQ_API_KEY"]) == [
        "AGENTOS_TOKEN",
        "OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
    ]
    assert names_in("# A=1\nOPENAI_API_KEY=sk=x\n export B = 2\n\nodd\n") == {"OPENAI_API_KEY", "B"}
