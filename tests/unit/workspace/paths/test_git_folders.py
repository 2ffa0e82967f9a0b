"""Which names make a folder a repository's own."""

from __future__ import annotations

import pytest

from codexmcp.workspace.paths.git_folders import is_part_of_git_folder, makes_git_folder


@pytest.mark.parametrize(
    "name", ["HEAD", "head", "Head", "objects", "OBJECTS", "refs", "ref\u017f", "CommonDir"]
)
def test_a_part_is_known_however_it_is_spelt(name: str) -> None:
    assert is_part_of_git_folder(name)


@pytest.mark.parametrize("name", ["config", "hooks", "HEAD.md", "object", "refs2", "index", ".git"])
def test_other_names_are_no_parts(name: str) -> None:
    assert not is_part_of_git_folder(name)


@pytest.mark.parametrize(
    ("names", "is_one"),
    [
        ({"head", "objects", "refs"}, True),
        ({"head", "commondir"}, True),
        ({"head", "commondir", "objects"}, True),
        ({"objects", "refs"}, False),
        ({"commondir", "objects", "refs"}, False),
        ({"head", "objects"}, False),
        ({"head", "refs"}, False),
        (set[str](), False),
    ],
)
def test_a_folder_is_a_repositorys_with_a_head_and_the_rest_here_or_elsewhere(
    names: set[str], *, is_one: bool
) -> None:
    assert makes_git_folder(frozenset(names)) is is_one
