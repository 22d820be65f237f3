"""manifests/: least rights, restricted Pods, and what kubectl makes of it."""

from __future__ import annotations

import shutil
import subprocess
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
import yaml

import inplace
from hack.pages.rights import JUSTIFIED, POLICY_RIGHTS, PULL_RIGHTS
from inplace.core.objects import names

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "manifests"
CLUSTER, NAMESPACED = "manifests", "manifests/overlays/namespaced"
#: For people: nobody is bound to them.
USERS = {"inplace-viewer", "inplace-operator", "inplace-sidecars"}
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")

NODE_RIGHTS = {key for key in JUSTIFIED if key[1] == "nodes"}
LEASE_RIGHTS = {key for key in JUSTIFIED if key[1] == "leases"}
WORK_RIGHTS = JUSTIFIED.keys() - NODE_RIGHTS - LEASE_RIGHTS - POLICY_RIGHTS.keys()


@cache
def built(directory):
    """What kubectl would apply."""
    done = subprocess.run(["kubectl", "kustomize", str(ROOT / directory)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


#: kustomize's own, and Prometheus' (a test of its own compares the PrometheusRule with it).
NO_OBJECTS = {"kustomization.yaml", "replacements.yaml", "rules.yaml"}


def files():
    return sorted(path for path in MANIFESTS.rglob("*.yaml") if path.name not in NO_OBJECTS)


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def rights(role):
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def of_kind(found, kind):
    return {one["metadata"]["name"]: one for one in found if one["kind"] == kind}


def deployment(directory):
    return of_kind(built(directory), "Deployment")["inplace"]


def pod_spec(directory):
    return deployment(directory)["spec"]["template"]["spec"]


# -- the files themselves; no kubectl needed


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_every_file_is_objects_of_kubernetes(path):
    found = documents(path)
    assert found
    for one in found:
        assert one["apiVersion"]
        assert one["kind"]
        assert one["metadata"]["name"]


def test_no_secret_is_made_read_or_mounted():
    for path in files():
        for one in documents(path):
            assert one["kind"] != "Secret"
            assert "secret" not in str(one).lower(), path


@pytest.mark.parametrize("path", [path for path in files() if "rbac" in path.name or "role" in path.name], ids=str)
def test_every_right_is_justified_and_none_is_a_wildcard(path):
    for one in documents(path):
        if one["kind"] in {"Role", "ClusterRole"}:
            assert rights(one) <= JUSTIFIED.keys() or rights(one) == PULL_RIGHTS.keys()
            assert "*" not in str(one["rules"])
            assert not any("nonResourceURLs" in rule for rule in one["rules"])


def test_only_a_role_of_its_own_creates_and_deletes_pods():
    assert not {verb for _, resource, verb in JUSTIFIED if resource.startswith("pods")} & {
        "create",
        "delete",
        "deletecollection",
    }


def test_every_resource_of_a_kustomization_exists():
    for path in MANIFESTS.rglob("kustomization.yaml"):
        found = yaml.safe_load(path.read_text())
        for one in [*found.get("resources", []), *found.get("components", []), *found.get("configurations", [])]:
            assert (path.parent / one).exists(), f"{path}: {one}"


# -- what kubectl makes of them


@needs_kubectl
@pytest.mark.parametrize("directory", [CLUSTER, NAMESPACED])
def test_the_lease_is_for_its_own_namespace_and_name(directory):
    role = of_kind(built(directory), "Role")["inplace-lease"]
    assert rights(role) == LEASE_RIGHTS
    named, unnamed = role["rules"]
    assert named["resourceNames"] == [names.LEASE]
    assert unnamed["verbs"] == ["create"]


@needs_kubectl
def test_the_cluster_wide_rights_are_just_those():
    found = built(CLUSTER)
    assert rights(of_kind(found, "ClusterRole")["inplace"]) == WORK_RIGHTS | NODE_RIGHTS | POLICY_RIGHTS.keys()
    assert rights(of_kind(found, "ClusterRole")["inplace-pre-pull"]) == PULL_RIGHTS.keys()
    assert set(of_kind(found, "ClusterRole")) - USERS == {"inplace", "inplace-pre-pull"}
    assert set(of_kind(found, "Role")) == {"inplace-lease"}


@needs_kubectl
def test_the_namespaced_installation_reads_nodes_and_nothing_else_outside():
    found = built(NAMESPACED)
    assert rights(of_kind(found, "ClusterRole")["inplace-nodes-default"]) == NODE_RIGHTS
    assert set(of_kind(found, "ClusterRole")) == {"inplace-nodes-default"}
    assert rights(of_kind(found, "Role")["inplace"]) == WORK_RIGHTS
    assert rights(of_kind(found, "Role")["inplace-pre-pull"]) == PULL_RIGHTS.keys()
    assert not of_kind(found, "Namespace")


@needs_kubectl
@pytest.mark.parametrize(("directory", "namespace"), [(CLUSTER, "inplace-system"), (NAMESPACED, "default")])
def test_every_binding_binds_a_role_that_is_there_to_our_account(directory, namespace):
    found = built(directory)
    bindings = [one for one in found if one["kind"].endswith("RoleBinding") or one["kind"] == "RoleBinding"]
    assert len(bindings) == len(of_kind(found, "Role")) + len(of_kind(found, "ClusterRole").keys() - USERS)
    for binding in bindings:
        assert binding["roleRef"]["name"] in of_kind(found, binding["roleRef"]["kind"])
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "inplace", "namespace": namespace}]
    assert of_kind(found, "ServiceAccount")["inplace"]["metadata"]["namespace"] == namespace
    for one in found:
        of_no_namespace = one["kind"] in {
            "Namespace",
            "ClusterRole",
            "ClusterRoleBinding",
            "PriorityClass",
            "FlowSchema",
        }
        assert one["metadata"].get("namespace") == (None if of_no_namespace else namespace)


