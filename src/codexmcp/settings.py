"""What the environment and `.env` say.

Promises that no secret of `.env` reaches the environment, where a child could inherit it: secrets
are values in `Settings`, and `child_environment` leaves out the variables they came from.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.secret_like import names_secret

KEY_VARIABLES = ("OPENAI_API_KEY", "CODEX_API_KEY")
"""Where a key is looked for, the first that is not empty wins."""

KEY_FILE_VARIABLE = "OPENAI_API_KEY_FILE"
"""Names a file that holds a key and nothing else, as secrets are given to containers."""

SECRET_VARIABLES = (*KEY_VARIABLES, KEY_FILE_VARIABLE)
"""What no child of ours inherits. The key's file may be a pipe, which can be read but once."""

AGENTOS_TOKEN_VARIABLE = "AGENTOS_TOKEN"  # noqa: S105 - the name of a variable
"""The token of the HTTP server. Codex inherits it, because its `bearer_token_env_var` names it; the
commands of runs do not, and it is a secret wherever something is written down."""

SHORTEST_TOKEN = 16
"""Characters. What is shorter can be guessed."""

REQUEST_RETRIES_VARIABLE = "CODEXMCP_REQUEST_RETRIES"

DEFAULT_REQUEST_RETRIES = 7
"""How often Codex sends a request again that the key proxy could not bring to the endpoint.

Source: Codex waits 0.2 s at first and twice as long each time, and begins anew for each of its two
tries to reconnect. With 7 a turn outlasts an outage of 70 s and a dead endpoint ends it after 80 s;
with 4, Codex's own default, an outage of 12 s ends it; with 6 one of 39 s; 8 take 155 s (measured).
"""

_MAX_REQUEST_RETRIES = 12
"""With so many one request waits for 14 minutes."""

_SHARED_PREFIXES = ("OPENAI_", "CODEX_", "CODEXMCP_")
_SHARED_NAMES = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)
DEFAULT_SANDBOX_MODE = "workspace-write"
SANDBOX_MODES = ("read-only", "workspace-write", "danger-full-access")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment and `.env` say. An empty variable counts as missing.

    Attributes:
        api_key: The key for the model, never shown in `repr`.
        base_url: A Responses-API endpoint other than OpenAI's, such as `http://host/v1`.
        codex_home: Codex's home folder; None when `CODEX_HOME` is not set. The variable of Codex
            MCP Sidecar, `CODEX_MCP_WRAPPER_CODEX_HOME`, comes first.
        codex_bin: The Codex binary asked for; None means the one that comes with us.
        sandbox_mode: How Codex's commands are sandboxed.
        key_file: The file that the key came from: `.env`, or that of `OPENAI_API_KEY_FILE`. None
            when it came from the environment.
        request_retries: How often Codex sends a request again that nobody answered.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    codex_home: Path | None = None
    codex_bin: str | None = None
    sandbox_mode: str = DEFAULT_SANDBOX_MODE
    key_file: Path | None = None
    request_retries: int = DEFAULT_REQUEST_RETRIES


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What the environment says about the HTTP server. An empty variable counts as missing.

    Attributes:
        folder: Where its tokens lie.
        token: Its token, never shown in `repr`; None when that lies in its file.
        fs_roots: The folders of its file tools, separated as in PATH; None when not given.
        portfolio: The folder of the portfolio; None when not given.
        extension_dir: The folder of the editor extension; None when there is none.
    """

    folder: Path
    token: str | None = field(default=None, repr=False)
    fs_roots: str | None = None
    portfolio: Path | None = None
    extension_dir: Path | None = None


def load_http_settings(env: Mapping[str, str] = os.environ) -> HttpSettings:
    """Read what the environment says about the HTTP server.

    Raises:
        ConfigurationError: `AGENTOS_TOKEN` is no token.
    """
    token = _cleaned_key(env.get(AGENTOS_TOKEN_VARIABLE, "")) or None
    if token is not None and len(_checked_key(AGENTOS_TOKEN_VARIABLE, token)) < SHORTEST_TOKEN:
        raise ConfigurationError(
            f"{AGENTOS_TOKEN_VARIABLE} has fewer than {SHORTEST_TOKEN} characters and could be "
            "guessed; unset it, and `codexmcp serve --http` makes one in ~/.agentos/token"
        )
    return HttpSettings(
        folder=agentos_folder(env),
        token=token,
        fs_roots=env.get("AGENTOS_FS_ROOTS") or None,
        portfolio=_folder(env.get("AGENTOS_PORTFOLIO")),
        extension_dir=_folder(env.get("AGENTOS_EXTENSION_DIR")),
    )


def agentos_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder with the tokens of the HTTP server."""
    return Path(env.get("HOME") or Path.home()) / ".agentos"


def _folder(value: str | None) -> Path | None:
    return Path(value).expanduser().absolute() if value else None


