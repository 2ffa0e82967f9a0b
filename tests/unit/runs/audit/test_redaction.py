from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.states import RunState

# A secret with an end of line or space at its ends is known without them.
SECRETS = st.text(
    st.characters(exclude_characters="[]", codec="utf-8"), min_size=8, max_size=40
).filter(lambda text: len(text.strip()) >= 8 and text.strip() not in "[redacted]")
TEXTS = st.text(max_size=60)
PLAIN = st.text("abcdefgh XYZ.,0123\n", max_size=500)

SHAPES = [
    "sk-abcdefghijklmnop1234",
    "sk-ant-api03-abcdefghijklmnop",
    "ghp_abcdefghijklmnopqrst0123456789abcdef",
    "gho_abcdefghijklmnopqrst0123456789abcdef",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv",
    "xoxb-123456789012-abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    # The providers that we ship profiles for, as far as their keys have a form.
    "sk-or-v1-0123456789abcdef0123456789abcdef",
    "gsk_abcdefghijklmnopqrstuvwxyz0123456789",
    f"{'aB3' * 17}c{'JQQJ9'}9AKACYeBjFXJ3w3AAABACOGabcd",
    "hf_abcdefghijklmnopqrstuvwxyzabcdefgh",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "glpat-abcdefghij0123456789",
    "agt_abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi-AgEIcHlwaS5vcmcCJGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6",
    "sk_live_abcdefghijklmnop",
    "rk_live_abcdefghijklmnop",
    "whsec_abcdefghijklmnopqrst",
    *(
        f"{kind}abcdefghijklmnopqrst0123"
        for kind in (
            *("r8_", "csk-", "tvly-", "ntn_", "sbp_", "dop_v1_", "lin_api_", "dckr_pat_", "glsa_"),
            *("shpat_", "xapp-1-", "GOCSPX-", "ATATT3", "ya29.", "hvs."),
        )
    ),
    "dapi0123456789abcdef0123456789abcdef",
    "SG.abcdefghijklmnop.abcdefghijklmnop",
    "xai-abcdefghijklmnopqrstuvwxyz0123",
    "nvapi-abcdefghijklmnopqrstuvwxyz0123",
    "pplx-abcdefghijklmnopqrstuvwxyz0123",
    "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcdefghijklmnop\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMIIEabcdefghijklmnopqrstu\nMIIEabcdefghijklmnopqrstu",
]
ASSIGNED = [
    ("OPENAI_API_KEY=", "anything9"),
    ("export GH_TOKEN=", "abc/def+1"),
    ('MY_SECRET_VALUE="', "two words"),
    ("DB_PASSWORD=", "p@ss!"),
    ("Authorization: Bearer ", "abcdefgh1234"),
    ("authorization: Basic ", "dXNlcjpwYXNz"),
    ("postgres://user:", "pass-word"),
    ("https://host/path?x=1&access_token=", "abcdef"),
    ("password=", "hunter"),
    ("Password: ", "hunter2x"),
    ("API_KEY: ", "abcd1234efgh"),
    ("apiKey: ", "'abcdefgh'"),
    ('"client_secret" : ', '"abcdefgh"'),
    ("mistral_api_key = ", "aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB"),
    ("AZURE_OPENAI_API_KEY: ", "0123456789abcdef0123456789abcdef"),
    ("DB_PASS=", "hunter2x"),
    ("export MYSQL_PWD=", "hunter2x"),
    ("GITHUB_PAT=", "abcd1234"),
    ("GPG_PASSPHRASE=", "hunter2x"),
    ("passphrase: ", "hunter2x"),
    ("X-Api-Key: ", "abcd1234"),
    ("Authorization: token ", "abcd1234"),
    ("curl -sS -u me:", "hunter2x"),
    ("curl --user 'me:", "hunter2x"),
    ("AccountKey=", "abcdefghijklmnop=="),
    ("sshpass -p ", "hunter2x"),
    ("sshpass -v -p'", "hunter2x"),
    ("mysql -h db -u root -p", "hunter2x"),
    ("mysqldump --all -p", "hunter2x"),
    ("machine host login me password ", "hunter2x"),
    ("machine host\n  login me\n  password ", "hunter2x"),
    ("machine host\\n  login me\\n  password ", "hunter2x"),
    ("export token=", "abc1def2"),
    ("export TOKEN ", "abcdefghijkl"),
    ("setenv GH_TOKEN ", "abcd1234"),
    ("set -gx API_KEY ", "abcd1234"),
    ("curl --api-key ", "abcd1234"),
]
HARMLESS = [
    "OLDPWD=/home/me",
    "curl -u $USER:$PASS https://host",
    "12 passed: 2026-01-01",
    "SG.1 and SG.2",
    'bearer_token_env_var = "AGENTOS_TOKEN"',
    "a risk-management-and-compliance-system",
    "task-abcdefghijklmnopqrstuv",
    "MAX_TOKENS=4096 python run.py",
    "the bearer of this message",
    "https://example.com:8080/a?key_name",
    "for key, value in items: print(key == value)",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "PRIVATE KEY files are not looked at",
    "for token in tokens: print(token)",
    "token = parser.next()",
    "password: str | None = None",
    "password=None, token=token, secret=settings.secret",
    "the password: ask the owner of the machine",
    "total_tokens: 123456, tokens: 1.5k",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "password=$PASSWORD and password=<yours>",
    "model --token-limit 4096",
    "Cookie: accept all of them",
    "sshpass -p $PASSWORD ssh host, sshpass -f file ssh host",
    "mysql -u root -p db",
    "the machine asks for login and password",
    "hvs.dev and ya29.x",
]


