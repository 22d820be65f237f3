"""The API server's constant defaults."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import yaml

from inplace.core.template import defaults, diff, trees
from inplace.core.template.change import PodChange

DATA = Path(__file__).parent / "data"

FILLED_CONTAINER = {
    "name": "app",
    "image": "app:1",
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
FILLED_SPEC = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
    "enableServiceLinks": True,
}


def spec(**fields):
    return {"spec": {"containers": [], **fields}}


def container(**fields):
    return spec(containers=[{"name": "app", "image": "app:1", **fields}])


def volume(**source):
    return spec(volumes=[{"name": "v", **source}])


def applied_container(**fields):
    return defaults.apply(container(**fields))["spec"]["containers"][0]


def applied_volume(**source):
    return defaults.apply(volume(**source))["spec"]["volumes"][0]


def test_an_empty_spec_and_container_are_filled():
    assert defaults.apply(container()) == {"spec": {**FILLED_SPEC, "containers": [FILLED_CONTAINER]}}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        pytest.param("app", "Always", id="no tag"),
        pytest.param("app:latest", "Always", id="latest"),
        pytest.param("app:1", "IfNotPresent", id="another tag"),
        pytest.param("r:5000/app", "Always", id="a port is no tag"),
        pytest.param(f"app@sha256:{'a' * 64}", "IfNotPresent", id="digest"),
        pytest.param(f"app:latest@sha256:{'a' * 64}", "Always", id="latest and digest"),
        pytest.param("", "IfNotPresent", id="no image"),
        pytest.param("???", "IfNotPresent", id="no reference"),
    ],
)
def test_the_pull_policy_follows_the_tag(image, policy):
    assert applied_container(image=image)["imagePullPolicy"] == policy


def test_a_given_pull_policy_stays():
    assert applied_container(image="app", imagePullPolicy="Never")["imagePullPolicy"] == "Never"


def test_ports_of_the_host_network_are_ports_of_the_host():
    ports = [{"containerPort": 1}, {"containerPort": 2, "hostPort": 0}, {"containerPort": 3, "hostPort": 3}]
    for field in ("containers", "initContainers"):
        spec = {"hostNetwork": True, field: [{"name": "a", "image": "a:1", "ports": ports}]}
        filled = defaults.apply({"spec": spec})["spec"][field][0]["ports"]
        assert [port["hostPort"] for port in filled] == [1, 2, 3]


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        pytest.param(
            {}, {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}, id="numbers"
        ),
        pytest.param(
            {"httpGet": {"port": 80}, "periodSeconds": 5, "initialDelaySeconds": 0},
            {
                "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                "timeoutSeconds": 1,
                "periodSeconds": 5,
                "successThreshold": 1,
                "failureThreshold": 3,
            },
            id="httpGet",
        ),
        pytest.param(
            {"grpc": {"port": 80}, "failureThreshold": 0},
            {
                "grpc": {"port": 80, "service": ""},
                "timeoutSeconds": 1,
                "periodSeconds": 10,
                "successThreshold": 1,
                "failureThreshold": 3,
            },
            id="grpc, and zero means absent",
        ),
    ],
)
@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_probes(probe, given, filled):
    assert applied_container(**{probe: given})[probe] == filled


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        pytest.param(
            {"ports": [{"containerPort": 1}]}, {"ports": [{"containerPort": 1, "protocol": "TCP"}]}, id="port"
        ),
        pytest.param(
            {"ports": [{"containerPort": 1, "protocol": "UDP", "hostPort": 0}]},
            {"ports": [{"containerPort": 1, "protocol": "UDP"}]},
            id="host port 0",
        ),
        pytest.param(
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}}}]},
            id="fieldRef",
        ),
        pytest.param(
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]},
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}}]},
            id="resourceFieldRef",
        ),
        pytest.param({"env": [{"name": "A", "value": ""}]}, {"env": [{"name": "A"}]}, id="empty env value"),
        pytest.param({"tty": False, "stdin": None, "workingDir": ""}, {}, id="zero values are not written"),
        pytest.param(
            {"lifecycle": {"preStop": {"httpGet": {"port": 1}}}},
            {"lifecycle": {"preStop": {"httpGet": {"port": 1, "path": "/", "scheme": "HTTP"}}}},
            id="lifecycle handler",
        ),
        pytest.param(
            {"securityContext": {"runAsUser": 0, "privileged": False}},
            {"securityContext": {"runAsUser": 0, "privileged": False}},
            id="zero of a pointer field is a value",
        ),
    ],
)
def test_containers(given, filled):
    assert applied_container(**given) == {**FILLED_CONTAINER, **filled}


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        pytest.param({}, {"emptyDir": {}}, id="no source"),
        pytest.param({"emptyDir": None}, {"emptyDir": {}}, id="a null source"),
        pytest.param({"configMap": {"name": "c"}}, {"configMap": {"name": "c", "defaultMode": 420}}, id="configMap"),
        pytest.param(
            {"secret": {"secretName": "s", "defaultMode": 0}},
            {"secret": {"secretName": "s", "defaultMode": 0}},
            id="mode 0",
        ),
        pytest.param({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}, id="hostPath"),
        pytest.param(
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {
                "projected": {
                    "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                    "defaultMode": 420,
                }
            },
            id="projected token",
        ),
        pytest.param(
            {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {
                "downwardAPI": {
                    "items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels", "apiVersion": "v1"}}],
                    "defaultMode": 420,
                }
            },
            id="downward API",
        ),
        pytest.param(
            {"ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
            {"ephemeral": {"volumeClaimTemplate": {"spec": {"volumeMode": "Filesystem"}}}},
            id="ephemeral",
        ),
        pytest.param(
            {"image": {"reference": "data:1"}},
            {"image": {"reference": "data:1", "pullPolicy": "IfNotPresent"}},
            id="image",
        ),
        pytest.param({"iscsi": {"iqn": "q"}}, {"iscsi": {"iqn": "q", "iscsiInterface": "default"}}, id="iscsi"),
    ],
)
def test_volumes(given, filled):
    assert applied_volume(**given) == {"name": "v", **filled}


@pytest.mark.parametrize(
    "given",
    [
        {"serviceAccountName": "bot"},
        {"serviceAccount": "bot"},
        {"serviceAccountName": "bot", "serviceAccount": "other"},
    ],
)
def test_the_account_has_two_names(given):
    found = defaults.apply(spec(**given))["spec"]
    assert (found["serviceAccountName"], found["serviceAccount"]) == ("bot", "bot")


def test_no_account_stays_no_account():
    assert not {"serviceAccountName", "serviceAccount"} & defaults.apply(spec(serviceAccountName=""))["spec"].keys()


def test_the_argument_is_not_changed_and_defaults_are_not_shared():
    given = container(livenessProbe={"httpGet": {"port": 1}})
    before = copy.deepcopy(given)
    first, second = defaults.apply(given), defaults.apply(given)
    first["spec"]["securityContext"]["runAsUser"] = 1
    assert given == before
    assert second["spec"]["securityContext"] == {}


@pytest.mark.parametrize(
    "given",
    [{}, {"spec": None}, {"spec": []}, {"spec": {"containers": "x", "volumes": [1, None]}}, {"metadata": 3}],
)
def test_what_is_no_template_passes_through(given):
    assert defaults.apply(defaults.apply(given)) == defaults.apply(given)


def test_a_real_api_server_fills_in_the_same():
    given = yaml.safe_load((DATA / "template.yaml").read_text())
    stored = json.loads((DATA / "template.stored.json").read_text())
    found = trees.differences(defaults.apply(given), stored)
    # The one default that the server fills into Pods and not into templates.
    assert found == [(("spec", "enableServiceLinks"), True, None)]
    assert diff.diff(given, stored) == diff.diff(stored, given) == PodChange()
