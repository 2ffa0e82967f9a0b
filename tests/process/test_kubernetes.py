"""The manifests in deploy/kubernetes: valid by Kubernetes's own schemas, hardened, and admitted."""

from __future__ import annotations

import shutil
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.builds import CHECKOUT
from tests.support.pod_security import BASELINE, RESTRICTED, violations

FOLDER = CHECKOUT / "deploy" / "kubernetes"
PATCHES = FOLDER / "patches"
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml"))
WORKLOADS = ["http.yaml", "job.yaml", "serve.yaml"]
VARIANTS = [None, *sorted(path.name for path in PATCHES.glob("*.yaml"))]
# The oldest that knows all fields, and the newest that the schemas are there for.
VERSIONS = ["1.31", "1.37"]


@cache
def _parsed(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def manifests(name: str) -> list[dict[str, Any]]:
    return deepcopy(_parsed(name))


def workload(name: str) -> dict[str, Any]:
    (found,) = [each for each in manifests(name) if each["kind"] in {"Deployment", "Job"}]
    return found


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = workload(name)["spec"]["template"]["spec"]
    return spec


def patched(name: str, patch: str | None, folder: Path) -> dict[str, Any]:
    """Return a workload with a patch, made by kubectl as the documentation has it."""
    made = workload(name)
    if patch is None:
        return made
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("only kubectl applies a strategic merge patch")
    file = folder / name
    file.write_text(yaml.safe_dump(made))
    argv = [kubectl, "patch", "--local", "-f", str(file), "--patch-file", str(PATCHES / patch)]
    ran = subprocess.run([*argv, "-o", "yaml"], capture_output=True, check=True, timeout=60)
    changed: dict[str, Any] = yaml.safe_load(ran.stdout)
    return changed


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_valid_and_has_no_field_that_kubernetes_does_not_know(
    name: str, version: str
) -> None:
    for each in manifests(name):
        kubernetes_validate.validate(each, version, strict=True)


def test_the_validator_finds_a_field_that_is_mistyped() -> None:
    wrong = workload("job.yaml")
    wrong["spec"]["backofLimit"] = 0
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_manifest_with_pods_is_tested() -> None:
    with_pods = [
        name
        for name in MANIFESTS
        if any("template" in each.get("spec", {}) for each in manifests(name))
    ]
    assert with_pods == WORKLOADS


@pytest.mark.parametrize("patch", VARIANTS)
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_namespace_of_either_level_admits_the_pod_with_and_without_a_patch(
    name: str, patch: str | None, tmp_path: Path
) -> None:
    made = patched(name, patch, tmp_path)
    kubernetes_validate.validate(made, VERSIONS[-1], strict=True)
    assert violations(made["spec"]["template"], BASELINE) == set()
    assert violations(made["spec"]["template"], RESTRICTED) == set()


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_patches_do_what_they_are_for(name: str, tmp_path: Path) -> None:
    spec = patched(name, "no-node-files.yaml", tmp_path)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert env["CODEX_SANDBOX_MODE"] == "danger-full-access"
    assert env["CODEXMCP_AUTH"] == "proxy"
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "appArmorProfile" not in spec["securityContext"]
    spec = patched(name, "no-apparmor.yaml", tmp_path)["spec"]["template"]["spec"]
    assert "appArmorProfile" not in spec["securityContext"]
    assert spec["securityContext"]["seccompProfile"]["type"] == "Localhost"


IN_POD = ("securityContext",)
IN_CONTAINER = ("containers", 0, "securityContext")
FORBIDDEN: dict[str, tuple[str, tuple[str | int, ...], dict[str, Any]]] = {
    "HostProcess": (BASELINE, IN_POD, {"windowsOptions": {"hostProcess": True}}),
    "Host Namespaces": (BASELINE, (), {"hostPID": True}),
    "Privileged Containers": (BASELINE, IN_CONTAINER, {"privileged": True}),
    "Capabilities": (BASELINE, IN_CONTAINER, {"capabilities": {"add": ["SYS_ADMIN"]}}),
    "HostPath Volumes": (BASELINE, (), {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}),
    "Host Ports": (BASELINE, ("containers", 0), {"ports": [{"hostPort": 80}]}),
    "Host Probes / Lifecycle Hooks": (
        BASELINE,
        ("containers", 0),
        {"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}},
    ),
    "AppArmor": (BASELINE, IN_POD, {"appArmorProfile": {"type": "Unconfined"}}),
    "SELinux": (BASELINE, IN_CONTAINER, {"seLinuxOptions": {"user": "root"}}),
    "/proc Mount Type": (BASELINE, IN_CONTAINER, {"procMount": "Unmasked"}),
    "Seccomp": (BASELINE, IN_POD, {"seccompProfile": {"type": "Unconfined"}}),
    "Sysctls": (BASELINE, IN_POD, {"sysctls": [{"name": "kernel.msgmax"}]}),
    "Volume Types": (RESTRICTED, (), {"volumes": [{"name": "a", "nfs": {}}]}),
    "Privilege Escalation": (RESTRICTED, IN_CONTAINER, {"allowPrivilegeEscalation": None}),
    "Running as Non-root": (RESTRICTED, IN_POD, {"runAsNonRoot": None}),
    "Running as Non-root user": (RESTRICTED, IN_POD, {"runAsUser": 0}),
}


@pytest.mark.parametrize("control", FORBIDDEN)
def test_a_pod_that_violates_a_control_is_found(control: str) -> None:
    level, where, change = FORBIDDEN[control]
    template = deepcopy(workload("serve.yaml")["spec"]["template"])
    part: Any = template["spec"]
    for key in where:
        part = part[key]
    part.update(change)
    assert control in violations(template, level)
    assert (control in violations(template, BASELINE)) == (level == BASELINE)


def test_the_annotation_of_older_versions_counts_as_well() -> None:
    template = deepcopy(workload("serve.yaml")["spec"]["template"])
    name = "container.apparmor.security.beta.kubernetes.io/codex"
    template["metadata"]["annotations"] = {name: "unconfined"}
    assert violations(template, BASELINE) == {"AppArmor"}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_has_no_privileges_and_no_writable_root(name: str) -> None:
    spec = pod(name)
    assert spec["securityContext"]["seccompProfile"]["type"] == "Localhost"
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"]["limits"].keys()
        # Else the default is Always for a tag `latest`, and no registry has such an image.
        assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_profiles_of_the_node_are_files_of_this_repository(name: str) -> None:
    context = pod(name)["securityContext"]
    assert context["seccompProfile"]["localhostProfile"] == "codexmcp/seccomp.json"
    named = context["appArmorProfile"]["localhostProfile"]
    assert f"\nprofile {named} " in (CHECKOUT / "deploy" / "apparmor" / named).read_text()


@pytest.mark.parametrize("name", WORKLOADS)
def test_secrets_are_files_that_the_group_of_the_pod_can_read(name: str) -> None:
    spec = pod(name)
    (container,) = spec["containers"]
    folders = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    secrets = {
        f"{folders[volume['name']]}/{volume['name']}": volume["secret"]["defaultMode"]
        for volume in spec["volumes"]
        if "secret" in volume
    }
    named = {value for variable, value in env.items() if variable.endswith("_FILE")}
    assert secrets == dict.fromkeys(named, 0o440)
    assert not {"OPENAI_API_KEY", "AGENTOS_TOKEN"} & env.keys()
    assert {folders[each["name"]] for each in spec["volumes"] if "emptyDir" in each} == {
        "/app/.codex",
        "/app/output",
        "/home/codex",
        "/tmp",
    }


def test_the_http_server_withholds_the_files_of_its_secrets() -> None:
    (container,) = pod("http.yaml")["containers"]
    secrets = {each["value"] for each in container["env"] if each["name"].endswith("_FILE")}
    assert {f"--deny-read={path}" for path in secrets} <= set(container["args"])


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_network_policy_covers_the_pod(name: str) -> None:
    (policy,) = manifests("network-policy.yaml")
    chosen = policy["spec"]["podSelector"]["matchLabels"]
    labels = workload(name)["spec"]["template"]["metadata"]["labels"]
    assert chosen.items() <= labels.items()


def test_only_the_http_server_is_let_in_to_and_only_by_marked_pods() -> None:
    service, policy, deployment = manifests("http.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == policy["spec"]["podSelector"]["matchLabels"] == labels
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"codexmcp-client": "true"}}}]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert port["containerPort"] == rule["ports"][0]["port"] == service["spec"]["ports"][0]["port"]
