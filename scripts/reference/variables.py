"""Meanings and defaults of the environment variables."""

from __future__ import annotations

from codexmcp.run_settings import DEFAULT_SOFT_TIMEOUT_S, DEFAULT_TIMEOUT_S
from codexmcp.settings import DEFAULT_REQUEST_RETRIES, DEFAULT_SANDBOX_MODE, OWN_KEY_PROXY

Row = tuple[tuple[str, ...], str, str]
"""Names, meaning, default."""

PROGRAMS: tuple[Row, ...] = (
    (
        ("OPENAI_API_KEY", "CODEX_API_KEY"),
        (
            "key for the model of the agent and for the model of Codex; the first non-empty "
            "variable wins"
        ),
        "",
    ),
    (
        ("OPENAI_API_KEY_FILE",),
        "file that contains the key and nothing else, used when no variable has the key",
        "",
    ),
    (
        ("OPENAI_BASE_URL",),
        "any endpoint with a Responses API, for the agent and for Codex",
        "OpenAI",
    ),
    (
        ("CODEXMCP_REQUEST_RETRIES",),
        (
            "how often Codex repeats a request that the endpoint behind the key proxy does "
            "not answer. 7 survives an outage of a minute, and a dead endpoint ends a turn "
            "after 80 s; with 4 after 12 s, with 1 after 3 s"
        ),
        str(DEFAULT_REQUEST_RETRIES),
    ),
    (
        ("CODEXMCP_KEY_PROXY",),
        (
            "`codex` uses the `responses-api-proxy` of Codex in place of our forwarder, for "
            "one more version"
        ),
        f"`{OWN_KEY_PROXY}`",
    ),
    (
        ("CODEX_SANDBOX_MODE",),
        "sandbox of commands where a task names none",
        f"`{DEFAULT_SANDBOX_MODE}`; for the tool `codex` the default of the removed server",
    ),
    (
        ("CODEX_MODEL",),
        "model of Codex where a task names neither a model nor a profile",
        "that of `config.toml`",
    ),
    (
        ("CODEX_HOME",),
        "Codex home: configuration, skills, login",
        "`.codex/` of the checkout for `main.py` and `newway.py`; `~/.codex` for `codexmcp`",
    ),
    (
        ("CODEX_BIN", "CODEX_PATH"),
        "another Codex binary: a path, or a name on PATH",
        "the binary of the installation",
    ),
    (
        ("CODEXMCP_ENV_FILE",),
        "file to read in place of `.env` of the checkout",
        "",
    ),
    (
        ("CODEXMCP_WITHHELD",),
        (
            "further files, separated as in `PATH`, that commands of runs and tools of the "
            "HTTP server may not read"
        ),
        "",
    ),
)

NETWORK: tuple[Row, ...] = (
    (
        ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        (
            "proxy for the endpoint and for Codex, and exceptions. Loopback is always an "
            "exception: our processes reach each other directly"
        ),
        "",
    ),
    (
        ("CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"),
        (
            "PEM file of certificates to trust, such as those of a company; the first "
            "variable that is set counts"
        ),
        "",
    ),
)

RUNS: tuple[Row, ...] = (
    (("CODEX_MCP_WRAPPER_CODEX_HOME",), "Codex home; wins over `CODEX_HOME`", ""),
    (("CODEX_MCP_WRAPPER_RUN_DIR",), "folder of audit files", "`<cwd>/.codex/codex-mcp/runs`"),
    (
        ("CODEX_MCP_WRAPPER_POINTER_DIR",),
        "folder of the store and of the index of all projects",
        "`$CODEX_HOME/mcp-wrapper`",
    ),
    (
        ("CODEX_MCP_WRAPPER_TIMEOUT_MS",),
        "time limit of a run in milliseconds, 0 for none",
        f"{DEFAULT_TIMEOUT_S * 1000:.0f}",
    ),
    (
        ("CODEX_MCP_WRAPPER_WAIT_SOFT_TIMEOUT_MS",),
        "length of a wait in milliseconds, 0 to wait until the end",
        f"{DEFAULT_SOFT_TIMEOUT_S * 1000:.0f}",
    ),
    (
        ("CODEX_MCP_WRAPPER_DEFAULT_PERMISSIONS",),
        "sandbox mode, permissions profile, or `yolo` for full access",
        f"`CODEX_SANDBOX_MODE`, else `{DEFAULT_SANDBOX_MODE}`",
    ),
    (
        ("CODEX_MCP_WRAPPER_APP_SERVER_MODE",),
        "`private`: runs belong to `codex-mcp-sidecar` itself and end with it",
        "`shared`",
    ),
    (
        ("CODEXMCP_RUN_ENV",),
        "further variables of the client for commands of its runs, separated by commas",
        "",
    ),
)

SERVER: tuple[Row, ...] = (
    (("AGENTOS_TOKEN",), "token of the server, in place of `~/.agentos/token`", ""),
    (
        ("AGENTOS_FS_ROOTS",),
        "folders of the file and git tools, separated as in `PATH` (`--fs-root`)",
        "the working directory",
    ),
    (("AGENTOS_PORTFOLIO",), "folder of the portfolio (`--portfolio`)", "`./context-portfolio`"),
    (("AGENTOS_EXTENSION_DIR",), "folder of the editor extension (`--extension`)", "none"),
)

CONTAINER: tuple[Row, ...] = (
    (("CODEXMCP_AUTH",), "`login` or `proxy`: how the image uses a key", "`login`"),
    (("AGENTOS_TOKEN_FILE",), "file with the token of `serve --http`", ""),
    (("CODEXMCP_IMAGE",), "image of all services", "`codexmcp:latest`"),
    (("CODEXMCP_KEY_FILE",), "file with the key", "`./secrets/openai_api_key`"),
    (("CODEXMCP_TOKEN_FILE",), "file with the token", "`./secrets/agentos_token`"),
    (("CODEXMCP_PORT",), "port of the service `http` on this machine", "`3000`"),
    (("CODEXMCP_MEMORY", "CODEXMCP_CPUS"), "limits of each container", "`2g`, `2`"),
)

INTERNAL = {
    "OPENAI_AGENTS_DISABLE_TRACING": "set by a rehearsal for the Agents SDK",
    "CODEXMCP_EXEC": "set by `newway.py` for `codexmcp-exec`",
    "CODEXMCP_CALLED_AS": "set by the entrypoint of the image for texts about continuing",
    "CODEX_SQLITE_HOME": "read and documented by Codex",
    "CODEX_OSS_BASE_URL": "read and documented by Codex",
}
"""Variables that users do not set, and the reason."""