@needs_kubectl
@pytest.mark.parametrize("directory", [CLUSTER, NAMESPACED])
def test_the_pod_satisfies_the_restricted_standard(directory):
    spec = pod_spec(directory)
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] >= 1000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & spec.keys()
    assert {"requests", "limits"} == container["resources"].keys()


@needs_kubectl
def test_its_namespace_demands_the_restricted_standard():
    labels = of_kind(built(CLUSTER), "Namespace")["inplace-system"]["metadata"]["labels"]
    assert [labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")] == ["restricted"] * 3


@needs_kubectl
@pytest.mark.parametrize(("directory", "more"), [(CLUSTER, []), (NAMESPACED, ["--watch-namespace=$(POD_NAMESPACE)"])])
def test_the_arguments_are_options_of_run(directory, more):
    from inplace.cli.run import run

    (container,) = pod_spec(directory)["containers"]
    listen = ["--listen=0.0.0.0:8080", "--probe-listen=0.0.0.0:8081"]
    assert container["args"] == ["run", *listen, "--lease-namespace=$(POD_NAMESPACE)", *more]
    known = {option for parameter in run.params for option in parameter.opts}
    assert {argument.partition("=")[0] for argument in container["args"][1:]} <= known
    assert container["env"] == [
        {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    ]


@needs_kubectl
def test_probes_ask_what_is_served_on_the_port_that_is_theirs():
    (container,) = pod_spec(CLUSTER)["containers"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == {"http": 8080, "probes": 8081}
    assert container["startupProbe"]["httpGet"] == {"path": "/livez", "port": "probes"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "probes"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "probes"}
    service = of_kind(built(CLUSTER), "Service")["inplace-metrics"]["spec"]
    assert service["ports"] == [{"name": "http", "port": 8080, "targetPort": "http"}]
    labels = deployment(CLUSTER)["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    assert deployment(CLUSTER)["spec"]["selector"]["matchLabels"].items() <= labels.items()


@needs_kubectl
def test_the_image_is_of_this_version():
    assert pod_spec(CLUSTER)["containers"][0]["image"] == f"inplace:{inplace.__version__}"


# -- the image's recipe


def test_the_image_runs_as_the_user_that_the_deployment_names():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    user = yaml.safe_load((MANIFESTS / "base" / "deployment.yaml").read_text())["spec"]["template"]["spec"]
    assert f"USER {user['securityContext']['runAsUser']}:{user['securityContext']['runAsGroup']}" in lines
    assert sum(line.startswith("FROM ") for line in lines) == 2
    assert any("--require-hashes" in line and "requirements.lock" in line for line in lines)


def test_the_build_context_has_what_the_recipe_copies_and_no_more():
    copied = {
        name.removeprefix("./")
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = [rule[1:] for rule in rules if rule.startswith("!")]

    def is_sent(name, rule):
        return fnmatch(name, rule) or rule.startswith(f"{name}/")

    assert all(any(is_sent(name, rule) for rule in sent) for name in copied)
    assert all(any(is_sent(name, rule) for name in copied) for rule in sent)
