"""What people do with kubectl, done with the real one on the embedded cluster."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import msgspec
import pytest
from click.testing import CliRunner

from inplace.cli.app import main
from inplace.core.objects.model import Pod
from inplace.core.rollout import pull_pods
from inplace.core.rollout.pull_pods import ImageOnNode
from tests import factories

MANIFEST = json.dumps(
    {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "serviceName": "web",
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "app", "image": "shop:v1", "env": [{"name": "A", "value": "1"}]}],
                },
            },
        },
    }
)

SERVICE = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
)


async def rolled_out(kubectl):
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    await kubectl("rollout", "status", "sts/web", "--timeout=120s")


async def images(kubectl):
    path = "{.items[*].spec.containers[0].image}"
    return (await kubectl("get", "pods", "-l", "app=web", "-o", f"jsonpath={path}")).split()


async def test_apply_and_get_in_every_format(kubectl):
    await rolled_out(kubectl)
    rows = (await kubectl("get", "pods", "-o", "wide")).splitlines()
    assert rows[0].split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [row.split()[:4] for row in rows[1:]] == [[f"web-{n}", "1/1", "Running", "0"] for n in (0, 1)]
    assert "web    2/2" in await kubectl("get", "sts")
    whole = json.loads(await kubectl("get", "sts", "web", "-o", "json"))
    assert whole["status"]["readyReplicas"] == 2
    assert "kind: StatefulSet" in await kubectl("get", "sts", "web", "-o", "yaml")
    assert await kubectl("get", "pod", "web-0", "-o", "name") == "pod/web-0\n"
    assert "Containers:" in await kubectl("describe", "pod", "web-0")


async def test_apply_again_changes_nothing_and_removes_what_is_left_out(kubectl):
    await rolled_out(kubectl)
    assert "unchanged" in await kubectl("apply", "-f", "-", stdin=MANIFEST)
    changed = json.loads(MANIFEST)
    del changed["spec"]["template"]["spec"]["containers"][0]["env"]
    await kubectl("apply", "-f", "-", stdin=json.dumps(changed))
    found = json.loads(await kubectl("get", "sts", "web", "-o", "json"))
    assert "env" not in found["spec"]["template"]["spec"]["containers"][0]


async def test_server_side_apply_with_a_conflict(kubectl):
    await kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=MANIFEST)
    other = MANIFEST.replace("shop:v1", "shop:v2")
    code, _, err = await kubectl.run("apply", "--server-side", "--field-manager=two", "-f", "-", stdin=other)
    assert code != 0
    assert 'conflict with "one"' in err
    await kubectl("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", "-", stdin=other)
    path = "{.spec.template.spec.containers[0].image}"
    assert await kubectl("get", "sts", "web", "-o", f"jsonpath={path}") == "shop:v2"


async def test_set_image_rolls_history_and_undo(kubectl):
    await rolled_out(kubectl)
    await kubectl("set", "image", "sts/web", "app=shop:v2")
    await kubectl("rollout", "status", "sts/web", "--timeout=120s")
    assert await images(kubectl) == ["shop:v2", "shop:v2"]
    history = await kubectl("rollout", "history", "sts/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]
    assert "shop:v1" in await kubectl("rollout", "history", "sts/web", "--revision=1")
    await kubectl("rollout", "undo", "sts/web")
    await kubectl("rollout", "status", "sts/web", "--timeout=120s")
    assert await images(kubectl) == ["shop:v1", "shop:v1"]


def deployment(image="shop:v1"):
    tree = json.loads(MANIFEST)
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    spec = {key: value for key, value in tree["spec"].items() if key != "serviceName"} | {"strategy": strategy}
    spec["template"]["spec"]["containers"][0]["image"] = image
    return json.dumps({**tree, "kind": "Deployment", "spec": spec})


async def test_a_deployment_rolls_is_undone_paused_and_resumed(kubectl):
    await kubectl("apply", "-f", "-", stdin=deployment())
    await kubectl("rollout", "status", "deploy/web", "--timeout=120s")
    await kubectl("set", "image", "deploy/web", "app=shop:v2")
    await kubectl("rollout", "status", "deploy/web", "--timeout=120s")
    assert await images(kubectl) == ["shop:v2", "shop:v2"]
    history = await kubectl("rollout", "history", "deploy/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]
    await kubectl("rollout", "undo", "deploy/web")
    await kubectl("rollout", "status", "deploy/web", "--timeout=120s")
    assert await images(kubectl) == ["shop:v1", "shop:v1"]
    await kubectl("rollout", "pause", "deploy/web")
    await kubectl("set", "image", "deploy/web", "app=shop:v3")
    await asyncio.sleep(1)
    assert await images(kubectl) == ["shop:v1", "shop:v1"]
    code, _, said = await kubectl.run("rollout", "undo", "deploy/web")
    assert code == 1
    assert "cannot rollback a paused deployment" in said
    await kubectl("scale", "deploy/web", "--replicas=3")
    await kubectl("rollout", "resume", "deploy/web")
    await kubectl("rollout", "status", "deploy/web", "--timeout=120s")
    assert await images(kubectl) == ["shop:v3"] * 3


async def test_a_daemonset_rolls_and_is_undone(kubectl):
    tree = json.loads(MANIFEST)
    spec = {key: value for key, value in tree["spec"].items() if key not in {"serviceName", "replicas"}}
    await kubectl("apply", "-f", "-", stdin=json.dumps({**tree, "kind": "DaemonSet", "spec": spec}))
    await kubectl("rollout", "status", "ds/web", "--timeout=120s")
    assert await images(kubectl) == ["shop:v1"] * 3
    await kubectl("set", "image", "ds/web", "app=shop:v2")
    await kubectl("rollout", "status", "ds/web", "--timeout=120s")
    assert await images(kubectl) == ["shop:v2"] * 3
    await kubectl("rollout", "undo", "ds/web")
    await kubectl("rollout", "status", "ds/web", "--timeout=120s")
    assert await images(kubectl) == ["shop:v1"] * 3


async def test_label_annotate_and_each_type_of_patch(kubectl):
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    await kubectl("label", "sts/web", "tier=db")
    await kubectl("annotate", "sts/web", "note=x")
    await kubectl("patch", "sts/web", "--type=json", "-p", '[{"op":"add","path":"/metadata/labels/a","value":"b"}]')
    await kubectl("patch", "sts/web", "--type=merge", "-p", '{"metadata":{"labels":{"tier":null}}}')
    image = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "shop:v3"}]}}}}
    await kubectl("patch", "sts/web", "-p", json.dumps(image))
    found = json.loads(await kubectl("get", "sts", "web", "-o", "json"))
    assert found["metadata"]["labels"] == {"app": "web", "a": "b"}
    assert found["metadata"]["annotations"]["note"] == "x"
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["env"]) == ("shop:v3", [{"name": "A", "value": "1"}])


async def test_scale_up_and_down(kubectl):
    await rolled_out(kubectl)
    for replicas in (3, 1):
        await kubectl("scale", "sts/web", f"--replicas={replicas}")
        await kubectl("wait", "sts/web", f"--for=jsonpath={{.status.replicas}}={replicas}", "--timeout=120s")
    assert len(await images(kubectl)) == 1


async def test_watch_shows_changes_as_they_come(kubectl):
    await rolled_out(kubectl)
    async with kubectl.lines("get", "sts", "web", "-w", "-o", "custom-columns=R:.spec.replicas") as lines:
        seen = [await anext(lines), await anext(lines)]
        assert seen == ["R", "2"]
        await kubectl("scale", "sts/web", "--replicas=1")
        while "1" not in seen:
            seen.append(await anext(lines))


async def test_delete_takes_what_it_owned_along(kubectl):
    await rolled_out(kubectl)
    await kubectl("delete", "sts/web", "--timeout=120s")
    await kubectl("wait", "pod", "-l", "app=web", "--for=delete", "--timeout=120s")
    assert await kubectl("get", "pods,controllerrevisions", "-o", "name") == ""


async def test_drain_and_uncordon(kubectl):
    await rolled_out(kubectl)
    node = await kubectl("get", "pod", "web-0", "-o", "jsonpath={.spec.nodeName}")
    await kubectl("drain", node, "--timeout=120s")
    await kubectl("rollout", "status", "sts/web", "--timeout=120s")
    assert await kubectl("get", "pod", "web-0", "-o", "jsonpath={.spec.nodeName}") != node
    assert "SchedulingDisabled" in await kubectl("get", "node", node)
    await kubectl("uncordon", node)


async def test_a_pull_pod_does_not_stop_a_drain(kubectl):
    """A drain evicts nothing at all where a Pod has no controller. This one pulls for as long as it is there."""
    await rolled_out(kubectl)
    served = msgspec.json.decode(await kubectl("get", "pod", "web-0", "-o", "json"), type=Pod)
    place = ImageOnNode(served.spec.node_name, "shop:missing")
    target = factories.template(factories.NEW, "shop:missing")
    body = pull_pods.manifest(factories.snapshot(), served, place, "inplace-pull-1", target)
    await kubectl("create", "-f", "-", stdin=json.dumps(body))
    await kubectl("drain", place.node, "--timeout=120s")
    assert "inplace-pull-1" not in await kubectl("get", "pods", "-o", "name")


async def test_a_service_has_its_endpoints(kubectl):
    await rolled_out(kubectl)
    await kubectl("apply", "-f", "-", stdin=SERVICE)
    path = "{.items[0].endpoints[*].conditions.ready}"

    async def ready():
        return await kubectl("get", "endpointslices", "-o", f"jsonpath={path}")

    async with asyncio.timeout(120):
        while await ready() != "true true":  # noqa: ASYNC110 - kubectl has no event for this
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("get", "sts", "nothing"), '"nothing" not found'),
        (("create", "namespace", "x"), "reads JSON only"),
        (("get", "frobs"), 'doesn\'t have a resource type "frobs"'),
        (("scale", "sts/web", "--replicas=-1"), "replicas"),
    ],
)
async def test_what_it_says_when_it_fails(kubectl, arguments, says):
    code, _, err = await kubectl.run(*arguments)
    assert code != 0
    assert says in err


async def test_a_namespace_goes_with_what_is_in_it(kubectl):
    await kubectl("apply", "-f", "-", stdin='{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"other"}}')
    await kubectl("-n", "other", "apply", "-f", "-", stdin=SERVICE)
    await kubectl("delete", "namespace", "other", "--timeout=120s")
    code, _, _ = await kubectl.run("get", "namespace", "other")
    assert code != 0


async def test_kubectl_completes_the_names_of_the_plugin(kubectl, tmp_path, monkeypatch):
    """By the program that pip installs beside the plugin, and by the script for where only the plugin is there."""
    await rolled_out(kubectl)
    await kubectl("label", "sts/web", "inplace.dev/mode=InPlaceOnly")
    script = CliRunner().invoke(main, ["completion", "kubectl"]).output
    launch = f"#!{sys.executable}\nimport sys\nfrom inplace.cli.{{}} import main\nmain()\n"
    both = {"kubectl-inplace": launch.format("app"), "kubectl_complete-inplace": launch.format("complete")}
    for folder, files in {"pip": both, "krew": {**both, "kubectl_complete-inplace": script}}.items():
        (tmp_path / folder).mkdir()
        for name, text in files.items():
            (tmp_path / folder / name).write_text(text)
            (tmp_path / folder / name).chmod(0o755)
        kubectl.environment["PATH"] = f"{tmp_path / folder}{os.pathsep}{os.environ['PATH']}"
        assert await kubectl("__complete", "inplace", "status", "s") == "sts/web\n:4\n", folder
        assert await kubectl("__complete", "inplace", "explain", "web-") == "web-0\nweb-1\n:4\n"
        assert await kubectl("__complete", "inplace", "paus") == "pause\tBegin with no further Pod.\n:4\n"
