"""The Pod Security Standards of Kubernetes as data, and what of a pod violates them.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/, the rules for Linux as
of Kubernetes 1.34. A namespace with the label `pod-security.kubernetes.io/enforce` admits no pod
that violates the rules of its level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BASELINE, RESTRICTED = "baseline", "restricted"

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_ADDABLE = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
        *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
_SYSCTLS = frozenset(
    {
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"),
        *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"),
        *("net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time"),
        *("net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
        *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    }
)
_VOLUMES = frozenset(
    {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
        *("projected", "secret"),
    }
)
_SELINUX_TYPES = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")


@dataclass(frozen=True, slots=True)
class Rule:
    """A control of a level.

    Attributes:
        level: The lowest level that has it.
        control: Its name there.
        fields: What it restricts. `pod.` begins what is in the pod's spec, `container.` what is in
            each container, `inherited.` what a container has of its own or of the pod's
            `securityContext`; `metadata.` is the pod's. `*` stands for every key or element.
        allows: Whether a value may be; None stands for one that is not defined.
    """

    level: str
    control: str
    fields: tuple[str, ...]
    allows: Callable[[Any], bool]


def _one_of(values: Sequence[object]) -> Callable[[Any], bool]:
    return lambda value: value in values


def _within(names: frozenset[str]) -> Callable[[Any], bool]:
    return lambda value: set(value or ()) <= names


_UNSET_OR_FALSE = _one_of([None, False])
_UNSET_OR_EMPTY = _one_of([None, ""])
_HANDLERS = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("lifecycle.postStart", "lifecycle.preStop")
_CONTEXTS = ("pod.securityContext", "container.securityContext")

RULES = (
    Rule(
        BASELINE,
        "HostProcess",
        tuple(f"{context}.windowsOptions.hostProcess" for context in _CONTEXTS),
        _UNSET_OR_FALSE,
    ),
    Rule(
        BASELINE,
        "Host Namespaces",
        ("pod.hostNetwork", "pod.hostPID", "pod.hostIPC"),
        _UNSET_OR_FALSE,
    ),
    Rule(
        BASELINE,
        "Privileged Containers",
        ("container.securityContext.privileged",),
        _UNSET_OR_FALSE,
    ),
    Rule(
        BASELINE,
        "Capabilities",
        ("container.securityContext.capabilities.add",),
        _within(_ADDABLE),
    ),
    Rule(BASELINE, "HostPath Volumes", ("pod.volumes.*.hostPath",), _one_of([None])),
    Rule(BASELINE, "Host Ports", ("container.ports.*.hostPort",), _one_of([None, 0])),
    Rule(
        BASELINE,
        "Host Probes / Lifecycle Hooks",
        tuple(
            f"container.{handler}.{action}.host"
            for handler in (*_HANDLERS, *_HOOKS)
            for action in ("httpGet", "tcpSocket")
        ),
        _UNSET_OR_EMPTY,
    ),
    Rule(
        BASELINE,
        "AppArmor",
        tuple(f"{context}.appArmorProfile.type" for context in _CONTEXTS),
        _one_of([None, "RuntimeDefault", "Localhost"]),
    ),
    Rule(
        BASELINE,
        "AppArmor",
        ("metadata.annotations.container.apparmor.security.beta.kubernetes.io/*",),
        lambda value: value in {None, "runtime/default"} or value.startswith("localhost/"),
    ),
    Rule(
        BASELINE,
        "SELinux",
        tuple(f"{context}.seLinuxOptions.type" for context in _CONTEXTS),
        _one_of([None, "", *_SELINUX_TYPES]),
    ),
    Rule(
        BASELINE,
        "SELinux",
        tuple(
            f"{context}.seLinuxOptions.{part}" for context in _CONTEXTS for part in ("user", "role")
        ),
        _UNSET_OR_EMPTY,
    ),
    Rule(
        BASELINE,
        "/proc Mount Type",
        ("container.securityContext.procMount",),
        _one_of([None, "Default"]),
    ),
    Rule(
        BASELINE,
        "Seccomp",
        tuple(f"{context}.seccompProfile.type" for context in _CONTEXTS),
        _one_of([None, "RuntimeDefault", "Localhost"]),
    ),
    Rule(
        BASELINE,
        "Sysctls",
        ("pod.securityContext.sysctls.*.name",),
        lambda value: value is None or value in _SYSCTLS,
    ),
    Rule(
        RESTRICTED,
        "Volume Types",
        ("pod.volumes.*",),
        lambda value: value is None or set(value) - {"name"} <= _VOLUMES,
    ),
    Rule(
        RESTRICTED,
        "Privilege Escalation",
        ("container.securityContext.allowPrivilegeEscalation",),
        _one_of([False]),
    ),
    Rule(RESTRICTED, "Running as Non-root", ("inherited.runAsNonRoot",), _one_of([True])),
    Rule(
        RESTRICTED,
        "Running as Non-root user",
        tuple(f"{context}.runAsUser" for context in _CONTEXTS),
        lambda value: value != 0,
    ),
    Rule(
        RESTRICTED,
        "Seccomp",
        ("inherited.seccompProfile.type",),
        _one_of(["RuntimeDefault", "Localhost"]),
    ),
    Rule(
        RESTRICTED,
        "Capabilities",
        ("container.securityContext.capabilities.drop",),
        lambda value: "ALL" in (value or ()),
    ),
    Rule(
        RESTRICTED,
        "Capabilities",
        ("container.securityContext.capabilities.add",),
        _within(frozenset({"NET_BIND_SERVICE"})),
    ),
)


def violations(template: Mapping[str, Any], level: str) -> set[str]:
    """Return the controls of a level, and of those below it, that a pod violates.

    Args:
        template: A pod, or the template of a workload: its `metadata` and its `spec`.
        level: `BASELINE` or `RESTRICTED`.
    """
    levels = (BASELINE,) if level == BASELINE else (BASELINE, RESTRICTED)
    return {
        rule.control
        for rule in RULES
        if rule.level in levels
        for field in rule.fields
        for value in _values(template, field)
        if not rule.allows(value)
    }


def _values(template: Mapping[str, Any], field: str) -> Iterator[Any]:
    where, _, path = field.partition(".")
    spec = template["spec"]
    containers = [each for kind in _CONTAINERS for each in spec.get(kind) or ()]
    if where == "metadata":
        # A name with dots and a slash, of which any end is meant.
        section, _, start = path.removesuffix("*").partition(".")
        named: Mapping[str, str] = (template.get("metadata") or {}).get(section) or {}
        yield from (value for name, value in named.items() if name.startswith(start))
    elif where == "pod":
        yield from _at(spec, path.split("."))
    elif where == "container":
        for container in containers:
            yield from _at(container, path.split("."))
    else:
        for container in containers:
            (own,) = _at(container.get("securityContext"), path.split("."))
            (inherited,) = _at(spec.get("securityContext"), path.split("."))
            yield inherited if own is None else own


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] == "*":
        for each in value or ():
            yield from _at(each, path[1:])
    else:
        yield from _at((value or {}).get(path[0]), path[1:])
