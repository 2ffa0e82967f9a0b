from __future__ import annotations

import base64
import os
import time
from pathlib import Path

import pytest

from codexmcp.policy.arguments import ArgumentsError
from codexmcp.policy.extras import check_images, check_schema, read_output, read_profile

PNG = base64.b64decode(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ")
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_an_answer_with_a_number_that_is_not_finite_is_not_json(number: str) -> None:
    assert "not JSON" in str(read_output({"type": "object"}, f'{{"n": {number}}}')[1])


def test_a_schema_of_an_object_is_taken() -> None:
    check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "nonsense"}, "not a JSON Schema"),
        ({"type": "object", "properties": {"a": {"minimum": "x"}}}, "at properties/a/minimum"),
        ({}, "must describe an object"),
        ({"type": "string"}, "must describe an object"),
    ],
)
def test_another_schema_is_refused(schema: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentsError, match=words):
        check_schema(schema)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"$ref": "http://127.0.0.1:1/s.json"}, "only have references inside itself"),
        ({"$ref": "file:///etc/passwd"}, "only have references inside itself"),
        ({"$dynamicRef": "other.json#a"}, "only have references inside itself"),
        ({"$ref": "#/$defs/gone"}, "no part at the reference `#/\\$defs/gone`"),
        ({"$ref": "#gone"}, "no part at the reference `#gone`"),
        ({"$ref": "#/type/x"}, "no part at the reference"),
        ({"$ref": "#/required/x"}, "no part at the reference"),
        ({"$ref": "#/type"}, "no part at the reference"),
        ({"$ref": "#/properties/a"}, "to itself alone"),
        ({"$ref": "#/$defs/ping"}, "to itself alone"),
        ({"x-unknown": [{"$ref": "http://host/"}]}, "only have references inside itself"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "only at the root"),
    ],
)
def test_a_schema_that_refers_to_nothing_of_its_own_is_refused(
    part: dict[str, object], words: str
) -> None:
    defs = {"ping": {"$ref": "#/$defs/pong"}, "pong": {"$ref": "#/$defs/ping"}}
    with pytest.raises(ArgumentsError, match=words):
        check_schema({**SCHEMA, "$defs": defs, "properties": {"a": part}})


def test_a_schema_that_refers_to_itself_is_taken_and_held() -> None:
    tree = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://host/tree",
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "n": {"$ref": "#number"}, "$ref": {"type": "null"}},
        "$defs": {"number": {"$anchor": "number", "type": "integer"}},
        "additionalProperties": False,
    }
    check_schema(tree)
    assert read_output(tree, '{"left": {"n": 1}}')[1] is None
    assert "does not fit" in str(read_output(tree, '{"left": {"n": "x"}}')[1])
    assert "unexpected" in str(read_output(tree, '{"left": {"m": 1}}')[1])


@pytest.mark.parametrize(
    "where",
    [
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
        {"patternProperties": {"^(a+)+$": {}}, "unevaluatedProperties": False},
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {"a": {"pattern": "^(a+)+$"}, "b": {"$ref": "#"}},
        },
    ],
)
def test_a_hostile_pattern_does_not_stop_the_server(where: dict[str, object]) -> None:
    schema = {"type": "object", **where}
    text = "a" * 40 + "!"
    began = time.process_time()
    check_schema(schema)
    answer = f'{{"a": "{text}", "{text}": 1, "b": {{"a": "{text}"}}}}'
    assert read_output(schema, answer)[1] is None
    assert time.process_time() - began < 2


def test_whatever_goes_wrong_with_an_answer_is_a_fault() -> None:
    endless = {"type": "object", "allOf": [{"allOf": [{"$ref": "#"}]}]}
    check_schema(endless)
    assert "cannot be held" in str(read_output(endless, "{}")[1])
    assert "not JSON" in str(read_output(SCHEMA, "[" * 100_000)[1])


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
        with pytest.raises(ArgumentsError, match="is outside of"):
            check_images([path], base_dir=inside, within=inside)


@pytest.mark.parametrize("path", ["missing.png", ".", "text.png", "a\0b"])
def test_what_is_no_image_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(ArgumentsError, match="image"):
        check_images([path], base_dir=str(tmp_path), within=None)


def test_an_image_that_is_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    for path in ("a.png", "."):
        with pytest.raises(ArgumentsError, match="is not a regular file"):
            check_images([path], base_dir=str(tmp_path), within=None)


def test_a_path_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentsError, match="is not text"):
        check_images(["\ud800.png"], base_dir=str(tmp_path), within=None)


def test_a_profile_is_its_files_settings(tmp_path: Path) -> None:
    (tmp_path / "work.config.toml").write_text('model = "m"\n')
    assert read_profile(tmp_path, "work") == {"model": "m"}


def test_a_missing_profile_is_an_error_that_names_the_others(tmp_path: Path) -> None:
    with pytest.raises(ArgumentsError, match="no profiles exist"):
        read_profile(tmp_path, "work")
    (tmp_path / "play.config.toml").write_text("")
    with pytest.raises(ArgumentsError, match="known profiles: play"):
        read_profile(tmp_path, "work")


def test_a_broken_profile_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "work.config.toml").write_text("model =")
    with pytest.raises(ArgumentsError, match="is broken"):
        read_profile(tmp_path, "work")


@pytest.mark.parametrize("name", ["../a", "a/b", ".hidden", ""])
def test_a_profile_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    (tmp_path / ".config.toml").write_text("")
    with pytest.raises(ArgumentsError, match="invalid profile name"):
        read_profile(tmp_path / "home", name)
