"""`enable` and `disable` as a user runs them, for every kind, with a controller and without one."""

from __future__ import annotations

import pytest

from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from tests.scenarios import kinds
from tests.scenarios.real import inplace

KINDS = pytest.mark.parametrize("flavour", kinds.ALL, ids=[one.name for one in kinds.ALL])


def _own(raw):
    """What must be as it was: spec, labels and annotations, but for the template and what its controller counts."""
    kept = {key: value for key, value in raw["spec"].items() if key != "template"}
    marks = {
        key: value
        for key, value in (raw["metadata"].get("annotations") or {}).items()
        if key not in {"deployment.kubernetes.io/revision", names.TEMPLATE_GENERATION}
    }
    return kept, raw["metadata"].get("labels") or {}, marks


@KINDS
async def test_enabled_upgraded_and_disabled_leaves_everything_as_it_was(open_world, flavour):
    async with open_world() as world:
        world.flavour = flavour
        await world.create_web(replicas=2, mode=None, gate=False)
        before, ref = _own(await world.raw()), f"{flavour.resource.plural}/web"
        code, out, err = await inplace(world, "enable", ref)
        assert (code, err) == (0, "")
        assert "enabled (InPlaceOnly)" in out
        assert f"no readiness gate {names.GATE}" in out
        await world.wait_phase("web", Phase.UP_TO_DATE)
        code, out, err = await inplace(world, "plan", ref, "--image", f"app={world.app('v2')}")
        count = len(await world.pods())
        assert (code, err) == (2, "")
        assert f"{count} of {count} Pods change" in out
        await world.set_image(world.app("v2"))
        code, out, err = await inplace(world, "status", ref, "--timeout", "2m")
        assert code == 0, err
        pods = "1 Pod" if count == 1 else f"{count} Pods"
        assert out.splitlines()[-1] == f"{flavour.name.lower()}/web: UpToDate: {pods} up to date"
        await world.wait_upgraded()
        uids = sorted(pod.uid for pod in await world.pods())
        await world.kill_controller()
        code, out, err = await inplace(world, "disable", ref)
        assert (code, err) == (0, "")
        assert out.endswith("/web disabled\n")
        assert await world.is_clean()
        assert _own(await world.raw()) == before
        await world.clock.sleep(3)
        assert sorted(pod.uid for pod in await world.pods()) == uids
        await world.delete_pod((await world.pods())[0].name)

        async def back() -> bool:
            pods = await world.pods()
            fresh = len(pods) == len(uids) and sorted(pod.uid for pod in pods) != uids
            return fresh and all(pod.ready and pod.spec.containers[0].image == world.app("v2") for pod in pods)

        await world.until(back, "a Pod that is born without us to be Ready")


@KINDS
async def test_disable_says_what_it_would_do_to_pods_that_differ(open_world, flavour):
    async with open_world() as world:
        world.flavour = flavour
        await world.create_web(replicas=2, annotations={"paused": "true"})
        uids, ref = {pod.uid for pod in await world.pods()}, f"{flavour.resource.plural}/web"
        await world.set_image(world.app("v2"))
        await world.wait_phase("web", Phase.PAUSED)
        code, out, err = await inplace(world, "disable", ref)
        assert (code, out) == (3, "")
        assert " from the template" in err
        who = "no controller" if flavour.name == "ReplicaSet" else f"the {flavour.name} controller"
        assert f"{who} would replace them" in err
        assert (await world.workload()).metadata.label(names.MODE) is not None
        assert {pod.uid for pod in await world.pods()} == uids
        code, out, err = await inplace(world, "disable", ref, "--force")
        assert code == 0, err
        await world.annotate(paused=None)  # the user's own, and it stays
        await world.until(world.is_clean, "nothing of ours on any object")


@KINDS
async def test_a_dry_run_of_enable_changes_nothing(open_world, flavour):
    async with open_world(controller=False) as world:
        world.flavour = flavour
        await world.create_web(replicas=1, mode=None, gate=False)
        ref = f"{flavour.resource.plural}/web"
        for dry in ("client", "server"):
            code, out, err = await inplace(world, "enable", ref, "--mode", "InPlaceIfPossible", f"--dry-run={dry}")
            assert (code, err) == (0, "")
            assert "InPlaceIfPossible" in out
            assert await world.is_clean()
        code, _, err = await inplace(world, "enable", ref, "--mode", "Sometimes")
        assert code == 1
        assert "InPlaceOnly" in err


async def _halfway(world):
    """A Deployment of three of which one is upgraded."""
    world.flavour = kinds.BY_NAME["Deployment"]
    await world.create_web(replicas=3, annotations={"grace-period-seconds": "2"})
    await world.set_image(world.app("v2"))

    async def mixed() -> bool:
        status = await world.status()
        return status is not None and status.updated == 1

    await world.until(mixed, "one Pod to be upgraded")


async def _are_new(world) -> bool:
    pods = await world.pods()
    alike = all(pod.spec.containers[0].image == world.app("v2") and pod.ready for pod in pods)
    return len(pods) == 3 and alike


@pytest.mark.parametrize("controller", [True, False], ids=["with a controller", "without one"])
async def test_disable_by_force_in_the_middle_of_an_upgrade_ends_at_the_template(open_world, controller):
    """Without a controller the command stays until the last new Pod has its gate."""
    async with open_world() as world:
        await _halfway(world)
        if not controller:
            await world.kill_controller()
        code, out, err = await inplace(world, "disable", "deploy/web", "--force")
        assert (code, out.splitlines()[0]) == (0, "deployment/web disabled"), err
        assert "the Deployment controller replaces them" in err
        gates = [pod.condition(names.GATE) for pod in await world.pods()]
        assert all(gate is not None and gate.status == "True" for gate in gates)
        await world.until(lambda: _are_new(world), "three new Pods that serve")
        assert await world.is_clean()


async def test_disable_ends_what_somebody_has_thawed_in_the_middle_of_an_upgrade(open_world):
    """`kubectl replace` without our label; nobody but the command is there to repair it."""
    async with open_world() as world:
        await _halfway(world)
        await world.kill_controller()
        await world.replace_web("v2", replicas=3, mode=None)
        code, _, err = await inplace(world, "disable", "deploy/web")
        assert code == 0, err
        await world.until(lambda: _are_new(world), "three new Pods that serve")
        assert await world.is_clean()
