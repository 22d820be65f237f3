"""What owners do to a workload that is opted in, as they do it: with kubectl, on the real cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from inplace.kube.resource import Resource
from tests.e2e.test_policies import bound, manifest, run
from tests.scenarios import forwarder
from tests.scenarios.kinds import DAEMONSET, DEPLOYMENT, STATEFULSET
from tests.scenarios.real import inplace

LIMIT_RANGES = Resource("", "v1", "limitranges", "LimitRange")
MUTATING = Resource("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy")
BINDINGS = Resource(
    "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding"
)
#: Seconds in which a new binding is in force, as a rule.
IN_FORCE = 6.0


async def test_an_image_set_at_zero_replicas_is_what_the_pods_come_back_with(open_world):
    async with open_world() as world:
        world.flavour = DEPLOYMENT
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        await world.scale(0)
        await world.until(lambda: _count(world, 0), "no Pods")
        await world.set_image(world.app("v3"))
        await world.clock.sleep(5)
        await world.scale(2)
        await world.until(lambda: _ready(world, 2, "v3"), "two Pods of the last image, Ready")
        await world.wait_phase("web", Phase.UP_TO_DATE)
        found = await world.client.list(resources.REPLICASETS, world.namespace, type=dict)
        assert len(found.items) <= 4, "one for each image and no more"


async def test_an_image_that_cannot_be_pulled_is_not_healthy_because_nothing_ran_it(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"progress-deadline-seconds": "10"})
        await world.scale(0)
        await world.until(lambda: _count(world, 0), "no Pods")
        await world.set_image(world.app("missing"))
        await world.clock.sleep(3)
        await world.scale(2)
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert status.failures
        assert status.healthy != status.revision


@pytest.mark.parametrize("flavour", [STATEFULSET, DAEMONSET], ids=lambda one: one.name)
async def test_the_owners_new_strategy_counts_under_the_policies(open_world, flavour):
    async with open_world() as world:
        world.flavour = flavour
        await world.create_web(replicas=3)
        async with bound(world, f"inplace-keep-freeze-{flavour.resource.plural}"):
            body = json.loads(manifest(world, "v2"))
            if flavour is STATEFULSET:
                body["spec"]["replicas"] = 3
                wanted = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
            else:
                wanted = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2, "maxSurge": 0}}
            body["spec"]["updateStrategy"] = wanted
            await _in_force(world, body)
            code, said = run(world, "apply", "-f", "-", stdin=json.dumps(body))
            assert code == 0, said
            every = len(await world.pods())
            moved = 1 if flavour is STATEFULSET else every
            await world.until(lambda: _images(world, {"v2": moved, "v1": every - moved}), "its share")
            await world.clock.sleep(3)
            assert await _images(world, {"v2": moved, "v1": every - moved})
            code, out, err = await inplace(world, "disable", f"{flavour.resource.plural}/web", "--force")
            assert code == 0, out + err
            await world.until(world.is_clean, "the freeze to be lifted")
        assert (await world.raw())["spec"]["updateStrategy"] == wanted


async def _in_force(world, body):
    """Until a dry run shows that the policy keeps the freeze."""

    async def keeps() -> bool:
        how = ["--dry-run=server", "-o", "json"]
        code, said = await asyncio.to_thread(run, world, "apply", *how, "-f", "-", stdin=json.dumps(body))
        strategy = _parsed(said)["spec"]["updateStrategy"] if code == 0 else {}
        partition = (strategy.get("rollingUpdate") or {}).get("partition")
        return strategy.get("type") == "OnDelete" or partition == names.FROZEN_PARTITION

    await world.until(keeps, "the policy to be in force")


@pytest.mark.parametrize("flavour", [STATEFULSET, DAEMONSET], ids=lambda one: one.name)
async def test_after_a_replace_under_the_policies_opting_out_gives_the_strategy_back(open_world, flavour):
    async with open_world() as world:
        world.flavour = flavour
        await world.create_web(replicas=2)
        body = json.loads(manifest(world, "v1"))
        async with bound(world, f"inplace-keep-freeze-{flavour.resource.plural}"):
            await _in_force(world, body)
            code, said = run(world, "replace", "-f", "-", stdin=json.dumps(body))
            assert code == 0, said
            await world.clock.sleep(2)
            code, said = run(world, "label", f"{flavour.resource.plural}/web", f"{names.MODE}-")
            assert code == 0, said
            await world.until(world.is_clean, "the freeze to be lifted")
        strategy = (await world.raw())["spec"]["updateStrategy"]
        assert strategy["type"] == "RollingUpdate"
        assert strategy["rollingUpdate"].get("partition", 0) == 0


async def test_a_revert_of_image_and_settings_is_the_owners_word(open_world):
    async with open_world() as world:
        world.flavour = DEPLOYMENT
        await world.create_web(replicas=4)

        def text(tag, **settings):
            body = json.loads(manifest(world, tag))
            body["spec"]["replicas"] = 4
            body["metadata"]["annotations"] = {names.PREFIX + key: value for key, value in settings.items()}
            return json.dumps(body)

        first = {"max-unavailable": "1"}
        for tag, settings in (("v1", first), ("v2", {"max-unavailable": "4", "disruption-budgets": "Ignore"})):
            code, said = run(world, "apply", "-f", "-", stdin=text(tag, **settings))
            assert code == 0, said
            await world.wait_upgraded()
        code, said = run(world, "apply", "-f", "-", stdin=text("v1", **first))
        assert code == 0, said
        began = world.clock.monotonic()
        await world.wait_upgraded()
        assert world.history.most_unready(4, after=began) <= 1
        kept = (await world.raw())["metadata"]["annotations"]
        assert kept[names.PREFIX + "max-unavailable"] == "1"
        assert names.PREFIX + "disruption-budgets" not in kept


@pytest.mark.parametrize("flavour", [DAEMONSET, DEPLOYMENT], ids=lambda one: one.name)
async def test_opted_in_with_a_broken_pod_the_next_image_replaces_none(open_world, flavour):
    """A new image is what mends a broken Pod: it must reach it, and in place."""
    async with open_world() as world:
        world.flavour = flavour
        probe = {"exec": {"command": ["test", "!", "-e", "/tmp/broken"]}, "periodSeconds": 1, "failureThreshold": 1}
        await world.create_web(replicas=2, mode=None, probe=probe)
        code, said = run(world, "exec", world.nth(0), "--", "touch", "/tmp/broken")
        assert code == 0, said

        async def broken() -> bool:
            return not (await world.pod(world.nth(0))).ready

        await world.until(broken, "a Pod that is not Ready")
        uids = {pod.uid for pod in await world.pods()}
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        await world.until(lambda: _is_held(world), "the freeze")
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        assert {pod.uid for pod in await world.pods()} == uids


async def _is_held(world):
    raw = await world.raw()
    return (raw["metadata"].get("labels") or {}).get(names.FROZEN) == "true"


async def test_a_deleted_replicaset_of_a_held_deployment_comes_back(open_world):
    async with open_world() as world:
        world.flavour = DEPLOYMENT
        await world.create_web(replicas=2)
        code, said = run(world, "delete", "rs", "-l", "app=web")
        assert code == 0, said
        await world.until(lambda: _ready(world, 2, "v1"), "Pods again")


async def test_labels_that_others_change_on_live_pods_stay(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, pod_labels={"role": "replica", "quarantine": "no"})
        code, said = run(world, "label", "pod", world.nth(0), "role=primary", "quarantine-", "--overwrite")
        assert code == 0, said
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        labels = (await world.pod(world.nth(0))).metadata.labels
        assert labels["role"] == "primary"
        assert "quarantine" not in labels


async def test_versions_of_a_deployment_that_is_recreated_never_serve_together(open_world):
    async with open_world() as world:
        world.flavour = DEPLOYMENT
        await world.create_web(replicas=2, strategy={"type": "Recreate"}, annotations={"max-unavailable": "100%"})
        await world.annotate(max_unavailable=None)
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.REFUSED)
        assert ReasonCode.StrategyUnsupported in {reason.code for reason in status.reasons}
        assert await _images(world, {"v1": 2})


async def test_a_policy_that_injects_into_every_pod_does_not_hold_an_upgrade_up(open_world):
    """An environment variable, and a container that never ends, into every new Pod of the namespace."""
    async with open_world() as world:
        world.require_mutating_policies()
        await world.create_web(replicas=2)
        async with bound(world, "inplace-fence-helpers"), _injecting(world):
            await world.set_image(world.app("v2"))
            await world.wait_upgraded(seconds=2 * world.patience)


@contextlib.asynccontextmanager
async def _injecting(world):
    name = f"inject-{world.namespace}"
    sidecar = (
        "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'proxy', "
        f"image: '{world.image('sidecar', 'v1')}', env: [Object.spec.containers.env{{name: 'A', value: 'b'}}]}}]}}}}"
    )
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    policy = {
        "metadata": {"name": name},
        "spec": {
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [rule]},
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": sidecar}}],
        },
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}
    binding = {
        "metadata": {"name": name},
        "spec": {"policyName": name, "matchResources": {"namespaceSelector": selector}},
    }
    await world.client.create(MUTATING, None, policy, type=dict)
    await world.client.create(BINDINGS, None, binding, type=dict)
    try:
        pod = {"metadata": {"name": "trial"}, "spec": {"containers": [{"name": "app", "image": world.app("v1")}]}}
        text = json.dumps({"apiVersion": "v1", "kind": "Pod", **pod})

        async def injects() -> bool:
            how = ["--dry-run=server", "-o", "json", "-f", "-"]
            code, said = await asyncio.to_thread(run, world, "create", *how, stdin=text)
            return code == 0 and len(_parsed(said)["spec"]["containers"]) == 2

        await world.until(injects, "the policy to be in force")
        yield
    finally:
        await world.client.delete(BINDINGS, name)
        await world.client.delete(MUTATING, name)


async def test_a_limit_range_with_a_minimum_does_not_hold_an_upgrade_up(open_world):
    async with open_world() as world:
        least = {"type": "Container", "min": {"cpu": "10m", "memory": "16Mi"}}
        body = {"metadata": {"name": "least"}, "spec": {"limits": [least]}}
        await world.client.create(LIMIT_RANGES, world.namespace, body, type=dict)
        made = world.manifest("web", replicas=2)
        for container in made["spec"]["template"]["spec"]["containers"]:
            container["resources"] = {"requests": {"cpu": "10m", "memory": "16Mi"}}
        await world.create(made)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


async def test_a_node_is_drained_while_an_image_is_being_pulled(open_world):
    """`kubectl drain` refuses Pods without a controller before it evicts anything; ours is evicted like any other."""
    async with open_world() as world, forwarder.forwarding(world.cluster.registry) as slow:
        slow.reachable(True)
        await world.create_web(replicas=2)
        slow.stall(True)
        await world.set_image(slow.app("v2"))

        async def pulling() -> bool:
            return bool(await world.helpers())

        await world.until(pulling, "a pull Pod")
        (helper,) = await world.helpers()
        only = ["--pod-selector", names.HELPER, "--ignore-daemonsets", "--dry-run=client"]
        code, said = await asyncio.to_thread(run, world, "drain", helper.spec.node_name, *only)
        assert code == 0, said
        assert helper.name in said
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": helper.name}}
        where = f"/api/v1/namespaces/{world.namespace}/pods/{helper.name}/eviction"
        code, said = await asyncio.to_thread(
            run, world, "create", "--raw", where, "-f", "-", stdin=json.dumps(eviction)
        )
        assert code == 0, said
        slow.stall(False)
        await world.wait_upgraded(seconds=2 * world.patience)


@pytest.mark.parametrize("flavour", [STATEFULSET, DAEMONSET, DEPLOYMENT], ids=lambda one: one.name)
async def test_server_side_apply_without_force_before_and_after_opting_out(open_world, flavour):
    """Helm 4's way: the chart renders a strategy, a partition or a pause, and conflicts are not forced."""
    async with open_world() as world:
        world.flavour = flavour
        body = json.loads(manifest(world, "v1"))
        apply = ["apply", "--server-side", "--field-manager=helm", "-f", "-"]
        held = f"inplace-keep-freeze-{flavour.resource.plural}"
        async with bound(world, held, "inplace-keep-freeze-unowned"):
            await world.clock.sleep(IN_FORCE)  # a policy that comes after the freeze does not see who wrote it
            if flavour is DAEMONSET:
                await world._open_nodes("web", 2)
            code, said = run(world, *apply, stdin=json.dumps(body))
            assert code == 0, said
            await world.wait_phase("web", Phase.UP_TO_DATE)
            await _in_force_for(world, body)
            uids = {pod.uid for pod in await world.pods()}
            code, said = run(world, *apply, stdin=_with_image(body, world.app("v2")))
            assert code == 0, said
            await world.wait_upgraded(seconds=2 * world.patience)
            assert {pod.uid for pod in await world.pods()} == uids
            code, out, err = await inplace(world, "disable", f"{flavour.resource.plural}/web")
            assert code == 0, out + err
            await world.until(world.is_clean, "nothing of ours on it")
        raw = await world.raw()
        managers = [one for one in raw["metadata"]["managedFields"] if one["manager"].startswith("inplace")]
        assert managers == []
        if flavour is DEPLOYMENT:
            body["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2, "maxSurge": 0}}
        elif flavour is DAEMONSET:
            body["spec"]["updateStrategy"] = {"type": "OnDelete"}
        else:
            body["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
        code, said = run(world, *apply, stdin=_with_image(body, world.app("v2")))
        assert code == 0, said


async def _in_force_for(world, body):
    if world.flavour is not DEPLOYMENT:
        await _in_force(world, body)


def _with_image(body, image):
    changed = json.loads(json.dumps(body))
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return json.dumps(changed)


def _parsed(said):
    """The object that kubectl printed; its warnings stand behind it."""
    return json.JSONDecoder().raw_decode(said)[0]


async def _count(world, number):
    return len(await world.pods()) == number


async def _ready(world, number, tag):
    pods = await world.pods()
    return len(pods) == number and all(pod.ready and pod.spec.containers[0].image == world.app(tag) for pod in pods)


async def _images(world, wanted):
    found = [pod.spec.containers[0].image for pod in await world.pods()]
    return all(found.count(world.app(tag)) == count for tag, count in wanted.items())
