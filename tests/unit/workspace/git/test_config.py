from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.workspace.git.config import (
    Operation,
    Setting,
    parse,
    render,
    sort,
    uses_worktree_config,
)

RUNS_PROGRAMS = [
    "alias.commit",
    "core.alternateRefsCommand",
    "core.askPass",
    "core.attributesFile",
    "core.editor",
    "core.fsmonitor",
    "core.gitProxy",
    "core.hooksPath",
    "core.pager",
    "core.sshCommand",
    "credential.helper",
    "credential.https://example.org.helper",
    "diff.external",
    "diff.x.command",
    "diff.x.textconv",
    "filter.x.clean",
    "filter.x.process",
    "filter.x.required",
    "filter.x.smudge",
    "gpg.program",
    "gpg.ssh.defaultKeyCommand",
    "gpg.ssh.program",
    "hook.x.command",
    "include.path",
    "includeIf.gitdir:/x.path",
    "init.templateDir",
    "interactive.diffFilter",
    "merge.x.driver",
    "mergetool.x.cmd",
    "pager.commit",
    "protocol.ext.allow",
    "push.gpgSign",
    "push.recurseSubmodules",
    "receive.procReceiveRefs",
    "remote.origin.proxy",
    "remote.origin.receivepack",
    "remote.origin.uploadpack",
    "remote.origin.vcs",
    "sequence.editor",
    "ssh.variant",
    "submodule.lib.update",
    "trailer.x.cmd",
    "trailer.x.command",
    "uploadpack.packObjectsHook",
    "http.proxy",
    "http.sslVerify",
    "http.cookieFile",
    "http.https://example.org.sslCert",
    "core.worktree",
    "extensions.worktreeConfig",
]
"""Settings that start programs, lead git elsewhere, or take effect in some roundabout way."""

HARMLESS = [
    "core.autocrlf",
    "core.fileMode",
    "user.email",
    "remote.origin.url",
    "remote.a.b.fetch",
    "branch.topic/x.y.merge",
    "url.https://example.org/.insteadOf",
    "extensions.objectFormat",
    "push.default",
    "http.postBuffer",
    "http.https://example.org/.extraHeader",
    "commit.gpgSign",
]


def _setting(key: str, value: str | None = "value") -> Setting:
    (setting,) = parse(_listed(key, value))
    return setting


def _listed(key: str, value: str | None) -> bytes:
    # git writes sections and names in lower case.
    section, *middle, name = key.split(".")
    written = ".".join([section.lower(), *middle, name.lower()])
    return (written if value is None else f"{written}\n{value}").encode() + b"\0"


@pytest.mark.parametrize("key", RUNS_PROGRAMS)
@pytest.mark.parametrize("operation", list(Operation))
def test_what_could_run_a_program_never_counts(key: str, operation: Operation) -> None:
    assert sort([_setting(key)], operation).kept == ()


@pytest.mark.parametrize("key", HARMLESS)
@pytest.mark.parametrize("operation", list(Operation))
def test_what_is_data_counts(key: str, operation: Operation) -> None:
    found = sort([_setting(key)], operation)

    assert found.kept == (_setting(key),)
    assert found.refused == ()


@pytest.mark.parametrize(
    ("key", "operation", "is_refused"),
    [
        ("include.path", Operation.COMMIT, True),
        ("gpg.openpgp.program", Operation.COMMIT, True),
        ("gpg.openpgp.program", Operation.PUSH, False),
        ("core.sshCommand", Operation.PUSH, True),
        ("core.sshCommand", Operation.COMMIT, False),
        ("http.proxy", Operation.PUSH, True),
        ("remote.origin.mirror", Operation.PUSH, True),
        ("http.proxy", Operation.COMMIT, False),
        ("core.editor", Operation.COMMIT, False),
        ("alias.push", Operation.PUSH, False),
    ],
)
def test_only_what_would_change_the_outcome_is_refused(
    key: str, operation: Operation, *, is_refused: bool
) -> None:
    setting = _setting(key)

    assert sort([setting], operation).refused == ((setting.key,) if is_refused else ())


def test_filters_and_another_work_tree_are_found() -> None:
    found = sort([_setting("filter.a.b.clean"), _setting("core.worktree", "/x")], Operation.COMMIT)

    assert found.filters == {"a.b"}
    assert found.worktree == "/x"


@pytest.mark.parametrize(
    ("value", "counts"), [(None, True), ("true", True), ("On", True), ("false", False), ("", False)]
)
def test_the_configuration_of_a_work_tree_counts_when_it_is_switched_on(
    value: str | None, *, counts: bool
) -> None:
    assert uses_worktree_config([_setting("extensions.worktreeConfig", value)]) is counts


TEXT = st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]))


@given(TEXT, st.one_of(st.none(), TEXT))
def test_a_listed_setting_is_read_as_it_stands(subsection: str, value: str | None) -> None:
    setting = Setting("remote", subsection, "url", value)
    listed = setting.key if value is None else f"{setting.key}\n{value}"

    assert parse(listed.encode() + b"\0") == [setting]


def test_quotes_and_line_ends_are_written_so_that_git_reads_them_back() -> None:
    text = render(
        [Setting("remote", 'a"b\\', "url", 'x"\\\n#;'), Setting("core", None, "bare", None)]
    )

    assert text == b'[remote "a\\"b\\\\"]\n\turl = "x\\"\\\\\\n#;"\n[core]\n\tbare\n'
