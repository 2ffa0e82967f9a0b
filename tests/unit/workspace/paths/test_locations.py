"""Where a path leads, by its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.locations import MAX_DEPTH, MAX_PATH_BYTES, Location, Root, locate

FIRST = Root("/real/one", "/one", is_first=True)
SECOND = Root("/two", "/two", is_first=False)
INNER = Root("/two/in", "/two/in", is_first=False)
ROOTS = [FIRST, SECOND, INNER]
WINDOWS = [Root("C:\\Work", "C:\\Work", is_first=True), Root("D:\\x", "D:\\x", is_first=False)]

_NAMES = st.lists(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
    .filter(lambda name: name not in {".", ".."})
    .filter(lambda name: "\\" not in name and ":" not in name),
    max_size=5,
)


@pytest.mark.parametrize(
    ("path", "root", "names"),
    [
        (".", FIRST, ()),
        ("a/b", FIRST, ("a", "b")),
        ("./a//b/", FIRST, ("a", "b")),
        ("/one/a", FIRST, ("a",)),
        ("/real/one/a", FIRST, ("a",)),
        ("/real/one", FIRST, ()),
        ("/two/a", SECOND, ("a",)),
        ("/two/in/a", INNER, ("a",)),
        ("/two/inner", SECOND, ("inner",)),
        ("//two//a", SECOND, ("a",)),
        ("~/a", FIRST, ("~", "a")),
        ("a\\b", FIRST, ("a\\b",)),
    ],
)
def test_a_path_leads_into_the_first_root_or_into_the_innermost_that_it_begins_with(
    path: str, root: Root, names: tuple[str, ...]
) -> None:
    assert locate(path, ROOTS, windows=False) == Location(root, names)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("", "empty"),
        ("..", "`..`"),
        ("a/../b", "`..`"),
        ("/one/../etc", "`..`"),
        ("a\0b", "NUL"),
        ("/", "outside"),
        ("/on", "outside"),
        ("/onee/a", "outside"),
        ("/ONE/a", "outside"),
        ("/etc/passwd", "outside"),
        ("C:\\x", "Windows"),
        ("\\\\?\\C:\\x", "Windows"),
        ("\\\\host\\share", "Windows"),
        ("a\udc80", "Unicode"),
        ("a" * (MAX_PATH_BYTES + 1), "bytes long"),
        ("a/" * (MAX_DEPTH + 1), "names"),
    ],
)
def test_a_path_that_leads_out_or_is_none_is_refused(path: str, word: str) -> None:
    with pytest.raises(WorkspaceError, match=word):
        locate(path, ROOTS, windows=False)


@given(_NAMES, st.sampled_from(ROOTS))
def test_what_is_shown_of_a_place_leads_there_again(names: list[str], root: Root) -> None:
    place = Location(root, tuple(names))
    if root == SECOND and names[:1] == ["in"]:
        return
    if str(place).startswith("\\\\"):
        return
    assert locate(str(place), ROOTS, windows=False) == place


@given(st.text(st.sampled_from("a./\\:~CD \0"), max_size=12), st.sampled_from([ROOTS, WINDOWS]))
def test_any_text_is_refused_or_leads_to_plain_names_below_a_root(
    text: str, roots: list[Root]
) -> None:
    windows = roots is WINDOWS
    try:
        place = locate(text, roots, windows=windows)
    except WorkspaceError:
        return
    assert place.root in roots
    separators = {"/", "\\"} if windows else {"/"}
    for name in place.names:
        assert name not in {"", ".", ".."}
        assert not separators & set(name)
        assert "\0" not in name
        assert not windows or ":" not in name


def test_a_file_system_root_can_be_a_root() -> None:
    everything = [Root("/", "/", is_first=False)]
    place = locate("/etc/passwd", everything, windows=False)
    assert place.names == ("etc", "passwd")
    assert str(place) == "/etc/passwd"
    assert str(place.first(0)) == "/"


@pytest.mark.parametrize(
    ("path", "root", "names"),
    [
        ("a\\b/c", 0, ("a", "b", "c")),
        ("c:\\wORK\\a", 0, ("a",)),
        ("C:/Work", 0, ()),
        ("d:\\x\\y", 1, ("y",)),
    ],
)
def test_on_windows_both_separators_hold_and_case_does_not_matter_for_the_root(
    path: str, root: int, names: tuple[str, ...]
) -> None:
    assert locate(path, WINDOWS, windows=True) == Location(WINDOWS[root], names)


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("a\\..\\b", "`..`"),
        ("C:\\Workshop\\a", "outside"),
        ("E:\\Work\\a", "outside"),
        ("\\Work\\a", "current drive"),
        ("C:a", "current folder"),
        (r"\\?\C:\Work\a", "devices"),
        (r"\\.\PhysicalDrive0", "devices"),
        (r"\\host\share\a", "another machine"),
        ("a\\nul", "device"),
        ("a.txt:stream", "colon"),
        ("a.txt::$DATA", "colon"),
        (".git ", "dot or a space"),
        ("a.\\b", "dot or a space"),
    ],
)
def test_on_windows_what_leads_elsewhere_is_refused(path: str, word: str) -> None:
    with pytest.raises(WorkspaceError, match=word):
        locate(path, WINDOWS, windows=True)
