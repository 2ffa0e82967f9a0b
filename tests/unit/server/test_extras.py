from __future__ import annotations

import base64
from pathlib import Path

import pytest

from codexmcp.server.arguments import ArgumentsError
from codexmcp.server.extras import check_images, check_schema, read_output, read_profile

PNG = base64.b64decode(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ")
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def test_a_schema_of_an_object_is_taken() -> None:
    check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "nonsense"}, "no JSON Schema"),
        ({"type": "object", "properties": {"a": {"minimum": "x"}}}, "at properties/a/minimum"),
        ({}, "must describe an object"),
        ({"type": "string"}, "must describe an object"),
    ],
)
def test_another_schema_is_refused(schema: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentsError, match=words):
        check_schema(schema)


def test_an_answer_that_fits_is_a_value() -> None:
    assert read_output(SCHEMA, '{"a": 1}') == ({"a": 1}, None)


@pytest.mark.parametrize(("answer", "words"), [("no", "is not JSON"), ("{}", "does not fit")])
def test_an_answer_that_does_not_fit_has_a_fault(answer: str, words: str) -> None:
    _, fault = read_output(SCHEMA, answer)
    assert fault is not None
    assert words in fault


def test_images_are_found_from_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    found = check_images(["a.png"], base_dir=str(tmp_path), within=None)
    assert found == [str(tmp_path.resolve() / "a.png")]


def test_an_image_outside_a_fixed_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "a.png")
    inside = str(tmp_path / "in")
    for path in ("../a.png", "link.png", str(tmp_path / "a.png")):
        with pytest.raises(ArgumentsError, match="lies outside"):
            check_images([path], base_dir=inside, within=inside)


@pytest.mark.parametrize("path", ["missing.png", ".", "text.png", "a\0b"])
def test_what_is_no_image_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(ArgumentsError, match="image"):
        check_images([path], base_dir=str(tmp_path), within=None)


def test_a_profile_is_its_files_settings(tmp_path: Path) -> None:
    (tmp_path / "work.config.toml").write_text('model = "m"\n')
    assert read_profile(tmp_path, "work") == {"model": "m"}


def test_a_missing_profile_is_an_error_that_names_the_others(tmp_path: Path) -> None:
    with pytest.raises(ArgumentsError, match="there are none"):
        read_profile(tmp_path, "work")
    (tmp_path / "play.config.toml").write_text("")
    with pytest.raises(ArgumentsError, match="there are play"):
        read_profile(tmp_path, "work")


def test_a_broken_profile_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "work.config.toml").write_text("model =")
    with pytest.raises(ArgumentsError, match="is broken"):
        read_profile(tmp_path, "work")


@pytest.mark.parametrize("name", ["../a", "a/b", ".hidden", ""])
def test_a_profile_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    (tmp_path / ".config.toml").write_text("")
    with pytest.raises(ArgumentsError, match="is no name"):
        read_profile(tmp_path / "home", name)
