"""What `inplace plan` says that the kubelet will do to containers, and what it does: generated changes, side by side.

The plan is made while no controller runs, from what is live; then one starts and makes all the changes. What it does is
what the plan says and nothing else: no container restarts that the plan did not name.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from hack.cluster.settings import DEFAULT_KUBERNETES
from inplace.cluster.key import Key
from inplace.cluster.live import Live
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.workloads import Workload
from inplace.core.plan.plan import Planner
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase
from inplace.core.views.forecast import forecast
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from tests.prediction.cases import FEATURES, generate
from tests.prediction.compare import differences
from tests.scenarios.embedded import open_embedded
from tests.scenarios.markers import kinds, long, shown_on

once = kinds("StatefulSet", because="a kubelet does not know whose a Pod is")
SETS = resources.STATEFULSETS
#: How many changes are compared: everywhere, on each older Kubernetes, and in all.
FEW, SOME, MANY = 6, 20, 60
#: A busy machine stops containers later than the kubelet asks for.
SLACK = {"embedded": timedelta(seconds=1), "hollow": timedelta(seconds=5), "real": timedelta(seconds=30)}


async def pods_of(world):
    """By the name of the workload, live."""
    found = await world.client.list(resources.PODS, world.namespace, type=Pod)
    return {pod.name.rpartition("-")[0]: pod for pod in found.items}


async def workloads(world):
    found = await world.client.list(SETS, world.namespace, type=Workload)
    return {one.metadata.name: one for one in found.items}


async def create(world, cases):
    """Create the workloads, and wait until each container is as its case says, and their own controllers are held."""
    for case in cases:
        made = case.manifest(world.app)
        made["metadata"]["namespace"] = world.namespace
        await world.client.create(SETS, world.namespace, made, type=dict)

    async def settled() -> bool:
        pods, found = await pods_of(world), await workloads(world)
        held = all(found[case.name].metadata.label(names.FROZEN) for case in cases)
        return held and all(case.name in pods and case.is_settled(pods[case.name]) for case in cases)

    await world.until(settled, f"{len(cases)} Pods as they are to be before the change", 5 * world.patience)


async def plan(world, case):
    """What `inplace plan` says of a case whose template has changed."""
    live = Live(world.client, Key(SETS.kind, world.namespace, case.name))
    found = []

    async def named() -> bool:
        await live.load()
        planned = forecast(live.snapshot(), world.clock.now(), Planner())
        found.append(planned)
        return bool(planned.target) and all(pod.revision != planned.target for pod in planned.pods)

    await world.until(named, f"the new revision of {case.name}")
    return found[-1]


async def upgraded(world, cases):
    """Make the changes; each case with its Pod before, its plan, and its Pod after."""
    await create(world, [case for case in cases if not case.hurries])
    await create(world, [case for case in cases if case.hurries])
    await world.kill_controller()
    for case in cases:
        how = {"patch_type": PatchType.STRATEGIC, "type": dict, "field_manager": "user"}
        await world.client.patch(SETS, case.name, world.namespace, case.change(world.app), **how)
    plans, before = [await plan(world, case) for case in cases], await pods_of(world)
    await world.start_controller()

    async def over() -> bool:
        found = [statuses.current(one) for one in (await workloads(world)).values()]
        return all(one is not None and one.phase in (Phase.UP_TO_DATE, Phase.REFUSED) for one in found)

    await world.until(over, "every change to be over", 5 * world.patience)
    after = await pods_of(world)
    return [(case, before[case.name], planned, after[case.name]) for case, planned in zip(cases, plans, strict=True)]


async def compare(world, count):
    wrong = []
    for case, before, planned, after in await upgraded(world, generate(count)):
        assert after.uid == before.uid
        [pod] = planned.pods
        assert planned.refused or pod.outstanding
        told = None if planned.refused else pod.prediction
        found = differences(before, after, told, SLACK[world.name])
        if found:
            wrong.append("\n  ".join([f"{case}", f"said: {told}", *found]))
    assert not wrong, f"{len(wrong)} of {count} changes went otherwise than said:\n" + "\n".join(wrong)


@once
async def test_what_is_said_of_the_kubelet_is_what_it_does(open_world):
    async with open_world() as world:
        if world.name == "embedded":
            await compare(world, len(FEATURES))
        else:
            await compare(world, FEW if world.cluster.k8s.startswith(DEFAULT_KUBERNETES) else SOME)


@once
@long
@pytest.mark.seldom
async def test_what_is_said_of_the_kubelet_is_what_it_does_many_times(open_world):
    async with open_world() as world:
        await compare(world, MANY)


@pytest.mark.parametrize("version", ["v1.31.14", "v1.33.13"])
@shown_on("embedded", because="it is about the model of older kubelets")
async def test_what_is_said_is_what_the_model_of_an_older_kubelet_does(version):
    async with open_embedded(witnessed=False, version=version) as world:
        await compare(world, len(FEATURES))
