"""The manifests in deploy/kubernetes: valid by Kubernetes's own schemas, and hardened."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.builds import CHECKOUT

FOLDER = CHECKOUT / "deploy" / "kubernetes"
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml"))
WORKLOADS = ["job.yaml", "serve.yaml"]
# The oldest that knows all fields, and the newest that the schemas are there for.
VERSIONS = ["1.31", "1.37"]


def manifest(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return read


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = manifest(name)["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_valid_and_has_no_field_that_kubernetes_does_not_know(
    name: str, version: str
) -> None:
    kubernetes_validate.validate(manifest(name), version, strict=True)


def test_the_validator_finds_a_field_that_is_mistyped() -> None:
    wrong = manifest("job.yaml")
    wrong["spec"]["backofLimit"] = 0
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_has_no_privileges_and_no_writable_root(name: str) -> None:
    spec = pod(name)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"]["type"] == "Localhost"
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"]["limits"].keys()


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_key_is_a_file_that_the_group_of_the_pod_can_read(name: str) -> None:
    spec = pod(name)
    (volume,) = [volume for volume in spec["volumes"] if "secret" in volume]
    assert volume["secret"]["defaultMode"] == 0o440
    (container,) = spec["containers"]
    folders = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    assert env["OPENAI_API_KEY_FILE"] == f"{folders[volume['name']]}/key"
    assert "OPENAI_API_KEY" not in env
    assert {folders[each["name"]] for each in spec["volumes"] if "emptyDir" in each} == {
        "/app/.codex",
        "/app/output",
        "/home/codex",
        "/tmp",
    }


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_network_policy_covers_the_pod(name: str) -> None:
    chosen = manifest("network-policy.yaml")["spec"]["podSelector"]["matchLabels"]
    labels = manifest(name)["spec"]["template"]["metadata"]["labels"]
    assert chosen.items() <= labels.items()
