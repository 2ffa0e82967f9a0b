"""A repository cannot have its own programs run by a push, unless the server's owner allows it.

Each trap is set off once with everything allowed: so a test that finds no mark means something.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from codexmcp.errors import WorkspaceError
from tests.support.git_ground import GitGround

Trap = Callable[[GitGround], str | None]
"""Sets itself up in a repository; returns what the refusal says, None when there is none."""


def _remote(ground: GitGround, url: str) -> None:
    ground.ssh()
    ground.git("remote", "add", "origin", url)


def _by_ssh(ground: GitGround) -> str:
    bare = ground.outside / "remote.git"
    ground.git("init", "-q", "--bare", str(bare))
    return f"ssh://host{bare}"


def push_hook(ground: GitGround) -> None:
    _remote(ground, _by_ssh(ground))
    ground.hook("pre-push")


def push_updates_refs(ground: GitGround) -> None:
    _remote(ground, _by_ssh(ground))
    ground.hook("reference-transaction")


def folder_with_hooks(ground: GitGround) -> str:
    _remote(ground, str(ground.bare(ground.root / "remote.git")))
    return "transport 'file' not allowed"


def file_url_with_hooks(ground: GitGround) -> str:
    _remote(ground, f"file://{ground.bare(ground.root / 'remote.git')}")
    return "transport 'file' not allowed"


def program_as_url(ground: GitGround) -> str:
    _remote(ground, f"ext::{ground.canary} %S")
    ground.config(protocol__ext__allow="always")
    return "transport 'ext' not allowed"


def program_by_rewritten_url(ground: GitGround) -> str:
    _remote(ground, "https://example.org/repo.git")
    ground.config(protocol__ext__allow="always")
    ground.git("config", f"url.ext::{ground.canary} .insteadOf", "https://example.org/")
    return "transport 'ext' not allowed"


def remote_helper(ground: GitGround) -> str:
    _remote(ground, "anything")
    (ground.bin / "git-remote-canary").symlink_to(ground.canary)
    ground.config(remote__origin__vcs="canary")
    return r"sets remote\.origin\.vcs"


def ssh_program(ground: GitGround) -> str:
    _remote(ground, "ssh://host/repo.git")
    ground.config(core__sshCommand=str(ground.canary))
    return r"sets core\.sshcommand"


def command_for_the_other_machine(ground: GitGround) -> str:
    _remote(ground, _by_ssh(ground))
    ground.config(remote__origin__receivepack=f"{ground.canary}; git-receive-pack")
    return r"sets remote\.origin\.receivepack"


def git_proxy(ground: GitGround) -> str:
    _remote(ground, "git://127.0.0.1/repo.git")
    ground.config(core__gitProxy=str(ground.canary))
    return r"sets core\.gitproxy"


def credential_helper(ground: GitGround) -> str:
    ground.config(credential__helper=str(ground.canary))
    return r"sets credential\.helper"


def credential_helper_of_a_host(ground: GitGround) -> str:
    ground.git("config", "credential.http://127.0.0.1.helper", str(ground.canary))
    return r"sets credential\.http://127\.0\.0\.1\.helper"


def password_program(ground: GitGround) -> str:
    ground.config(core__askPass=str(ground.canary))
    return "nobody is asked for a password"


def included_for_push(ground: GitGround) -> str:
    (ground.repo / "more.config").write_text(f"[core]\n\tsshCommand = {ground.canary}\n")
    _remote(ground, "ssh://host/repo.git")
    ground.config(include__path="../more.config")
    return r"sets include\.path"


def submodules_push(ground: GitGround) -> None:
    ground.submodule()
    inner = ground.repo / "lib"
    ground.git("config", "push.recurseSubmodules", "on-demand")
    ground.git("remote", "set-url", "origin", str(ground.bare(ground.root / "lib.git")), cwd=inner)
    ground.git("add", "-A", cwd=inner)
    ground.git("commit", "-q", "-m", "more", cwd=inner)
    ground.git("add", "lib")
    ground.git("commit", "-q", "-m", "more")
    _remote(ground, _by_ssh(ground))


PUSH_TRAPS: list[Trap] = [
    push_hook,
    push_updates_refs,
    folder_with_hooks,
    file_url_with_hooks,
    program_as_url,
    program_by_rewritten_url,
    remote_helper,
    ssh_program,
    command_for_the_other_machine,
    git_proxy,
    included_for_push,
    submodules_push,
]
PASSWORD_TRAPS: list[Trap] = [credential_helper, credential_helper_of_a_host, password_program]


@pytest.mark.parametrize("trap", PUSH_TRAPS, ids=lambda trap: trap.__name__)
async def test_a_push_runs_nothing_of_the_repositorys(ground: GitGround, trap: Trap) -> None:
    await _push_into(ground, trap(ground))


@pytest.mark.parametrize("trap", PUSH_TRAPS, ids=lambda trap: trap.__name__)
async def test_a_push_runs_it_when_the_owner_allows_that(ground: GitGround, trap: Trap) -> None:
    trap(ground)
    await _push_allowed(ground)


@pytest.mark.parametrize("trap", PASSWORD_TRAPS, ids=lambda trap: trap.__name__)
async def test_a_push_shows_the_repository_no_password(
    ground: GitGround, trap: Trap, locked_host: str
) -> None:
    _remote(ground, locked_host)
    await _push_into(ground, trap(ground))


@pytest.mark.parametrize("trap", [credential_helper], ids=lambda trap: trap.__name__)
async def test_a_push_asks_the_repositorys_helper_when_the_owner_allows_that(
    ground: GitGround, trap: Trap, locked_host: str
) -> None:
    _remote(ground, locked_host)
    trap(ground)
    await _push_allowed(ground)


@pytest.mark.parametrize(
    "key", ["http.proxy", "http.sslVerify", "http.https://example.org.sslVerify", "http.cookieFile"]
)
async def test_a_setting_that_could_show_the_owners_password_to_others_is_refused(
    ground: GitGround, key: str
) -> None:
    ground.git("remote", "add", "origin", "https://127.0.0.1:9/repo.git")
    ground.git("config", key, "false")

    with pytest.raises(WorkspaceError, match=r"sets http\."):
        await ground.push(set_upstream=True)


async def _push_into(ground: GitGround, refusal: str | None) -> None:
    ground.has_fired()
    if refusal is None:
        assert (await ground.push(set_upstream=True))["pushed"] is True
    else:
        with pytest.raises(WorkspaceError, match=refusal):
            await ground.push(set_upstream=True)
    assert not ground.has_fired()


async def _push_allowed(ground: GitGround) -> None:
    ground.has_fired()
    try:
        await ground.push(set_upstream=True, allow_repository_code=True)
    except WorkspaceError as error:
        # The canary speaks no protocol of git.
        assert "failed" in str(error)  # noqa: PT017 - either ending will do
    assert ground.has_fired()
