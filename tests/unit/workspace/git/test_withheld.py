"""Which paths of a work tree are not served."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.workspace.git.withheld import partition_withheld

_NAMES = st.sampled_from(["a", "b", "a b", "A", ".x", "ab"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=4).map("/".join)


def test_what_lies_in_a_withheld_folder_is_left_out_and_the_folder_told() -> None:
    paths = ["a.txt", ".agentos/token", "home/codex/auth.json", "home/codexes", "home/codex/"]
    assert partition_withheld(paths, [".agentos", "home/codex", "none"]) == (
        ["a.txt", "home/codexes"],
        [".agentos", "home/codex"],
    )


def test_a_withheld_file_is_left_out_in_any_spelling_of_case() -> None:
    assert partition_withheld(["Keys/Token", "keys/token2"], ["keys/token"]) == (
        ["keys/token2"],
        ["keys/token"],
    )


@given(st.lists(_PATHS), st.lists(_PATHS, max_size=3))
def test_nothing_at_or_below_what_is_withheld_is_kept(
    paths: list[str], withheld: list[str]
) -> None:
    kept, left_out = partition_withheld(paths, withheld)
    parts = [item.lower().split("/") for item in withheld]
    expected = [
        path
        for path in paths
        if not any(path.lower().split("/")[: len(part)] == part for part in parts)
    ]
    assert kept == expected
    assert bool(left_out) == (len(kept) < len(paths))
