"""Settings from the environment and `.env`.

Promises: no secret of `.env` enters the environment, where a child could inherit the value. Secrets
are fields of `Settings`, and `child_environment` omits their variables.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path

from codexmcp import installation
from codexmcp.data_classes import dataclass, field
from codexmcp.env_file import ENV_FILE_VARIABLE, read_dotenv
from codexmcp.errors import ConfigurationError
from codexmcp.secret_like import WITHHELD_VARIABLE, names_secret

KEY_VARIABLES = ("OPENAI_API_KEY", "CODEX_API_KEY")
"""Variables with an API key; the first non-empty value counts."""

KEY_FILE_VARIABLE = "OPENAI_API_KEY_FILE"
"""Path of a file with only a key, as used for secrets of containers."""

SECRET_VARIABLES = (*KEY_VARIABLES, KEY_FILE_VARIABLE)
"""Variables not inherited by children. The key file may be a pipe, readable only once."""

AGENTOS_TOKEN_VARIABLE = "AGENTOS_TOKEN"  # noqa: S105 - the name of a variable
"""The token of the HTTP server. Codex inherits the variable, because its `bearer_token_env_var`
refers to the name; the commands of runs do not. The value counts as a secret in everything
written down."""

TOKEN_FILE = "token"  # noqa: S105 - the name of a file
TOKENS_FILE = "tokens.toml"
SHORTEST_TOKEN = 16
"""Characters. A shorter token can be guessed."""

KEY_PROXY_VARIABLE = "CODEXMCP_KEY_PROXY"
OWN_KEY_PROXY = "own"
CODEX_KEY_PROXY = "codex"
"""Codex's `responses-api-proxy` in place of the forwarder, for one more version."""

REQUEST_RETRIES_VARIABLE = "CODEXMCP_REQUEST_RETRIES"

DEFAULT_REQUEST_RETRIES = 7
"""Codex's retries of a request that the key proxy could not deliver to the endpoint.

Source: Codex waits 0.2 s at first and doubles the wait each time, and restarts the sequence for
each of its two reconnects. With 7, a turn survives an outage of 70 s, and a dead endpoint ends the
turn after 80 s; with 4, Codex's default, an outage of 12 s ends the turn; with 6, an outage of 39
s; 8 take 155 s (measured)."""

_MAX_REQUEST_RETRIES = 12
"""With this value, a request waits for 14 minutes."""

