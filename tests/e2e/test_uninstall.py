"""Everything installed, every kind upgraded, all uninstalled in the documented order: nothing of us is left."""

from __future__ import annotations

import asyncio
import contextlib
import shlex

from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from tests.e2e.test_opting import _own
from tests.scenarios import kinds
from tests.scenarios.policies import GATE, HONEST_STATUS, KEEP_FREEZE
from tests.scenarios.real import inplace, kubectl


async def test_uninstalling_leaves_every_object_as_it_was(open_world):
    async with open_world() as world:
        before = {}
        for flavour in kinds.ALL:
            world.flavour = flavour
            await world.create(world.manifest(_name(flavour), replicas=2, mode=None, gate=False))
            before[flavour.name] = _own(await world.raw(_name(flavour)))
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(world.policies(KEEP_FREEZE, HONEST_STATUS, "refuse", "settings", "fence"))
            gate = await stack.enter_async_context(contextlib.AsyncExitStack())
            await gate.enter_async_context(world.policies(GATE))
            uids, rolled = {}, [flavour for flavour in kinds.ALL if flavour is not kinds.REPLICASET]
            for flavour in kinds.ALL:
                world.flavour, name = flavour, _name(flavour)
                gated = ["--with-gate"] if flavour in rolled else []
                code, _, err = await inplace(world, "enable", f"{flavour.resource.plural}/{name}", *gated)
                assert code == 0, err
                await world.wait_phase(name, Phase.UP_TO_DATE)
                await _give_gates(world, name)
                await world.set_image(world.app("v2"), name=name)
            for flavour in kinds.ALL:
                world.flavour, name = flavour, _name(flavour)
                await world.wait_upgraded(name, seconds=2 * world.patience)
                uids[flavour.name] = {pod.uid for pod in await world.pods(name)}
            # Uninstall, in the order of docs/how-to/uninstall.md: opt out, then the gate out of the templates.
            for flavour in kinds.ALL:
                world.flavour, name = flavour, _name(flavour)
                code, out, err = await inplace(world, "disable", f"{flavour.resource.plural}/{name}")
                assert code == 0, err
                assert {pod.uid for pod in await world.pods(name)} == uids[flavour.name]
                commands = [line.split("kubectl ")[1] for line in out.splitlines() if "kubectl patch" in line]
                assert len(commands) == (flavour in rolled)
                for command in commands:
                    await asyncio.to_thread(kubectl, world.cluster, *shlex.split(command))
            for flavour in rolled:
                status = ("-n", world.namespace, "rollout", "status", f"{flavour.resource.plural}/{_name(flavour)}")
                await asyncio.to_thread(kubectl, world.cluster, *status, "--timeout=120s")
            await gate.aclose()
            await world.kill_controller()
        assert await world.is_clean()
        for flavour in kinds.ALL:
            world.flavour, name = flavour, _name(flavour)
            assert _own(await world.raw(name)) == before[flavour.name]
            await _replace_all(world, name)
            pods = await world.pods(name)
            assert not any(pod.has_gate(names.GATE) for pod in pods)
            assert {pod.spec.containers[0].image for pod in pods} == {world.app("v2")}


def _name(flavour):
    return f"web-{flavour.resource.plural}"


async def _give_gates(world, name):
    """Replace its Pods until those that come have the gate: a policy is in force some seconds after it is bound."""
    for _ in range(6):
        await _replace_all(world, name)
        if all(pod.has_gate(names.GATE) for pod in await world.pods(name)):
            return
    raise AssertionError(f"no new Pod of {name} has the gate")


async def _replace_all(world, name):
    """Delete its Pods, and wait until others have come and are Ready."""
    old = {pod.uid for pod in await world.pods(name)}
    for pod in await world.pods(name):
        await world.delete_pod(pod.name)

    async def back() -> bool:
        found = await world.pods(name)
        fresh = not old & {pod.uid for pod in found} and all(pod.ready for pod in found)
        return fresh and len(found) == len(old)

    await world.until(back, f"new Pods of {name}")