def load_settings(
    env: MutableMapping[str, str] = os.environ, *, dotenv: Path | None = None
) -> Settings:
    """Read the settings, and take the key variables out of `env`.

    A variable that is set in the environment wins over `.env`, and a key there over one in a file
    that it names. Of `.env`, the variables that the OpenAI libraries and Codex read are copied to
    `env`, secrets excepted; all others stay where they are.

    Args:
        env: The environment.
        dotenv: Path of a `.env` file; one that does not exist is no error.

    Raises:
        ConfigurationError: `.env` or the key's file cannot be read, or a value cannot be used.
    """
    from_file = _read_dotenv(dotenv) if dotenv is not None else {}
    key, key_file = _find_key(env, from_file, dotenv)
    for name, value in from_file.items():
        if _is_shared(name) and not env.get(name):
            env[name] = value
    for name in SECRET_VARIABLES:
        env.pop(name, None)
    home = env.get("CODEX_MCP_WRAPPER_CODEX_HOME") or env.get("CODEX_HOME")
    return Settings(
        api_key=key,
        base_url=_base_url(env.get("OPENAI_BASE_URL")),
        codex_home=Path(home).expanduser().absolute() if home else None,
        codex_bin=codex_bin(env),
        sandbox_mode=_sandbox_mode(env.get("CODEX_SANDBOX_MODE")),
        key_file=key_file,
        request_retries=_request_retries(env.get(REQUEST_RETRIES_VARIABLE)),
    )


def codex_bin(env: Mapping[str, str] = os.environ) -> str | None:
    """Return the Codex binary that was asked for; None means the one that comes with us."""
    return env.get("CODEX_BIN") or env.get("CODEX_PATH") or None


def child_environment(env: Mapping[str, str] = os.environ, **changes: str) -> dict[str, str]:
    """Return the environment for a child: ours without secrets, with `changes` on top."""
    kept = {name: value for name, value in env.items() if name not in SECRET_VARIABLES}
    return {**kept, **changes}


def secret_values(key: str | None, env: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return what must not be written down: the key, and what variables hold that are secrets."""
    found = {value for name, value in env.items() if names_secret(name) and value}
    return tuple(sorted(found | ({key} if key else set())))


def _is_shared(name: str) -> bool:
    """Return whether a variable of `.env` may reach children: known, and no secret by its name."""
    known = name.startswith(_SHARED_PREFIXES) or name.upper() in _SHARED_NAMES
    return known and not names_secret(name)


def _find_key(
    env: Mapping[str, str], from_file: Mapping[str, str], dotenv: Path | None
) -> tuple[str | None, Path | None]:
    for source, path in ((env, None), (from_file, dotenv)):
        for name in KEY_VARIABLES:
            if key := _cleaned_key(source.get(name, "")):
                return _checked_key(name, key), path
        if named := source.get(KEY_FILE_VARIABLE):
            file = Path(named).expanduser().absolute()
            return _checked_key(f"{KEY_FILE_VARIABLE} {file}", _read_key(file)), file
    return None, None


def _read_key(path: Path) -> str:
    try:
        key = _cleaned_key(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"cannot read the key from {KEY_FILE_VARIABLE} {path}: {reason}; name a file that this "
            "user may read, or set OPENAI_API_KEY instead"
        ) from None
    if not key:
        raise ConfigurationError(
            f"{KEY_FILE_VARIABLE} {path} is empty; it must hold the key and nothing else"
        )
    return key


def _cleaned_key(raw: str) -> str:
    """Return a key without the line end or quotes that it brought along from a file or a shell."""
    return raw.strip().strip("\"'").strip()


def _checked_key(name: str, key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            f"{name} holds characters that no key has (a space, a control character or a non-ASCII "
            "letter); set it again"
        )
    return key


def _read_dotenv(path: Path) -> dict[str, str]:
    from dotenv.parser import parse_stream  # noqa: PLC0415 - servers read no .env and start sooner

    try:
        # Editors on Windows begin a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"cannot read {path}: {reason}") from None
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            broken = binding.original.string
            # What could not be parsed begins with the empty lines before it.
            line = binding.original.line + broken[: -len(broken.lstrip())].count("\n")
            raise ConfigurationError(
                f"{path}, line {line}: not a NAME=value line; correct or remove it"
            )
        if binding.key is not None and binding.value:
            values[binding.key] = binding.value
    return values


def _base_url(value: str | None) -> str | None:
    if not value:
        return None
    if not value.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"OPENAI_BASE_URL is {value!r}, which is no URL; it must look like https://host/v1"
        )
    if "@" in value.split("/")[2]:
        raise ConfigurationError(
            "OPENAI_BASE_URL holds a user name or password, which would be shown to others; use a "
            "key instead"
        )
    return value.rstrip("/")


def _request_retries(value: str | None) -> int:
    if not value:
        return DEFAULT_REQUEST_RETRIES
    if not (value.isascii() and value.isdigit()) or int(value) > _MAX_REQUEST_RETRIES:
        raise ConfigurationError(
            f"{REQUEST_RETRIES_VARIABLE} is {value!r}; it must be a whole number from 0 to "
            f"{_MAX_REQUEST_RETRIES}"
        )
    return int(value)


def _sandbox_mode(value: str | None) -> str:
    mode = value or DEFAULT_SANDBOX_MODE
    if mode not in SANDBOX_MODES:
        raise ConfigurationError(
            f"CODEX_SANDBOX_MODE is {mode!r}; it must be one of {', '.join(SANDBOX_MODES)}"
        )
    return mode
