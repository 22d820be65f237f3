"""Helm 4 and a stranger's release whose workload is opted in: it waits as long as it should, and nothing conflicts."""

from __future__ import annotations

import helm_python
import pytest

from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from tests.e2e.releases import STRANGER, Release, in_force
from tests.e2e.test_policies import run
from tests.scenarios.kinds import DAEMONSET, DEPLOYMENT, STATEFULSET
from tests.scenarios.markers import long
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE
from tests.scenarios.real import inplace
from tests.scenarios.world import identity

MODE = {names.MODE: "InPlaceOnly"}
#: What Helm says of an upgrade that the controller has given up.
FAILED = r"web not ready\. status: Failed, message: "
#: What the owner's chart says of the strategy after the opt-out.
OTHER = {
    "StatefulSet": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
    "DaemonSet": {"updateStrategy": {"type": "OnDelete"}},
}


def values(world, tag, **more):
    return {"kind": world.flavour.name, "image": world.app(tag), **more}


def other(world, tag, **more):
    return values(world, tag, strategy={world.flavour.name: OTHER[world.flavour.name]}, **more)


async def images(world):
    return {pod.spec.containers[0].image for pod in await world.pods()}


async def over(world, tag, before):
    """The upgrade is over now: the controller says so of the present generation, and the Pods are the same."""
    status = await world.status("web")
    assert status is not None
    assert status.phase is Phase.UP_TO_DATE
    assert await images(world) == {world.app(tag)}
    assert [pod.uid for pod in await world.pods()] == before


@pytest.mark.parametrize(
    ("flavour", "by_chart"), [(STATEFULSET, False), (DAEMONSET, True)], ids=["StatefulSet", "DaemonSet, by its chart"]
)
async def test_helm_waits_for_an_opted_in_release_as_long_as_it_should(open_world, flavour, by_chart):
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        world.flavour = flavour
        release, what = Release(world, STRANGER, "web"), f"{flavour.resource.plural}/web"
        opted = {"labels": MODE if by_chart else {}, "annotations": {"inplace.dev/grace-period-seconds": "2"}}
        await release.install(values(world, "v1"))
        if by_chart:
            await release.upgrade(values(world, "v1", **opted))
        else:
            code, said = run(world, "label", what, f"{names.MODE}=InPlaceOnly")
            assert code == 0, said
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await in_force(world)
        before = [pod.uid for pod in await world.pods()]

        await release.upgrade(values(world, "v2", **opted))
        await over(world, "v2", before)

        await world.annotate(progress_deadline_seconds="8")
        with pytest.raises(helm_python.HelmError, match=FAILED):
            await release.upgrade(values(world, "missing", **opted))
        status = await world.status("web")
        assert status is not None
        assert status.phase is Phase.DEGRADED
        await release.rollback()
        await over(world, "v2", before)

        if by_chart:
            await release.upgrade(values(world, "v2"))
        else:
            code, out, err = await inplace(world, "disable", what)
            assert code == 0, out + err
        await world.until(world.is_clean, "nothing of ours on any object")
        assert [pod.uid for pod in await world.pods()] == before
        # Without force; kstatus waits for ever for a DaemonSet whose owner deletes its Pods himself.
        await release.upgrade(other(world, "v3"), wait=flavour is STATEFULSET)
        assert (await world.raw())["spec"]["updateStrategy"] == OTHER[flavour.name]["updateStrategy"] | (
            {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}} if flavour is DAEMONSET else {}
        )


async def test_helm_does_not_wait_for_a_deployment_and_status_does(open_world):
    """Helm leaves out Deployments that its own write has paused, and it is in that write that the freeze begins."""
    async with open_world() as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
        world.flavour = DEPLOYMENT
        release = Release(world, STRANGER, "web")
        opted = {"labels": MODE, "annotations": {"inplace.dev/grace-period-seconds": "3"}}
        await release.install(values(world, "v1", **opted))
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await in_force(world)
        before = [identity(pod) for pod in await world.pods()]
        await release.upgrade(values(world, "v2", **opted))
        assert await images(world) != {world.app("v2")}
        code, out, err = await inplace(world, "status", "deployments/web", "--timeout", "90s")
        assert code == 0, out + err
        assert await images(world) == {world.app("v2")}
        assert [identity(pod) for pod in await world.pods()] == before


@pytest.mark.parametrize("flavour", [STATEFULSET, pytest.param(DAEMONSET, marks=long)], ids=lambda one: one.name)
async def test_without_the_policies_a_rendered_strategy_is_a_conflict_until_the_opt_out(open_world, flavour):
    async with open_world() as world:
        world.flavour = flavour
        release, what = Release(world, STRANGER, "web"), f"{flavour.resource.plural}/web"
        await release.install(values(world, "v1"))
        code, said = run(world, "label", what, f"{names.MODE}=InPlaceOnly")
        assert code == 0, said
        await world.wait_phase("web", Phase.UP_TO_DATE)
        before = [pod.uid for pod in await world.pods()]
        with pytest.raises(helm_python.HelmError, match='conflict with "inplace"'):
            await release.upgrade(values(world, "v2"))
        await world.clock.sleep(3)
        assert [pod.uid for pod in await world.pods()] == before
        assert await images(world) == {world.app("v1")}
        code, out, err = await inplace(world, "disable", what)
        assert code == 0, out + err
        await release.upgrade(other(world, "v2"), wait=flavour is STATEFULSET)
