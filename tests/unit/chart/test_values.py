"""The values of the chart: what they accept, what Helm says to others, and what they do."""

from __future__ import annotations

import json

import helm_python
import pytest
import yaml

from hack.chart.files import FOLDER
from hack.chart.values import CHECKED_BY_SERVER, VALUES
from tests import helm

#: Values that are no good, and what the message names.
BAD = [
    ({"replicas": 2}, "'replicas' not allowed"),
    ({"replicaCount": "2"}, "at '/replicaCount': got string, want integer"),
    ({"replicaCount": -1}, "at '/replicaCount': minimum: got -1, want 0"),
    ({"image": {"tga": "v1"}}, "at '/image': additional properties 'tga' not allowed"),
    ({"image": {"repository": ""}}, "at '/image/repository'"),
    ({"image": {"digest": "sha256:12"}}, "at '/image/digest': 'sha256:12' does not match pattern"),
    ({"image": {"pullPolicy": "always"}}, "at '/image/pullPolicy': value must be one of"),
    ({"imagePullSecrets": ["registry"]}, "at '/imagePullSecrets/0': got string, want object"),
    ({"imagePullSecrets": [{}]}, "at '/imagePullSecrets/0': missing property 'name'"),
    ({"logLevel": "INFO"}, "at '/logLevel': value must be one of 'debug', 'info', 'warning', 'error'"),
    ({"maxDisrupted": 0}, "at '/maxDisrupted': minimum: got 0, want 1"),
    ({"maxDisruptedPerNamespace": "10%"}, "at '/maxDisruptedPerNamespace': got string, want"),
    ({"extraArgs": "--log-level=debug"}, "at '/extraArgs': got string, want array"),
    ({"extraEnv": [{"value": "x"}]}, "at '/extraEnv/0': missing property 'name'"),
    ({"serviceAccount": {"create": "yes"}}, "at '/serviceAccount/create': got string, want boolean"),
    ({"rbac": {"prepull": False}}, "at '/rbac': additional properties 'prepull' not allowed"),
    ({"policies": {"enabled": "true"}}, "at '/policies/enabled': got string, want boolean"),
    ({"policies": True}, "at '/policies': got boolean, want object"),
    ({"resources": {"limit": {}}}, "at '/resources': additional properties 'limit' not allowed"),
    ({"resources": {"limits": {"memory": ["1Gi"]}}}, "at '/resources/limits/memory': got array, want"),
    ({"podLabels": {"team": 1}}, "at '/podLabels/team': got number, want string"),
    ({"tolerations": [{"effect": "NoSchedul"}]}, "at '/tolerations/0/effect': value must be one of"),
    ({"affinity": {"podAntiaffinity": {}}}, "at '/affinity': additional properties 'podAntiaffinity' not allowed"),
    ({"monitoring": {"serviceMonitor": {"interval": "30"}}}, "at '/monitoring/serviceMonitor/interval'"),
    # What one value needs of another.
    ({"policies": {"gate": True}}, "policies.gate=true needs policies.enabled=true"),
    ({"policies": {"enabled": True, "mutating": False, "gate": True}}, "policies.gate=true needs policies.enabled"),
    ({"policies": {"unwatched": True}}, "policies.unwatched=true needs namespaced=true"),
    ({"serviceAccount": {"create": False}}, "serviceAccount.name: name the ServiceAccount that is there"),
]


@pytest.mark.parametrize(("values", "named"), BAD, ids=lambda one: json.dumps(one) if isinstance(one, dict) else "")
def test_a_bad_value_is_refused_with_its_name(values, named):
    assert named in helm.refusal(values)


def test_the_schema_is_closed_everywhere():
    """But for parts of Kubernetes' own types, which the API server checks, and maps."""

    def visit(node, path):
        kinds = node.get("type", ())
        if "object" in kinds and path != "/global" and node.get("additionalProperties") is not True:
            assert node["additionalProperties"] is False or "type" in node["additionalProperties"], path
        elif "object" in kinds and path != "/global":
            assert {key: node[key] for key in CHECKED_BY_SERVER} == CHECKED_BY_SERVER, path
        for key, below in node.get("properties", {}).items():
            visit(below, f"{path}/{key}")
        if "items" in node:
            visit(node["items"], f"{path}/-")

    schema = json.loads((FOLDER / "values.schema.json").read_text())
    visit(schema, "")
    server = [one.path for one in VALUES if one.schema.get("additionalProperties") is True]
    assert server == ["podSecurityContext", "securityContext"]


def test_every_value_is_described_and_has_its_default():
    schema, defaults = (FOLDER / "values.schema.json").read_text(), yaml.safe_load((FOLDER / "values.yaml").read_text())
    for one in VALUES:
        node, value = json.loads(schema), defaults
        for word in one.path.split("."):
            node, value = node["properties"][word], value[word]
        assert node["description"] == one.meaning
    assert len(VALUES) <= 50


