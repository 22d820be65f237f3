"""What happens to everybody's writes where a part of manifests/policies is missing: docs/reference/policies.md."""

from __future__ import annotations

import asyncio
import copy
from contextlib import contextmanager

import yaml

from inplace.core.objects import names
from inplace.kube import resource as resources
from tests.e2e.test_policies import SOON, bound, refused, run
from tests.scenarios import policies
from tests.scenarios.kinds import STATEFULSET
from tests.scenarios.real import kubectl

WRONG = f"{names.PREFIX}paused=maybe"
SAYS = "use true or false"


@contextmanager
def own_settings(world):
    """The settings policy by another name, so that it may go while others rely on theirs: policy and binding."""
    (policy,), (binding,) = (copy.deepcopy(part) for part in policies.scoped(world.namespace, "inplace-settings"))
    name = f"settings-{world.namespace}"
    policy["metadata"]["name"] = binding["metadata"]["name"] = binding["spec"]["policyName"] = name
    kubectl(world.cluster, "apply", "-f", "-", stdin=yaml.safe_dump_all([policy, binding]))
    try:
        yield name, policy, binding
    finally:
        kubectl(world.cluster, "delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all([policy, binding]))


async def passes(world, *arguments):
    """Until the write is let through."""

    async def once() -> bool:
        code, _ = await asyncio.to_thread(run, world, *arguments, "--dry-run=server")
        return code == 0

    await world.until(once, f"{arguments} to be let through", SOON)


async def test_a_binding_or_a_policy_that_is_gone_keeps_nobody_from_writing(open_world):
    async with open_world(controller=False) as world:
        await world.create(world.manifest("web", replicas=1, mode=None, gate=False))
        kubectl(world.cluster, "label", "sts/web", f"{names.MODE}=InPlaceOnly", "-n", world.namespace)
        wrong = ("annotate", "sts/web", WRONG)
        with own_settings(world) as (name, policy, binding):
            await refused(world, *wrong, says=SAYS)
            for kind, part in (("validatingadmissionpolicybinding", binding), ("validatingadmissionpolicy", policy)):
                kubectl(world.cluster, "delete", kind, name)
                await passes(world, *wrong)
                kubectl(world.cluster, "apply", "-f", "-", stdin=yaml.safe_dump(part))
                await refused(world, *wrong, says=SAYS)


async def test_without_any_parameter_pods_are_born_as_they_are_written(open_world):
    async with open_world(controller=False) as world, bound(world, *policies.named("gate")):
        await world.create_web(replicas=1, mode=None, gate=False)
        (pod,) = await world.pods()
        assert not pod.has_gate(names.GATE)
        body = {"metadata": {"name": "bare"}, "spec": {"containers": [{"name": "app", "image": world.app("v1")}]}}
        made = await world.client.create(resources.PODS, world.namespace, body, type=dict)
        assert "readinessGates" not in made["spec"]


async def test_without_the_controller_everybody_writes_as_with_it(open_world):
    async with open_world(controller=False) as world:
        world.flavour = STATEFULSET
        every = ("keep-freeze-statefulsets", "keep-freeze-deployments", "honest-status", "gate", "settings", "fence")
        async with bound(world, *policies.named(*every)):
            await world.create_web(replicas=1, mode=None, gate=False)
            await refused_once_opted_in(world)
            for arguments in (
                ("label", "sts/web", f"{names.MODE}=InPlaceOnly"),
                ("annotate", "sts/web", f"{names.PREFIX}max-unavailable=2"),
                ("scale", "sts/web", "--replicas=2"),
                ("label", "sts/web", "team=a"),
                ("set", "image", "sts/web", f"app={world.app('v2')}"),
                ("rollout", "restart", "sts/web"),
                ("label", "sts/web", f"{names.MODE}-"),
                ("delete", "sts/web", "--cascade=foreground", "--timeout=60s"),
            ):
                code, said = await asyncio.to_thread(run, world, *arguments)
                assert code == 0, f"{arguments}: {said}"


async def refused_once_opted_in(world):
    """Until the policies are in force."""
    opts_in = ("label", "sts/web", f"{names.MODE}=Sometimes")
    await refused(world, *opts_in, says="use InPlaceOnly or InPlaceIfPossible")


async def test_an_object_from_before_the_policy_is_changed_and_deleted_as_ever(open_world):
    """Its settings would be refused today: an unknown one, and one that makes no sense."""
    async with open_world(controller=False) as world:
        body = world.manifest("web", replicas=1, gate=False)
        body["metadata"]["annotations"] = {f"{names.PREFIX}surge": "1", f"{names.PREFIX}paused": "maybe"}
        body["metadata"]["finalizers"] = ["example.com/kept"]
        await world.client.create(world.flavour.resource, world.namespace, body, type=dict)
        async with bound(world, "inplace-settings"):
            await refused(world, "annotate", "sts/web", f"{names.PREFIX}drain=auto", says="use Auto, Required or Never")
            for arguments in (
                ("label", "sts/web", "team=a"),
                ("scale", "sts/web", "--replicas=0"),
                ("annotate", "sts/web", f"{names.PREFIX}max-unavailable=1"),
                ("delete", "sts/web", "--cascade=orphan", "--wait=false"),
                ("patch", "sts/web", "--type=merge", "-p", '{"metadata": {"finalizers": null}}'),
            ):
                code, said = await asyncio.to_thread(run, world, *arguments)
                assert code == 0, f"{arguments}: {said}"

            async def gone() -> bool:
                code, said = await asyncio.to_thread(run, world, "get", "sts/web")
                return code != 0 and "NotFound" in said

            await world.until(gone, "the garbage collector to have let it go", SOON)
