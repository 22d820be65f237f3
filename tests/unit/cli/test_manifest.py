"""Files -> the one Pod template in them."""

from __future__ import annotations

import io
import json

import pytest

from inplace.cli import manifest
from inplace.cli.errors import InputError
from inplace.kube.errors import Malformed

SPEC = {"containers": [{"name": "app", "image": "app:1"}]}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": SPEC}


def workload(kind="StatefulSet", **fields):
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"template": TEMPLATE, **fields},
    }


@pytest.fixture
def read(tmp_path):
    def call(content):
        path = tmp_path / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return manifest.read(str(path))

    return call


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        pytest.param(workload(), "StatefulSet", id="StatefulSet"),
        pytest.param(workload("Deployment"), "Deployment", id="Deployment"),
        pytest.param(workload("CloneSet"), "CloneSet", id="a kind of somebody else's"),
        pytest.param(
            {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}}, "CronJob", id="CronJob"
        ),
        pytest.param({"kind": "PodTemplate", "template": TEMPLATE}, "PodTemplate", id="PodTemplate"),
        pytest.param(
            {"kind": "ControllerRevision", "data": {"spec": {"template": {"$patch": "replace", **TEMPLATE}}}},
            "ControllerRevision",
            id="ControllerRevision",
        ),
        pytest.param(TEMPLATE, "", id="a bare template"),
        pytest.param({"kind": "List", "items": [{"kind": "Service"}, workload()]}, "StatefulSet", id="a list"),
    ],
)
def test_the_template_is_found(read, document, kind):
    found = read(json.dumps(document))
    assert found.template == TEMPLATE
    assert found.kind == kind


def test_of_a_whole_pod_only_what_a_template_has(read):
    metadata = {"name": "web-0", "uid": "u", "resourceVersion": "7", "labels": {"app": "web"}}
    found = read(json.dumps({"kind": "Pod", "metadata": metadata, "spec": SPEC}))
    assert found.template == TEMPLATE


def test_the_workloads_own_metadata_and_claims_are_kept(read):
    document = workload(volumeClaimTemplates=[{"metadata": {"name": "data"}}])
    document["metadata"] |= {"labels": {"inplace.dev/mode": "InPlaceOnly"}, "annotations": {"a": None}}
    found = read(json.dumps(document))
    assert found.metadata.name == "web"
    assert found.metadata.labels == {"inplace.dev/mode": "InPlaceOnly"}
    assert found.metadata.annotations == {"a": ""}
    assert found.claim_templates == ({"metadata": {"name": "data"}},)


def test_yaml_as_kubectl_reads_it(read):
    found = read(
        "# a comment\n---\nmetadata:\n  annotations: {at: 2024-01-01T00:00:00Z, 8: x, on: y}\n"
        "spec:\n  containers: [&a {name: app, image: app}, *a]\n"
    )
    assert found.template["metadata"]["annotations"] == {"at": "2024-01-01T00:00:00Z", "8": "x", "true": True}
    assert found.template["spec"]["containers"][0] == found.template["spec"]["containers"][1]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + json.dumps(TEMPLATE).encode(), id="byte order mark"),
        pytest.param("{\n\t" + json.dumps(TEMPLATE)[1:], id="JSON with tabs"),
        pytest.param(
            "{metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'app:1'}]}}", id="flow YAML"
        ),
        pytest.param("kind: Service\n---\n" + json.dumps(TEMPLATE) + "\n---\n", id="one workload among others"),
    ],
)
def test_forms_of_the_same_file(read, content):
    assert read(content).template == TEMPLATE


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(TEMPLATE).encode())))
    assert manifest.read("-").template == TEMPLATE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "expected a workload or a Pod template, found nothing", id="empty"),
        pytest.param("---\n---\n", "found nothing", id="empty documents"),
        pytest.param("hello", "found no object", id="a scalar"),
        pytest.param("[1, 2]", "found no object", id="a list of numbers"),
        pytest.param("kind: Service\n---\nkind: ConfigMap", "found ConfigMap, Service", id="no workload"),
        pytest.param("a: 1", "found an object without a kind", id="some object"),
        pytest.param("kind: List\nitems: [1, null]", "found List", id="a list of nothing"),
        pytest.param(
            json.dumps(workload()) + "\n---\n" + json.dumps(workload("Deployment")),
            "expected one workload, found 2: StatefulSet/web, Deployment/web",
            id="two workloads",
        ),
        pytest.param("a: [1\nb: 2", "line 2:", id="broken YAML"),
        pytest.param('{"a": 1,,}', "line 1:", id="broken JSON"),
        pytest.param("a: b: c", "line 1: mapping values are not allowed here", id="two colons"),
        pytest.param("a: !!python/object:os.system x", "could not determine a constructor", id="a tag that would run"),
        pytest.param("? [1]\n: x", "line 1:", id="a key that is a list"),
        pytest.param(b"\xff\xfe\x00", "not UTF-8 text", id="binary"),
        pytest.param("a: \x07", "invalid YAML or JSON", id="control characters"),
        pytest.param("{" + "a: {" * 150 + "}" * 151, "nested more than 100 levels deep", id="deep"),
        pytest.param("[" * 5000, "nested more than 100 levels deep", id="deeper than the stack"),
        pytest.param("a: &a [*a]", "nested more than 100 levels deep", id="a thing inside itself"),
    ],
)
def test_bad_input_is_said(read, content, said):
    with pytest.raises((InputError, Malformed)) as caught:
        read(content)
    assert said in str(caught.value)
    assert str(caught.value).count("file: ") == 1


@pytest.mark.parametrize(("make", "said"), [(None, "No such file"), ("mkdir", "Is a directory")])
def test_files_that_cannot_be_read(tmp_path, make, said):
    path = tmp_path / "x"
    if make:
        path.mkdir()
    with pytest.raises(InputError, match=said):
        manifest.read(str(path))
