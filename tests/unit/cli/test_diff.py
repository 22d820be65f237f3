"""`inplace diff`: verdicts, exit codes, documents; and that it is offline."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from inplace.cli.app import main
from tests.unit.cli.test_app import loaded_by


def template(image="app:1", labels=None, **spec):
    return {
        "metadata": {"labels": {"app": "web", **(labels or {})}},
        "spec": {"containers": [{"name": "app", "image": image}], **spec},
    }


def workload(image="app:1", kind="StatefulSet", annotations=None, claims=None, **more):
    return {
        "kind": kind,
        "metadata": {"name": "web", "annotations": annotations or {}},
        "spec": {"template": template(image, **more), **({"volumeClaimTemplates": claims} if claims else {})},
    }


@pytest.fixture
def diff(tmp_path):
    def call(old, new, *options, stdin=None):
        paths = []
        for name, content in (("old", old), ("new", new)):
            if content is None:
                paths.append("-")
                continue
            path = tmp_path / name
            path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
            paths.append(str(path))
        return CliRunner().invoke(main, ["diff", *paths, *options], input=stdin)

    return call


@pytest.mark.parametrize(
    ("old", "new", "code", "verdict"),
    [
        pytest.param(template(), template(), 0, "Same", id="same"),
        pytest.param(template(), template(restartPolicy="Always"), 0, "Same", id="same but for a default"),
        pytest.param(template(), template("app:2"), 2, "InPlace", id="image"),
        pytest.param(template(), template(labels={"v": "2"}), 2, "InPlace", id="label"),
        pytest.param(template(), template(hostNetwork=True), 3, "Refused", id="field"),
        pytest.param(workload(), workload("app:2"), 2, "InPlace", id="workloads"),
        pytest.param(workload(kind="CloneSet"), workload("app:2", "CloneSet"), 2, "InPlace", id="any kind"),
        pytest.param(workload(), template("app:2"), 2, "InPlace", id="workload against bare template"),
    ],
)
def test_exit_codes_and_verdicts(diff, old, new, code, verdict):
    done = diff(old, new, "-o", "json")
    assert done.exit_code == code
    assert json.loads(done.stdout)["verdict"] == verdict
    assert diff(old, new).exit_code == code


def test_the_document_is_that_of_the_protocol(diff):
    done = diff(template(labels={"v": "1", "w": "1"}), template("app:2", labels={"v": "2", "x": "1"}), "-o", "json")
    assert json.loads(done.stdout) == {
        "apiVersion": "inplace.dev/v1",
        "kind": "Diff",
        "verdict": "InPlace",
        "images": {"app": "app:2"},
        "fromImages": {"app": "app:1"},
        "metadata": {
            "labels": {"add": {"x": "1"}, "change": {"v": ["1", "2"]}, "remove": ["w"]},
            "annotations": {"add": {}, "change": {}, "remove": []},
        },
        "reasons": [],
    }


def test_a_refusal_names_every_reason(diff):
    done = diff(template(), template("app:2", hostNetwork=True, dnsPolicy="None"), "-o", "json")
    found = json.loads(done.stdout)
    assert found["images"] == {}
    assert [(reason["code"], reason["path"]) for reason in found["reasons"]] == [
        ("FieldChanged", "spec.dnsPolicy"),
        ("FieldChanged", "spec.hostNetwork"),
    ]
    assert all(reason["message"] for reason in found["reasons"])


def test_yaml_says_the_same_as_json(diff):
    old, new = template(), template("app:2", hostNetwork=True)
    assert yaml.safe_load(diff(old, new, "-o", "yaml").stdout) == json.loads(diff(old, new, "-o", "json").stdout)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        pytest.param(template(), template(), ["same: nothing to change on live Pods"], id="same"),
        pytest.param(
            template(), template("app:2"), ["in place: 1 container restarts", "  image app: app:1 -> app:2"], id="image"
        ),
        pytest.param(
            template(labels={"v": "1", "w": "1"}),
            template(labels={"v": "2", "x": "3"}),
            ["in place: no restart", "  label x: added, 3", "  label v: 1 -> 2", "  label w: removed"],
            id="labels",
        ),
    ],
)
def test_text(diff, old, new, lines):
    assert diff(old, new).stdout.splitlines() == lines


def test_text_of_a_refusal(diff):
    first, reason = diff(template(), template(hostNetwork=True)).stdout.splitlines()
    assert first == "not in place"
    assert reason.startswith("  spec.hostNetwork: added (true)")


def test_no_colour_off_a_terminal_and_none_where_it_is_not_wanted(diff, monkeypatch):
    assert "\x1b[" not in diff(template(), template("app:2")).output
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_args, **_kwargs: False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert diff(template(), template("app:2")).exit_code == 2


def test_standard_input_for_either_side(diff):
    text = yaml.safe_dump(template("app:2"))
    assert diff(template(), None, stdin=text).exit_code == 2
    assert diff(None, template("app:2"), stdin=text).exit_code == 0


# -- the workload's own settings


def test_restart_on_of_the_new_manifest_counts(diff):
    changed: dict[str, Any] = {
        "kind": "StatefulSet",
        "metadata": {"annotations": {"inplace.dev/restart-on": ""}},
        "spec": {"template": template()},
    }
    changed["spec"]["template"]["metadata"]["annotations"] = {"checksum/config": "2"}
    assert "no restart" in diff(workload(), changed).output
    del changed["metadata"]["annotations"]["inplace.dev/restart-on"]
    restarts = diff(workload(), changed)
    assert restarts.exit_code == 2
    assert "1 container restarts\n  restart app: with the image that it has" in restarts.output
    assert json.loads(diff(workload(), changed, "-o", "json").output)["restarts"] == ["app"]


def test_settings_that_cannot_be_read_refuse_a_change_but_not_its_absence(diff):
    bad = {"inplace.dev/drain": "perhaps"}
    done = diff(workload(), workload("app:2", annotations=bad), "-o", "json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["reasons"][0]["code"] == "SettingInvalid"
    assert diff(workload(), workload(annotations=bad)).exit_code == 0
    both = diff(workload(), workload("app:2", annotations=bad, hostNetwork=True), "-o", "json")
    assert [reason["code"] for reason in json.loads(both.stdout)["reasons"]] == ["FieldChanged", "SettingInvalid"]


def test_the_kubelets_version_decides_about_sidecars(diff):
    old = template(initContainers=[{"name": "side", "image": "s:1", "restartPolicy": "Always"}])
    new = template(initContainers=[{"name": "side", "image": "s:2", "restartPolicy": "Always"}])
    assert diff(old, new, "--kubelet", "1.31").exit_code == 3
    assert diff(old, new, "--kubelet", "v1.32.4+k3s1").exit_code == 2
    unknown = diff(old, new, "-o", "json")
    assert unknown.exit_code == 2
    assert json.loads(unknown.stdout)["notes"][0]["code"] == "SidecarOnOldKubelet"
    assert "  note: spec.initContainers[side].image" in diff(old, new).stdout


def test_changed_volume_claim_templates_are_noted_and_never_block(diff):
    done = diff(workload(), workload("app:2", claims=[{"metadata": {"name": "data"}}]), "-o", "json")
    assert done.exit_code == 2
    assert [note["code"] for note in json.loads(done.stdout)["notes"]] == ["VolumeClaimTemplatesChanged"]


def test_what_the_server_fills_into_claim_templates_is_no_change(diff):
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    stored = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "creationTimestamp": None},
        "spec": {"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"},
        "status": {"phase": "Pending"},
    }
    done = diff(workload(claims=[stored]), workload("app:2", claims=[claim]), "-o", "json")
    assert "notes" not in json.loads(done.stdout)


# -- errors


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(template(), "kind: Service", "expected a workload or a Pod template", id="no workload"),
        pytest.param(
            workload(), workload(kind="DaemonSet"), "OLD is a StatefulSet but NEW is a DaemonSet", id="two kinds"
        ),
        pytest.param("a: [", template(), "line", id="broken"),
        pytest.param(None, None, "only one of OLD and NEW can be standard input", id="standard input twice"),
    ],
)
def test_errors_are_one_line_and_exit_1(diff, old, new, said):
    done = diff(old, new, stdin="")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_missing_file_is_one_line(diff):
    done = CliRunner().invoke(main, ["diff", "/no/such/file", "/neither"])
    assert (done.exit_code, done.stderr) == (1, "error: /no/such/file: No such file or directory\n")


def test_it_is_offline(tmp_path):
    path = tmp_path / "pod.yaml"
    path.write_text(yaml.safe_dump(template()))
    found = loaded_by("diff", str(path), str(path))
    assert "inplace.cli.diff" in found
    assert not {"aiohttp", "kubernetes_asyncio", "asyncio", "ssl", "inplace.kube.client"} & found
    assert {name for name in found if name.startswith("inplace.runtime.")} == {"inplace.runtime.printable"}
