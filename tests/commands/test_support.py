"""`inplace events`, `logs` and `report`: what there is to see of an upgrade that went wrong, and what to hand on."""

from __future__ import annotations

import asyncio
import tarfile

import pytest
import yaml

from inplace.cli import report
from inplace.core.views import redaction
from inplace.kube import resource as resources
from tests.commands.conftest import NAMESPACE

SECRET = "correct-horse"


async def upgraded(shop, tag="v2"):
    await shop.create_ready(2, gate=False, annotations={"pre-pull": "Never"})
    await shop.reported("UpToDate")
    await shop.set_image(tag)


async def test_events_of_a_workload_and_its_pods(shop):
    other = {
        "metadata": {"name": "other.1"},
        "involvedObject": {"kind": "Pod", "name": "other", "namespace": NAMESPACE, "uid": "u"},
        "reason": "Foreign",
        "message": "of this one",
        "type": "Warning",
        "source": {"component": "x"},
    }
    await shop.client.create(resources.EVENTS, NAMESPACE, other, type=dict)
    async with shop.controller():
        await upgraded(shop)
        await shop.reported("UpToDate")
        await shop.until(lambda: said(shop, "UpgradeCompleted"), "the Event of the end")
        about = {"kind": "Pod", "name": "web-0", "namespace": NAMESPACE, "uid": (await shop.pod("web-0")).uid}
        pulled = {**other, "metadata": {"name": "web-0.1"}, "involvedObject": about, "type": "Normal"}
        await shop.client.create(resources.EVENTS, NAMESPACE, pulled, type=dict)
        done = await shop.inplace("events", "sts/web")
        document = (await shop.inplace("events", "sts/web", "-o", "json")).json()
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["LAST", "SEEN", "TYPE", "OBJECT", "REASON", "COUNT", "MESSAGE"]
    assert "statefulset/web" in done.out
    assert "pod/web-0" in done.out
    assert "other" not in done.out
    assert [one["at"] for one in document["items"]] == sorted(one["at"] for one in document["items"])
    assert {"Normal"} == {one["type"] for one in document["items"]}


async def said(shop, reason):
    return reason in (await shop.inplace("events", "sts/web")).out


async def test_events_are_watched_and_each_is_told_once(shop):
    async with shop.controller():
        await shop.create_ready(1, gate=False, annotations={"pre-pull": "Never"})
        await shop.reported("UpToDate")
        watching = asyncio.create_task(shop.inplace("events", "sts/web", "-w", "--timeout", "8s"))
        await asyncio.sleep(2)
        await shop.set_image("v2")
        await shop.reported("UpToDate")
        watched = await watching
    assert (watched.code, watched.err) == (0, "")
    lines = watched.out.splitlines()
    assert len(lines) == len(set(lines))
    assert sum("UpgradeStarted" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--timeout", "1s"), "--timeout is for --watch: expected both, or neither"),
        (("-w", "-o", "json"), "--watch prints lines: expected --output text, not json"),
    ],
)
async def test_options_of_events_that_do_nothing_are_refused(shop, words, message):
    done = await shop.inplace("events", "sts/web", *words)
    assert (done.code, done.err) == (1, f"error: {message}\n")


async def test_logs_are_those_of_the_pod_in_flight(shop):
    async with shop.controller():
        await shop.create_ready(2, gate=False, annotations={"pre-pull": "Never"})
        await shop.annotate(min_ready_seconds="6")
        await shop.reported("UpToDate")
        none = await shop.inplace("logs", "sts/web")
        message = "no Pod of statefulset/web failed or is in flight: expected one by its name, such as pod/web-"
        assert (none.code, none.err.startswith(f"error: {message}")) == (1, True), none
        await shop.set_image("v2")
        await shop.until(lambda: restarted(shop), "web-1 to restart")
        done = await shop.inplace("logs", "sts/web")
        own = await shop.inplace("logs", "pod/web-0", "-c", "app")
        unknown = await shop.inplace("logs", "pod/web-0", "-c", "x")
        shop.denied = lambda request: request.subresource == "log"
        denied = await shop.inplace("logs", "pod/web-0")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "==> pod/web-1 app (previous) <==",
        "start 0 of app",
        "==> pod/web-1 app <==",
        "start 1 of app: shop:v2",
    ]
    assert own.out == "==> pod/web-0 app <==\nstart 0 of app: shop:v1\n"
    assert unknown.err == 'error: pod/web-0 has no container "x" that has started: expected app\n'
    assert (denied.code, "forbidden" in denied.err) == (1, True)


async def restarted(shop):
    return (await shop.pod("web-1")).status.container_statuses[0].restart_count == 1