@given(SECRETS, TEXTS, TEXTS)
def test_no_known_secret_survives(secret: str, before: str, after: str) -> None:
    assert secret.strip() not in Redactor([secret]).text(before + secret + after)


@given(SECRETS, st.binary(max_size=5), st.binary(max_size=5))
def test_no_usual_form_of_a_known_secret_survives(secret: str, before: bytes, after: bytes) -> None:
    secret = secret.strip()
    data = secret.encode()
    redactor = Redactor([secret])
    for form in (
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret)[1:-1], ensure_ascii=False)[1:-1],
        quote(data, safe=""),
        base64.b64encode(data).decode().rstrip("="),
    ):
        assert form not in redactor.text(f"<{form}>")
    whole = base64.b64encode(before + data + after).decode()
    assert redactor.text(whole) != whole


@given(SECRETS, TEXTS, st.sampled_from(SHAPES))
def test_what_was_redacted_once_stays_the_same(secret: str, text: str, shape: str) -> None:
    redactor = Redactor([secret])
    once = redactor.text(f"{text}{shape} A_KEY={secret}{text} x={shape}{secret}")
    assert redactor.text(once) == once


@given(PLAIN)
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert Redactor(["a-secret-of-ours"]).text(text) == text


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("around", ["", " filler" * 100])
def test_what_only_resembles_a_secret_stays(text: str, around: str) -> None:
    assert Redactor().text(around + text + around) == around + text + around


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("around", ["", " filler" * 100])
@pytest.mark.parametrize("escape", [str, lambda text: json.dumps(text)[1:-1]])
def test_well_known_secrets_are_taken_out(shape: str, around: str, escape: type[str]) -> None:
    text = f"{around} {escape(shape)} {around}"
    assert Redactor().text(text) == f"{around} [redacted] {around}"


@pytest.mark.parametrize(("before", "secret"), ASSIGNED)
def test_what_is_assigned_to_the_name_of_a_secret_is_taken_out(before: str, secret: str) -> None:
    end = {'"': '"', ":": "@host/db"}.get(before[-1], "")
    text = Redactor().text(f"run {before}{secret}{end} next")
    assert secret not in text
    assert text.endswith("next")
    assert text.startswith(f"run {before.rstrip(chr(34))}[redacted]")


@pytest.mark.parametrize("name", ["Cookie", "cookie", "Set-Cookie"])
def test_cookies_are_taken_out_to_the_end_of_their_header(name: str) -> None:
    text = f"> {name}: session=abcd1234; theme=dark\n> Accept: */*"
    assert Redactor().text(text) == f"> {name}: [redacted]\n> Accept: */*"
    command = f"curl -H '{name}: session=abcd1234' https://host"
    assert Redactor().text(command) == f"curl -H '{name}: [redacted]' https://host"


def test_json_is_looked_through_with_its_names() -> None:
    redactor = Redactor(["hunter2hunter2"])
    value = {
        "hunter2hunter2": 1,
        "a": ["xhunter2hunter2y", None, 1.5, True],
        "b": {"password": "p"},
    }
    assert redactor.value(value) == {
        "[redacted]": 1,
        "a": ["x[redacted]y", None, 1.5, True],
        "b": {"password": "[redacted]"},
    }


def test_names_that_become_the_same_keep_their_values() -> None:
    redactor = Redactor(["first-secret", "other-secret"])
    assert sorted(redactor.value({"first-secret": 1, "other-secret": 2}).values()) == [1, 2]


def test_a_word_is_no_secret() -> None:
    assert Redactor(["ollama", ""]).text("ollama serves") == "ollama serves"


def test_a_part_of_our_own_mark_is_no_secret() -> None:
    assert Redactor(["redacted"]).text("A_KEY=x1") == "A_KEY=[redacted]"


def test_one_line_of_a_secret_with_several_is_taken_out() -> None:
    redactor = Redactor(["first-line-of-the-secret\nsecond-line-of-the-secret"])
    assert redactor.text("> second-line-of-the-secret") == "> [redacted]"


def test_a_run_is_kept_without_secrets() -> None:
    secret = "hunter2hunter2"
    request = RunRequest(secret, "/", "/a", name=secret, thread={"config": {"x": [secret]}})
    run = Run("r", 1, request, RunState.FAILED, "g", "/", 0, 0.0, reason=secret, message=secret)
    assert secret not in repr(Redactor([secret]).run(run))


@pytest.mark.parametrize(
    "text", ["TOKEN", "A_KEY=", "://a:", "-----BEGIN PRIVATE KEY-----", 'TOKEN="', "eyJaaaaaa."]
)
def test_text_made_to_be_slow_is_not(text: str) -> None:
    text *= 200_000 // len(text)
    began = time.process_time()
    Redactor().text(text)
    # It takes 20 ms; what goes by the square of the length would take minutes.
    assert time.process_time() - began < 2
