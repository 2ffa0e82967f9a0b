from __future__ import annotations

import inspect
import re

import pytest

from codexmcp import errors
from codexmcp.errors import (
    AppServerClosedError,
    AppServerError,
    CodexMCPError,
    ConfigurationError,
    CredentialsError,
    DeadlineError,
    InterruptedByUserError,
    RequestError,
    UsageError,
    WorkError,
)

EVERY = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, BaseException)
]


@pytest.mark.parametrize("error", EVERY)
def test_every_error_hangs_on_the_one_tree_and_is_named_so(error: type[Exception]) -> None:
    assert issubclass(error, CodexMCPError)
    assert error.__name__.endswith("Error")


def test_the_drawing_shows_the_tree_with_its_exit_codes() -> None:
    drawn = re.findall(r"^[│├└─ ]*(\w+Error)(?: \((\d+)\))?", errors.__doc__ or "", re.MULTILINE)
    assert sorted(name for name, _ in drawn) == sorted(each.__name__ for each in EVERY)
    for name, code in drawn:
        error: type[CodexMCPError] = getattr(errors, name)
        above = getattr(error.__base__, "exit_code", None)
        assert error.exit_code == (int(code) if code else above)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError, 2),
        (ConfigurationError, 78),
        (CredentialsError, 78),
        (AppServerError, 1),
        (WorkError, 1),
        (DeadlineError, 124),
        (InterruptedByUserError, 130),
    ],
)
def test_each_error_has_its_exit_code(error: type[CodexMCPError], code: int) -> None:
    assert error.exit_code == code


def test_a_refused_request_names_the_method_and_keeps_the_servers_words() -> None:
    error = RequestError("thread/start", -32600, "unknown variant `full`")
    assert str(error) == "thread/start was refused: unknown variant `full`"
    assert (error.method, error.code, error.message) == (
        "thread/start",
        -32600,
        "unknown variant `full`",
    )


def test_the_end_of_the_app_server_shows_stderr_below_the_reason() -> None:
    assert str(AppServerClosedError("it ended", "panic\nat main")) == "it ended\npanic\nat main"
    assert str(AppServerClosedError("it ended")) == "it ended"