async def test_a_report_has_what_decides_and_no_secret(shop, tmp_path):
    path = tmp_path / "web.tar.gz"
    async with shop.controller():
        await upgraded(shop)
        await shop.reported("UpToDate")
        env = [{"name": "TOKEN", "value": SECRET}]
        container = {"name": "app", "env": env, "args": [SECRET], "command": ["sh", SECRET]}
        change = {"metadata": {"annotations": {"example.com/key": SECRET}}}
        await shop.patch({**change, "spec": {"template": {"spec": {"containers": [container]}, **change}}})
        await shop.reported("Refused")
        done = await shop.inplace("report", "sts/web", "-f", str(path), "--logs")
        again = await shop.inplace("report", "sts/web", "-f", str(path))
    assert (done.code, done.err, done.out.startswith(f"{path} written")) == (0, "", True), done
    assert (again.code, again.err) == (1, f"error: {path} exists: give another --filename, or remove it\n")
    files = unpacked(path)
    assert {"status.yaml", "plan.yaml", "check.yaml", "events.yaml", "statefulsets/web.yaml", "pods/web-0.yaml"} <= set(
        files
    )
    assert not [name for name, text in files.items() if SECRET in text]
    assert "shop:v2" in files["pods/web-0.yaml"]
    (shown,) = yaml.safe_load(files["statefulsets/web.yaml"])["spec"]["template"]["spec"]["containers"]
    assert shown["env"] == [{"name": "TOKEN", "value": f"<redacted: {len(SECRET)} characters>"}]
    assert yaml.safe_load(files["status.yaml"])["status"]["phase"] == "Refused"


async def test_a_report_is_bounded_and_names_what_it_lacks(shop, tmp_path, monkeypatch):
    await shop.create_ready(2, gate=False)
    monkeypatch.setattr(report, "MOST_OBJECTS", 1)
    monkeypatch.setattr(report, "MOST_BYTES", 4000)
    shop.denied = lambda request: request.plural in {"events", "nodes"}
    done = await shop.inplace("report", "sts/web", "-f", str(tmp_path / "a.tgz"))
    assert (done.code, "files omitted" in done.out) == (0, True)
    files = unpacked(tmp_path / "a.tgz")
    omitted = files["omitted.txt"]
    assert "pods: 1 beyond 1" in omitted
    assert "beyond 4000 in all" in omitted
    assert "events is forbidden" in omitted or "cannot list nodes" in omitted
    assert sum(len(text) for name, text in files.items() if name != "omitted.txt") <= 4000


def unpacked(path):
    with tarfile.open(path) as tar:
        return {one.name.partition("/")[2]: tar.extractfile(one).read().decode() for one in tar.getmembers()}


def test_what_is_hidden_and_what_is_not():
    header, one = {"name": "H", "value": "v"}, "<redacted: 1 characters>"
    tree = {
        "metadata": {
            "managedFields": [1],
            "annotations": {"inplace.dev/gates": "x", "inplace.dev/templates": "t", "a": "b", "inplace.dev/x": "y"},
        },
        "spec": {
            "containers": [
                {
                    "image": "a:1",
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s"}}}],
                    "livenessProbe": {
                        "exec": {"command": ["x"]},
                        "httpGet": {"httpHeaders": [header]},
                    },
                }
            ],
            "volumes": [{"csi": {"driver": "d", "volumeAttributes": {"k": "v"}}}],
        },
    }
    assert redaction.redacted(tree) == {
        "metadata": {
            "annotations": {"inplace.dev/gates": "x", "inplace.dev/templates": one, "a": one, "inplace.dev/x": one}
        },
        "spec": {
            "containers": [
                {
                    "image": "a:1",
                    "env": [{"name": "A", "value": one}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s"}}}],
                    "livenessProbe": {
                        "exec": {"command": [one]},
                        "httpGet": {"httpHeaders": [{**header, "value": one}]},
                    },
                }
            ],
            "volumes": [{"csi": {"driver": "d", "volumeAttributes": {"k": one}}}],
        },
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"httpGet": {"path": "/?token=s", "host": "s", "port": 80}}, {"port": 80}),
        ({"terminated": {"reason": "Error", "exitCode": 1, "message": "its last words"}}, {"reason": "Error"}),
        ({"waiting": {"reason": "PostStartHookError", "message": 'Get "http://x/?token=s"'}}, {}),
        ({"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}, {"message": "no such tag"}),
    ],
    ids=["a probe's request", "last words", "a hook's request", "an image"],
)
def test_what_a_container_was_given_to_run_with_is_hidden_in_statuses_too(given, kept):
    ((_, found),) = redaction.redacted(given).items()
    assert kept.items() <= found.items()
    hidden = {name for name, text in found.items() if str(text).startswith("<redacted")}
    assert hidden == {"path", "host", "message"} & ({*found} - {*kept})
