"""How Pods that run already get the readiness gate: one native rollout, and then their workload is frozen."""

from __future__ import annotations

import json

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.commands.conftest import NAMESPACE


async def pods(shop):
    return (await shop.client.list(resources.PODS, NAMESPACE, type=Pod)).items


async def test_the_gate_comes_by_one_native_rollout_and_what_follows_is_in_place(shop):
    async with shop.controller():
        await shop.create_ready(2, gate=False, mode=None)
        before = {pod.uid for pod in await pods(shop)}
        enabled = await shop.inplace("enable", "sts/web", "--with-gate")
        rolled = await pods(shop)
        await shop.reported("UpToDate")
        await shop.set_image("v2")
        await shop.reported("UpToDate")
        upgraded = await pods(shop)
    assert enabled.code == 0, enabled
    first, *_, last = enabled.out.splitlines()
    assert first == f"statefulset/web has the readiness gate {names.GATE} in its template"
    assert last == "statefulset/web enabled (InPlaceOnly)"
    assert before.isdisjoint(pod.uid for pod in rolled)
    assert all(pod.has_gate(names.GATE) and pod.ready for pod in rolled)
    assert {pod.uid for pod in upgraded} == {pod.uid for pod in rolled}
    assert (await shop.workload()).metadata.label(names.FROZEN) is not None
    assert (await shop.inplace("enable", "sts/web", "--with-gate")).out.startswith("statefulset/web already enabled")


async def test_without_a_controller_it_ends_and_says_what_is_missing(shop):
    await shop.create_ready(2, gate=False, mode=None)
    for option, suffix in (("client", " (dry run)"), ("server", " (server dry run)")):
        dry = await shop.inplace("enable", "sts/web", "--with-gate", f"--dry-run={option}")
        assert dry.out == f"statefulset/web has the readiness gate {names.GATE} in its template{suffix}\n"
    assert names.GATE not in bytes((await shop.workload()).spec.template).decode()
    ended = await shop.inplace("enable", "sts/web", "--with-gate", "--timeout", "1s")
    assert ended.code == 124
    assert ended.err.startswith("error: timed out after 1s waiting for statefulset/web: native rollout in progress")
    assert "inplace must run" in ended.err
    assert (await shop.workload()).metadata.label(names.MODE) is None


async def test_called_again_after_a_timeout_it_waits_for_the_same_rollout(shop):
    await shop.create_ready(2, gate=False, mode=None)
    assert (await shop.inplace("enable", "sts/web", "--with-gate", "--timeout", "1s")).code == 124
    again = await shop.inplace("enable", "sts/web", "--with-gate", "--timeout", "1s")
    assert again.code == 124, again
    assert again.err.startswith("error: timed out after 1s waiting for statefulset/web: native rollout in progress")
    assert (await shop.workload()).metadata.label(names.MODE) is None
    async with shop.controller():
        enabled = await shop.inplace("enable", "sts/web", "--with-gate")
    assert (enabled.code, enabled.out.splitlines()[-1]) == (0, "statefulset/web enabled (InPlaceOnly)")
    assert all(pod.has_gate(names.GATE) for pod in await pods(shop))
    assert (await shop.workload()).metadata.label(names.FROZEN) is not None


async def test_where_no_rollout_would_replace_the_pods_it_says_so(shop):
    await shop.create_ready(1, gate=False, mode=None, strategy={"type": "OnDelete"})
    refused = await shop.inplace("enable", "sts/web", "--with-gate")
    assert (refused.code, refused.out) == (3, "")
    assert "delete the Pods by hand" in refused.err
    assert (await shop.inplace("enable", "sts/web")).code == 0
    refused = await shop.inplace("enable", "sts/web", "--with-gate")
    assert (refused.code, refused.out) == (3, "")
    assert "delete the Pods by hand" in refused.err


async def test_the_remedies_that_it_names_give_the_gate_before_and_after_it_is_enabled(shop):
    """Run as they are printed: a dry run's, then that of the refusal, which is that of the first `enable` too."""
    of = "statefulset/web -n default"
    await shop.create_ready(1, gate=False, mode=None)
    dry = await shop.inplace("enable", "sts/web", "--dry-run=server")
    assert dry.out.splitlines()[-1].endswith(f"run `inplace enable {of} --with-gate`")
    enabled = await shop.inplace("enable", "sts/web")
    remedy = f"run `inplace disable {of} && inplace enable {of} --with-gate`"
    assert enabled.out.splitlines()[-1] == f"  one native rollout gives it to them: {remedy}"
    checked = await shop.inplace("check", "sts/web")
    assert remedy in checked.out
    refused = await shop.inplace("enable", "sts/web", "--with-gate")
    assert (refused.code, refused.err.rstrip().endswith(remedy)) == (3, True)
    async with shop.controller():
        for words in ("disable", "enable"):
            more = ("--with-gate",) if words == "enable" else ()
            done = await shop.inplace(words, "statefulset/web", "-n", "default", *more)
            assert done.code == 0, done
    assert all(pod.has_gate(names.GATE) for pod in await pods(shop))


async def test_pods_from_before_the_gate_are_counted(shop):
    """The template got its gate by hand, and its rollout is not to touch a Pod below the partition."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    async with shop.controller():
        await shop.create_ready(2, gate=False, mode=None, strategy=strategy)
        gates = [{"conditionType": names.GATE}]
        await shop.patch({"spec": {"template": {"spec": {"readinessGates": gates}}}})
        await shop.until(shop._is_observed, "the template to be observed")
        enabled = await shop.inplace("enable", "sts/web")
    assert f"  2 of 2 Pods have no readiness gate {names.GATE}: Pods stay in Services" in enabled.out


async def test_a_pod_that_is_going_is_not_counted(shop):
    async with shop.controller():
        await shop.create_ready(2, gate=False, mode=None)
        held = {"metadata": {"finalizers": ["example.com/kept"]}}
        await shop.client.patch(resources.PODS, "web-1", NAMESPACE, held, patch_type=PatchType.MERGE, type=dict)
        await shop.client.delete(resources.PODS, "web-1", NAMESPACE)
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
        gates = {"template": {"spec": {"readinessGates": [{"conditionType": names.GATE}]}}}
        await shop.patch({"spec": {"updateStrategy": strategy, **gates}})
        await shop.until(shop._is_observed, "the template to be observed")
        enabled = await shop.inplace("enable", "sts/web")
    assert f"  1 of 1 Pods have no readiness gate {names.GATE}" in enabled.out, enabled


async def test_disable_says_how_the_gate_leaves_the_template(shop):
    """The command that it prints takes out our gate alone; before that the workload would have refused the change."""
    gates = [{"conditionType": "example.com/other"}, {"conditionType": names.GATE}]
    await shop.create(0, gate=False)
    await shop.patch({"spec": {"template": {"spec": {"readinessGates": gates}}}})
    await shop.until(shop._is_observed, "the template to be observed")
    disabled = await shop.inplace("disable", "sts/web")
    assert (disabled.code, disabled.out.splitlines()[0]) == (0, "statefulset/web disabled")
    (command,) = (line.split() for line in disabled.out.splitlines() if "kubectl" in line)
    assert command[:5] == ["kubectl", "patch", "statefulset/web", "-n", NAMESPACE]
    edit = json.loads(" ".join(command[command.index("-p") + 1 :]).strip("'"))
    await shop.client.patch(resources.STATEFULSETS, "web", NAMESPACE, edit, patch_type=PatchType.JSON, type=dict)
    template = bytes((await shop.workload()).spec.template).decode()
    assert names.GATE not in template
    assert "example.com/other" in template
