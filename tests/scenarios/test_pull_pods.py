"""Pull Pods among others: autoscalers, budgets, injectors, quotas, and who else pulls at the same time."""

from __future__ import annotations

from inplace.kube import resource as resources
from tests.scenarios.test_budgets import MANY, budget


async def pull_pod(world):
    """The first pull Pod that there is."""

    async def some() -> bool:
        return bool(await world.helpers())

    await world.until(some, "a pull Pod")
    return (await world.helpers())[0]


@MANY
async def test_a_budget_over_every_pod_of_the_namespace_is_counted_as_before(open_world):
    """It covers pull Pods too, and a Pod is no controller whose scale could be found."""
    async with open_world() as world:
        await budget(world, selector={}, maxUnavailable=1)
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


async def test_a_pull_pod_goes_with_the_pod_that_it_serves(open_world):
    """Its controller is that Pod, so that whoever drains the node evicts it like any other."""
    async with open_world() as world:
        await world.create_web(replicas=1)
        await world.set_image(world.app("missing"))
        found = await pull_pod(world)
        (owner,) = found.metadata.owner_references
        (served,) = await world.pods()
        assert (owner.kind, owner.uid, owner.controller) == ("Pod", served.uid, True)
        await world.delete_pod(served.name)

        async def gone() -> bool:
            return found.uid not in {one.uid for one in await world.helpers()}

        await world.until(gone, "the pull Pod to go")


async def test_a_pull_pod_is_in_nobodys_way_when_a_budget_comes_later(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1)
        await world.set_image(world.app("missing"))
        found = await pull_pod(world)
        body = {"metadata": {"name": "all"}, "spec": {"selector": {}, "maxUnavailable": 1}}
        await world.client.create(resources.PODDISRUPTIONBUDGETS, world.namespace, body, type=dict)

        async def replaced() -> bool:
            others = [one for one in await world.helpers() if one.uid != found.uid]
            return bool(others) and others[0].metadata.controller() is None

        await world.until(replaced, "a pull Pod without a controller")
