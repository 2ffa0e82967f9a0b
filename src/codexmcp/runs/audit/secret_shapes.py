"""Shapes of well-known secrets.

Pure. A shape has a mark, contained in every text with such a secret. Searching for a mark costs 0.5
ms per megabyte, so patterns only run on text with a mark.
"""

from __future__ import annotations

import re

from codexmcp.data_classes import dataclass

REDACTED = "[redacted]"
"""The replacement of a secret."""


@dataclass(frozen=True, slots=True)
class SecretShape:
    """The shape of a kind of secret.

    Attributes:
        mark: A part of every text with such a secret.
        pattern: The secret; the content of the group `keep` is no secret.
    """

    mark: str
    pattern: re.Pattern[str]

    def redact(self, text: str) -> str:
        """Return the text without secrets of this shape."""
        return self.pattern.sub(_without_secret, text) if self.mark in text else text


def _without_secret(match: re.Match[str]) -> str:
    return f"{match.groupdict().get('keep') or ''}{REDACTED}"


_KEY_BLOCK = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----)[\s\S]){0,20000}-----END [A-Z0-9 ]{0,40}-----"
    # The end is missing after a command that printed only the first lines.
    r"|(?:(?:\s|\\+[nr])*[A-Za-z0-9+/=]{16,})+)"
)
# Quotes may be escaped, in text with JSON or another shell's words. A count is no secret.
_VALUE = (
    r"(?!\d{1,9}(?![^\s\"'\\,;&]))"
    r"(?:(?P<quote>\\*[\"'])(?:(?!(?P=quote))[^\n]){1,4000}(?P=quote)"
    r"|\\*[\"']?[^\s\"'\\&;,|<>()]+)"
)
# A word of a command line or a file, but no variable. `_GAP` holds ends of lines of JSON, too.
_QUOTE = r"\\*[\"']?"
_WORD = r"(?!\$)[^\s\"'\\]{4,1024}"
_GAP = r"(?:\s|\\+[nrt]){1,8}"
_BLACK = r"[^\s\\]{1,256}"
_ASSIGNED = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY", "_KEY")
_ENDS_SO = ("_PASS", "_PWD", "_PAT")
"""Ends of variable names. Elsewhere in a name and in prose these words have other meanings."""

_QUERIED = ("token", "key", "secret", "password", "sig")
_BEARER = r"(?:(?=[A-Za-z._~+/=-]*\d)[A-Za-z0-9._~+/=-]{8,}|[A-Za-z._~+/=-]{20,})"


def _shape(mark: str, pattern: str) -> SecretShape:
    return SecretShape(mark, re.compile(pattern))


def _word(mark: str, rest: str) -> SecretShape:
    return _shape(mark, f"(?<![A-Za-z0-9]){re.escape(mark)}{rest}")


