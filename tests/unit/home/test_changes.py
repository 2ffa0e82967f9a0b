from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.home.changes import FileChange, effective, read_file, text_of_file, unified_diff

FILE = Path("/home/u/.codex/config.toml")


def test_a_change_that_changes_nothing_is_left_out() -> None:
    change = FileChange(FILE, b"a", b"b")
    assert effective([FileChange(FILE, b"a", b"a"), change]) == [change]


def test_a_diff_shows_lines_and_what_has_no_end_of_line() -> None:
    assert unified_diff([FileChange(FILE, b"a\nb\n", b"a\nc")]) == (
        f"--- {FILE}\n+++ {FILE}\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n"
    )


def test_a_diff_shows_files_that_come_and_go() -> None:
    assert unified_diff([FileChange(FILE, None, b"a\n")]).startswith(f"--- /dev/null\n+++ {FILE}\n")
    assert unified_diff([FileChange(FILE, b"a\n", None)]).startswith(f"--- {FILE}\n+++ /dev/null\n")


def test_text_that_is_no_utf_8_is_an_error_that_names_the_line() -> None:
    with pytest.raises(ConfigurationError, match=r"config\.toml, line 2: .*UTF-8"):
        text_of_file(FILE, b"a = 1\nb = '\xff'\n")


def test_a_missing_file_holds_nothing_and_a_folder_is_an_error(tmp_path: Path) -> None:
    assert read_file(tmp_path / "none") is None
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_file(tmp_path)
