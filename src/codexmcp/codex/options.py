"""How to run Codex: its app-server, its key proxy, its container. Imports no event loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.codex.access import KeyAccess, provider_overrides, retry_overrides
from codexmcp.data_classes import dataclass
from codexmcp.settings import OWN_KEY_PROXY

if TYPE_CHECKING:
    from codexmcp.codex.container.options import ContainerOptions
    from codexmcp.codex.prestart import Prestart
    from codexmcp.codex.resolution import Resolution

CheckAccess = Callable[[Mapping[str, Any]], None]
"""Refuses a task with these settings if Codex could not authenticate for it: CredentialsError."""


def accept_any(_task: Mapping[str, Any]) -> None:
    """Refuse no task: a `CheckAccess` for a Codex whose credentials are known to be there."""


@dataclass(frozen=True, slots=True)
class KeyProxyOptions:
    """How to run the key proxy.

    Attributes:
        codex: The Codex binary, which has the proxy of the kind `CODEX_KEY_PROXY`.
        env: The environment of the proxy, without secrets.
        access: The key and its endpoint.
        kind: `OWN_KEY_PROXY` or `CODEX_KEY_PROXY`.
    """

    codex: Path
    env: Mapping[str, str]
    access: KeyAccess
    kind: str = OWN_KEY_PROXY


@dataclass(frozen=True, slots=True)
class CodexOptions:
    """How to run Codex.

    Attributes:
        launch: How to start app-server.
        proxy: The key proxy to run beside it; None when Codex needs none.
        container: What to run app-server in; None means here. The proxy stays here.
        check_access: Refuses a task that Codex could not authenticate for; see `CodexSource`.
        prestart: The processes of the first start, if they run already; None otherwise.
    """

    launch: LaunchOptions
    proxy: KeyProxyOptions | None = None
    container: ContainerOptions | None = None
    check_access: CheckAccess = accept_any
    prestart: Prestart | None = None


def key_proxy_options(found: Resolution) -> KeyProxyOptions | None:
    """Return the options of the key proxy; None when there is no key to guard."""
    if found.choices.endpoint is not None or not isinstance(found.access, KeyAccess):
        return None
    return KeyProxyOptions(found.codex, found.env, found.access, found.settings.key_proxy)


def codex_options(
    found: Resolution, *, flags: Sequence[str] = (), opt_out: Sequence[str] = ()
) -> CodexOptions:
    """Return the options of a Codex on this machine, for every program that has one.

    Args:
        found: The binary, the home and the credentials.
        flags: Further flags of app-server, such as `--strict-config`.
        opt_out: Notifications that Codex does not send.
    """
    choices, proxy = found.choices, key_proxy_options(found)
    overrides = list(choices.overrides)
    if proxy is not None or choices.endpoint is not None:
        # The user's settings come later, and win.
        overrides = [*retry_overrides(found.settings.request_retries), *overrides]
    if choices.endpoint is not None:
        overrides += provider_overrides(choices.endpoint)
    launch = LaunchOptions(found.codex, found.env, overrides, flags=flags, opt_out=opt_out)
    return CodexOptions(launch, proxy, check_access=found.check_access)