_KEYS = (
    _word("sk-", r"[A-Za-z0-9_-]{16,}"),
    _word("gsk_", r"[A-Za-z0-9]{20,}"),
    # One pattern with leading letters is as fast as one mark; five marks are slower.
    _shape("gh", r"gh(?<![A-Za-z0-9]gh)[pousr]_[A-Za-z0-9]{20,}"),
    _word("github_pat_", r"[A-Za-z0-9_]{20,}"),
    _word("hf_", r"[A-Za-z0-9]{30,}"),
    _word("xox", r"[a-z]-[A-Za-z0-9-]{10,}"),
    *(_word(kind, r"[A-Z0-9]{16}(?![A-Z0-9])") for kind in ("AKIA", "ASIA")),
    _word("AIza", r"[A-Za-z0-9_-]{30,}"),
    _word("glpat-", r"[A-Za-z0-9_-]{16,}"),
    _word("agt_", r"[A-Za-z0-9_-]{40,}"),
    _word("npm_", r"[A-Za-z0-9]{30,}"),
    _word("pypi-", r"[A-Za-z0-9_-]{40,}"),
    _shape("k_live_", r"(?<![A-Za-z0-9])[sr]k_live_[A-Za-z0-9]{16,}"),
    _word("whsec_", r"[A-Za-z0-9+/=]{20,}"),
    _word("SG.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    *(_word(kind, r"[A-Za-z0-9_-]{30,}") for kind in ("xai-", "nvapi-", "pplx-")),
    _word("AGE-SECRET-KEY-1", r"[A-Z0-9]{50,}"),
    *(_word(kind, r"[A-Za-z0-9_-]{20,}") for kind in ("r8_", "csk-", "tvly-", "ntn_", "sbp_")),
    *(_word(kind, r"[A-Za-z0-9_-]{20,}") for kind in ("dop_v1_", "lin_api_", "dckr_pat_", "glsa_")),
    *(_word(kind, r"[A-Za-z0-9_-]{20,}") for kind in ("shpat_", "xapp-", "GOCSPX-", "ATATT3")),
    *(_word(kind, r"[A-Za-z0-9_-]{20,}") for kind in ("ya29.", "hvs.")),
    _word("dapi", r"[0-9a-f]{32}(?![A-Za-z0-9])"),
    _shape("JQQJ9", r"(?<![A-Za-z0-9])[A-Za-z0-9]{52}JQQJ9[A-Za-z0-9]{20,}={0,2}"),
)

KEY_SHAPES: tuple[SecretShape, ...] = (_shape("PRIVATE KEY", _KEY_BLOCK), *_KEYS)
"""Keys recognizable by themselves, anywhere in a text."""

SHAPES: tuple[SecretShape, ...] = (
    _shape("PRIVATE KEY", _KEY_BLOCK),
    _shape("://", r"(?P<keep>://[^\s/:@\"'<>\\]{0,256}:)[^\s/@\"'<>\\]{1,1024}(?=@)"),
    *(_shape(name, f"(?P<keep>{name}[A-Z0-9_]{{0,64}}=){_VALUE}") for name in _ASSIGNED),
    *(_shape(f"{name}=", f"(?P<keep>{name}=){_VALUE}") for name in _ENDS_SO),
    *(
        _shape(f"{name}=", rf"(?P<keep>[?&][A-Za-z0-9_.-]{{0,40}}{name}=)[^\s\"'\\&;#<>]+")
        for name in _QUERIED
    ),
    _shape("earer ", rf"(?P<keep>[Bb]earer +){_BEARER}"),
    _shape("EARER ", rf"(?P<keep>BEARER +){_BEARER}"),
    _shape("asic ", r"(?P<keep>uthorization\\*[\"']?: *\\*[\"']?[Bb]asic +)[A-Za-z0-9+/=_-]{8,}"),
    _shape(
        "uthorization",
        r"(?P<keep>uthorization\\*[\"']?: *\\*[\"']?(?:[Tt]oken|[Aa]pi-?[Kk]ey) +)"
        r"[A-Za-z0-9+/=._-]{8,}",
    ),
    _shape(
        "curl ",
        r"(?P<keep>curl [^\n]{0,400}?(?<= )(?:-u ?|--user[ =])\\*[\"']?[^\s:\"'\\$]{1,64}:)"
        r"(?![$])[^\s\"'\\]{4,}",
    ),
    _shape("sshpass ", rf"(?P<keep>sshpass [^\n]{{0,100}}?(?<= )-p ?{_QUOTE}){_WORD}"),
    _shape("mysql", rf"(?P<keep>mysql[a-z]{{0,8}} [^\n]{{0,400}}?(?<= )-p{_QUOTE}){_WORD}"),
    _shape(
        "machine ",
        rf"(?P<keep>machine{_GAP}{_BLACK}{_GAP}login{_GAP}{_BLACK}{_GAP}password{_GAP}){_WORD}",
    ),
    _shape("ookie: ", r"(?P<keep>[Cc]ookie: )(?=[\w.-]{1,64}=)[^\s\"'\\][^\n\r\"'\\]{3,8192}"),
    _shape("AccountKey=", r"(?P<keep>AccountKey=)[A-Za-z0-9+/=]{16,}"),
    *_KEYS,
    _word("eyJ", r"[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
)
"""All shapes. Blocks and assignments come before the words inside.

Source: the prefixes are documented by OpenAI, Anthropic, OpenRouter, Groq, Hugging Face, GitHub,
Slack, AWS, Google, GitLab, npm, PyPI, Stripe, SendGrid, xAI, NVIDIA, Perplexity, Replicate,
Cerebras, Tavily, Notion, Supabase, DigitalOcean, Linear, Docker, Grafana, Shopify, Atlassian,
HashiCorp, Databricks and age for their tokens, `agt_` is our own; newer keys of Azure contain
`JQQJ9`; JWT is RFC 7519. Keys of Mistral and older keys of Azure have no mark of their own, and are
recognized by the name in an assignment. The choice of secret names is our policy.
"""

_NAMES = (
    *("token", "secret", "password", "passwd", "passphrase", "credential"),
    *("apikey", "api_key", "api-key"),
)
_CALLED = (
    *_NAMES,
    *map(str.upper, _NAMES),
    *map(str.capitalize, _NAMES),
    "apiKey",
    "ApiKey",
    "Api-Key",
)
# `bearer_token_env_var` of config.toml names a variable.
_REST = r"(?!iz|_env_var)[A-Za-z0-9_-]{0,64}+"
# A word, a count, a call, a variable or a type after a name in prose or code is no secret. So a
# value without quotes needs a digit among its letters. After `password=` a word is enough.
_NO_COUNT = r"(?!\d{1,12}(?![\w+/=-]))"
_BARE = r"[^\s\"'`\\&;,|<>(){}\[\]$*]"
_LOOSE = (
    r"(?:(?P<quote>\\*[\"'`])(?![$<{*]|\d{1,9}(?P=quote))[^\s\"'`\\]{4,1024}(?P=quote)"
    rf"|{_NO_COUNT}(?={_BARE}{{0,64}}\d){_BARE}{{6,1024}}+(?!\())"
)
_TIED = (
    rf"{_NO_COUNT}(?!(?i:none|null|true|false|str)\b|[A-Za-z_]\w*\.[A-Za-z_])"
    rf"{_BARE}{{4,1024}}+(?!\()"
)
_CALLED_SO = (
    r"(?i:[A-Za-z0-9_-]{0,64}(?:token|secret|password|passwd|api[_-]?key|_key|credential)s?)"
)
_ARGUMENT = rf"(?:{_LOOSE}|(?![=:-]){_BARE}{{12,1024}})"


def _after(mark: str, name: str, value: str) -> SecretShape:
    return _shape(mark, f"(?P<keep>{name}){value}")


ANY_CASE: tuple[SecretShape, ...] = (
    *(
        _after(name, rf"{name}{_REST}\\*[\"']?[ \t]*(?::=|=>|=|:)[ \t]*", _LOOSE)
        for name in _CALLED
    ),
    *(
        _after(name, f"{name}{_REST}=", _TIED)
        for name in ("password", "Password", "PASSWORD", "passwd", "PASSWD")
    ),
    # `export NAME value` is a common mistake; the other forms are from csh, fish and command lines.
    _after("export ", rf"export {_CALLED_SO}[ \t]+", _ARGUMENT),
    _after("setenv ", rf"setenv {_CALLED_SO}[ \t]+", _ARGUMENT),
    _after("set -", rf"set -\w{{1,16}}[ \t]+{_CALLED_SO}[ \t]+", _ARGUMENT),
    _after("--", rf"--(?<![\w-]--)(?=[A-Za-z]){_CALLED_SO}[ \t]+", _ARGUMENT),
)
"""Assignments in any case, also searched for in texts for people."""

SECRET_NAMES = frozenset(
    {
        "password",
        "passwd",
        "secret",
        "clientsecret",
        "apikey",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "bearertoken",
        "experimentalbearertoken",
        "authorization",
    }
)
"""Names of fields with a secret as text, in lower case and without `-` and `_`."""