def test_lint_finds_nothing():
    for values in ({}, {"replicaCount": 2, "policies": {"enabled": True, "gate": True}}, {"namespaced": True}):
        found = helm_python.lint(helm.CHART, values, strict=True)
        assert [one["error"] for one in found["messages"]] == ["icon is recommended"]


def deployment(values, **release):
    (found,) = [one for one in helm.objects(values, **release) if one["kind"] == "Deployment"]
    return found


def container(values):
    return deployment(values)["spec"]["template"]["spec"]["containers"][0]


#: A value, and the node of the Pod that it sets.
OF_THE_POD = {
    "nodeSelector": {"disk": "ssd", "kubernetes.io/os": "linux"},
    "tolerations": [{"key": "infra", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
    "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "priorityClassName": "system-cluster-critical",
    "imagePullSecrets": [{"name": "registry"}],
}


@pytest.mark.parametrize(("value", "given"), OF_THE_POD.items(), ids=OF_THE_POD)
@pytest.mark.parametrize("more", [{}, {"namespaced": True}, {"replicaCount": 3}], ids=str)
def test_what_is_given_for_the_pod_stands_instead_of_what_the_manifests_have(value, given, more):
    assert deployment({value: given, **more})["spec"]["template"]["spec"][value] == given


def test_the_image():
    assert container({"image": {"repository": "r.example/inplace", "tag": "v2"}})["image"] == "r.example/inplace:v2"
    digest = "sha256:" + "0" * 64
    given = {"repository": "r.example/inplace", "tag": "v2", "digest": digest, "pullPolicy": "Always"}
    assert container({"image": given})["image"] == f"r.example/inplace@{digest}"
    assert container({"image": given})["imagePullPolicy"] == "Always"


def test_the_arguments_come_after_those_of_the_manifests():
    given = {"logLevel": "debug", "maxDisrupted": 5_000_000, "maxDisruptedPerNamespace": 2, "extraArgs": ["--dry-run"]}
    before, made = container({})["args"], container(given)["args"]
    added = ["--log-level=debug", "--max-disrupted=5000000", "--max-disrupted-per-namespace=2", "--dry-run"]
    assert made == before + added


def test_labels_annotations_and_environment_are_added():
    made = deployment(
        {
            "podLabels": {"team": "a"},
            "podAnnotations": {"note": "b"},
            "commonLabels": {"cost": "c"},
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy"}],
        }
    )
    before, pod = deployment({})["spec"]["template"], made["spec"]["template"]
    assert pod["metadata"]["labels"] == {**before["metadata"]["labels"], "team": "a"}
    assert pod["metadata"]["annotations"] == {**before["metadata"]["annotations"], "note": "b"}
    assert made["metadata"]["labels"]["cost"] == "c"
    assert "cost" not in made["spec"]["selector"]["matchLabels"]
    env = pod["spec"]["containers"][0]["env"]
    assert env == [*before["spec"]["containers"][0]["env"], {"name": "HTTPS_PROXY", "value": "http://proxy"}]


def test_what_prometheus_selects_by():
    given = {"enabled": True}
    made = {"labels": {"release": "stack"}, "serviceMonitor": {**given, "interval": "10s"}, "prometheusRule": given}
    found = {one["kind"]: one for one in helm.objects({"monitoring": made})}
    assert {found[kind]["metadata"]["labels"]["release"] for kind in ("ServiceMonitor", "PrometheusRule")} == {"stack"}
    assert found["ServiceMonitor"]["spec"]["endpoints"][0]["interval"] == "10s"
    assert (
        found["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
        <= found["Service"]["metadata"]["labels"].items()
    )
    assert "ConfigMap" not in found


#: A switch, and the kinds and names of the objects that go with it, as a part of "KIND/NAME".
OFF = {
    "serviceAccount.create": ["ServiceAccount/"],
    "rbac.create": ["Role/", "RoleBinding/"],
    "rbac.prePull": ["/inplace-pre-pull"],
    "rbac.userRoles": ["/inplace-viewer", "/inplace-operator", "/inplace-sidecars"],
    "podDisruptionBudget.enabled": ["PodDisruptionBudget/"],
    "networkPolicy.enabled": ["NetworkPolicy/"],
    "flowSchema.enabled": ["FlowSchema/"],
    "priorityClass.create": ["PriorityClass/"],
}


@pytest.mark.parametrize(("switch", "gone"), OFF.items(), ids=OFF)
def test_what_a_switch_switches_off(switch, gone):
    first, last = switch.split(".")
    off = {last: False, **({"name": "inplace"} if first == "serviceAccount" else {})}
    before, after = (
        {f"{one['kind']}/{one['metadata']['name']}" for one in helm.objects({"replicaCount": 2, **values})}
        for values in ({}, {first: off})
    )
    assert after < before
    assert before - after == {name for name in before if any(part in name for part in gone)}
    if first == "priorityClass":
        assert "priorityClassName" not in deployment({first: {last: False}})["spec"]["template"]["spec"]