_BINARY_VARIABLES = ("CODEX_BIN", "CODEX_PATH")
_PATH_VARIABLES = (
    *_BINARY_VARIABLES,
    "CODEX_HOME",
    "CODEX_MCP_WRAPPER_CODEX_HOME",
    "CODEX_MCP_WRAPPER_RUN_DIR",
    "CODEX_MCP_WRAPPER_POINTER_DIR",
    ENV_FILE_VARIABLE,
)
_SHARED_PREFIXES = ("OPENAI_", "CODEX_", "CODEXMCP_")
_SHARED_NAMES = frozenset(
    {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)
SANDBOX_VARIABLE = "CODEX_SANDBOX_MODE"
MODEL_VARIABLE = "CODEX_MODEL"
DEFAULT_SANDBOX_MODE = "workspace-write"
SANDBOX_MODES = ("read-only", "workspace-write", "danger-full-access")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings from the environment and `.env`. An empty variable counts as missing.

    Attributes:
        api_key: The API key, hidden in `repr`.
        base_url: A Responses-API endpoint other than OpenAI's, for example `http://host/v1`.
        codex_home: Codex's home folder. None: `CODEX_HOME` is unset. Codex MCP Sidecar's variable,
            `CODEX_MCP_WRAPPER_CODEX_HOME`, has precedence.
        codex_bin: The Codex binary. None: the bundled binary.
        sandbox_mode: Default sandbox mode for commands. None: the program's default.
        model: Default model. None: the configuration's model.
        key_file: Origin of the key: `.env`, or the file in `OPENAI_API_KEY_FILE`. None: the
            environment.
        dotenv: The `.env` file in use. None: no file.
        request_retries: Codex's retries of an unanswered request.
        key_proxy: The program that adds the key, `own` or `codex`.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    codex_home: Path | None = None
    codex_bin: str | None = None
    sandbox_mode: str | None = None
    model: str | None = None
    key_file: Path | None = None
    dotenv: Path | None = None
    request_retries: int = DEFAULT_REQUEST_RETRIES
    key_proxy: str = OWN_KEY_PROXY

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Regular files with secrets among these settings; pipes are excluded."""
        named = dict.fromkeys(path for path in (self.dotenv, self.key_file) if path is not None)
        return tuple(path for path in named if path.is_file())


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Settings of the HTTP server from the environment. An empty variable counts as missing.

    Attributes:
        folder: Folder of the tokens.
        token: The token, hidden in `repr`. None: read the token file.
        fs_roots: Folders of the file tools, separated as in PATH. None: unset.
        portfolio: Folder of the portfolio. None: unset.
        extension_dir: Folder of the editor extension. None: no extension.
    """

    folder: Path
    token: str | None = field(default=None, repr=False)
    fs_roots: str | None = None
    portfolio: Path | None = None
    extension_dir: Path | None = None


def load_http_settings(env: Mapping[str, str] = os.environ) -> HttpSettings:
    """Return the settings of the HTTP server in an environment.

    Raises:
        ConfigurationError: `AGENTOS_TOKEN` is invalid.
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
    """Return the folder of the HTTP server's tokens."""
    return Path(env.get("HOME") or Path.home()) / ".agentos"


def http_token_files(env: Mapping[str, str] = os.environ) -> tuple[Path, Path]:
    """Return the files of the HTTP server's token and of the further tokens."""
    folder = agentos_folder(env)
    return folder / TOKEN_FILE, folder / TOKENS_FILE


def restart_command(default: str, env: Mapping[str, str] = os.environ) -> str:
    """Return the user's command to start the program; empty if conversations cannot be continued.

    Args:
        default: The command in a checkout.
        env: The environment. The image's entrypoint sets the command there.
    """
    return env.get("CODEXMCP_CALLED_AS", default)


def _folder(value: str | None) -> Path | None:
    return Path(value).expanduser().absolute() if value else None


def load_settings(
    env: MutableMapping[str, str] = os.environ, *, project: Path | None = None
) -> Settings:
    """Read the settings, and remove the key variables from `env`.

    The environment has precedence over `.env`, and a key over a key file. Variables of `.env` for
    the OpenAI libraries and Codex are copied to `env`, except secrets; all other variables are not.

    Args:
        env: The environment.
        project: Folder of `.env`. None: the checkout. `CODEXMCP_ENV_FILE` has precedence.

    Raises:
        ConfigurationError: `.env` or the key file cannot be read, or a value is invalid.
    """
    dotenv = _dotenv_file(env, project)
    is_named = bool(env.get(ENV_FILE_VARIABLE))
    read = None if dotenv is None else read_dotenv(dotenv, is_named=is_named)
    from_file = read or {}
    key, key_file = _find_key(env, from_file, dotenv)
    _withhold(env, (dotenv, key_file, *_key_files(env, from_file)))
    for name, value in from_file.items():
        if _is_shared(name) and not env.get(name):
            env[name] = value
    for name in SECRET_VARIABLES:
        env.pop(name, None)
    _make_absolute(env)
    home = env.get("CODEX_MCP_WRAPPER_CODEX_HOME") or env.get("CODEX_HOME")
    return Settings(
        api_key=key,
        base_url=_base_url(env.get("OPENAI_BASE_URL")),
        codex_home=Path(home).expanduser().absolute() if home else None,
        codex_bin=codex_bin(env),
        sandbox_mode=sandbox_mode(env),
        model=env.get(MODEL_VARIABLE) or None,
        key_file=key_file,
        dotenv=None if read is None else dotenv,
        request_retries=_request_retries(env.get(REQUEST_RETRIES_VARIABLE)),
        key_proxy=_key_proxy(env.get(KEY_PROXY_VARIABLE)),
    )


def codex_bin(env: Mapping[str, str] = os.environ) -> str | None:
    """Return the configured Codex binary. None: the bundled binary."""
    return env.get("CODEX_BIN") or env.get("CODEX_PATH") or None


def child_environment(env: Mapping[str, str] = os.environ, **changes: str) -> dict[str, str]:
    """Return a child's environment: this process's without secrets, updated with `changes`."""
    kept = {name: value for name, value in env.items() if name not in SECRET_VARIABLES}
    return {**kept, **changes}


def secret_values(key: str | None, env: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the values to keep out of written text: the key and the values of secret variables."""
    found = {value for name, value in env.items() if names_secret(name) and value}
    return tuple(sorted(found | ({key} if key else set())))


def _is_shared(name: str) -> bool:
    """Return whether children may see a variable of `.env`: a known name, and not a secret's."""
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


def _key_files(*sources: Mapping[str, str]) -> list[Path]:
    """Return the possible key files, used or not."""
    named = [source[KEY_FILE_VARIABLE] for source in sources if source.get(KEY_FILE_VARIABLE)]
    return [Path(each).expanduser().absolute() for each in named]


def _withhold(env: MutableMapping[str, str], files: Iterable[Path | None]) -> None:
    """Record secret files in the environment, for a supervisor started later."""
    noted = [part for part in env.get(WITHHELD_VARIABLE, "").split(os.pathsep) if part]
    noted += [str(file) for file in files if file is not None and file.is_file()]
    if noted:
        env[WITHHELD_VARIABLE] = os.pathsep.join(dict.fromkeys(noted))


_pipes: dict[int, str] = {}


def _text_of_file_or_pipe(path: Path) -> str:
    """Return a file's text; a pipe's text is cached.

    A pipe is readable only once, and some commands ask twice.
    """
    status = path.stat()
    if not stat.S_ISFIFO(status.st_mode):
        return path.read_text(encoding="utf-8-sig")
    if status.st_ino not in _pipes:
        _pipes[status.st_ino] = path.read_text(encoding="utf-8-sig")
    return _pipes[status.st_ino]


def _read_key(path: Path) -> str:
    try:
        key = _cleaned_key(_text_of_file_or_pipe(path))
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
    """Return a key without a line end or quotes from a file or a shell."""
    return raw.strip().strip("\"'").strip()


def _checked_key(name: str, key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            f"{name} holds characters that no key has (a space, a control character or a non-ASCII "
            "letter); set it again"
        )
    return key


def _make_absolute(env: MutableMapping[str, str]) -> None:
    """Make relative paths absolute: the supervisor inherits the variables elsewhere."""
    for name in _PATH_VARIABLES:
        value = env.get(name)
        # A program name without a slash is looked up on PATH.
        if value and (name not in _BINARY_VARIABLES or os.sep in value):
            env[name] = str(Path(value).expanduser().absolute())


def _dotenv_file(env: Mapping[str, str], project: Path | None) -> Path | None:
    if named := env.get(ENV_FILE_VARIABLE):
        return Path(named).expanduser().absolute()
    folder = project or installation.CHECKOUT
    return None if folder is None else folder / ".env"


def _base_url(value: str | None) -> str | None:
    if not value:
        return None
    if not value.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"invalid OPENAI_BASE_URL {value!r}: set a URL, for example https://host/v1"
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
            f"invalid {REQUEST_RETRIES_VARIABLE} {value!r}: set a whole number from 0 to "
            f"{_MAX_REQUEST_RETRIES}"
        )
    return int(value)


def _key_proxy(value: str | None) -> str:
    kind = value or OWN_KEY_PROXY
    if kind not in {OWN_KEY_PROXY, CODEX_KEY_PROXY}:
        raise ConfigurationError(
            f"invalid {KEY_PROXY_VARIABLE} {kind!r}: set {OWN_KEY_PROXY} or {CODEX_KEY_PROXY}"
        )
    return kind


def sandbox_mode(env: Mapping[str, str]) -> str | None:
    """Return the default sandbox mode; None if unset.

    Raises:
        ConfigurationError: The mode is unknown.
    """
    mode = env.get(SANDBOX_VARIABLE) or None
    if mode is not None and mode not in SANDBOX_MODES:
        raise ConfigurationError(
            f"invalid {SANDBOX_VARIABLE} {mode!r}: set one of {', '.join(SANDBOX_MODES)}"
        )
    return mode
