"""Two replicas of the controller in the cluster: whichever way the leader goes in the middle of upgrades, the other
takes over in time, and nothing is done twice.

`make e2e` shows a leader that ends as it is asked to; the other ways are long.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from hack.cluster import api
from inplace.core.state import records
from tests.e2e.replicas import Leases, Replicas, pod_of, replicas
from tests.scenarios import invariants, kinds
from tests.scenarios.markers import long
from tests.scenarios.test_budgets import budget, emptied
from tests.scenarios.world import identity

#: Two upgrades of three Pods, and on a busy machine a minute for a Pod to start.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(900)]
LOG = logging.getLogger(__name__)

#: Seconds from a released lease to its next holder, and from the end of one that was not released. A standby needs 1.2
#: at most; the rest is for a machine that has much else to do.
CLEAN, LATE = 4.0, 4.0
SIZE, BUDGET = 3, 1
#: After so many seconds the disruption controller drops an entry for a Pod that was not deleted, and warns of it.
FORGOTTEN = 120.0
WORKLOADS = {"stateful": kinds.STATEFULSET, "stateless": kinds.DEPLOYMENT}

Judge = Callable[[], Awaitable[None]]


async def _restart(world: Replicas, _: str, __: str) -> None:
    await world.kubectl("rollout", "restart", f"deployment/{world.deployment}")


async def _terminate(world: Replicas, pod: str, _: str) -> None:
    await world.kubectl("delete", "pod", pod, "--wait=false")


async def _kill(world: Replicas, _: str, container: str) -> None:
    api.kill_container(world.cluster, container)


@pytest.mark.parametrize(
    ("go", "clean", "grace"),
    [
        pytest.param(_terminate, True, 2, id="SIGTERM"),
        # The leader goes when the other has been replaced: the upgrades are to last as long.
        pytest.param(_restart, True, 30, id="rolling restart", marks=long),
        pytest.param(_kill, False, 2, id="SIGKILL", marks=long),
    ],
)
async def test_the_standby_goes_on_in_the_middle_of_upgrades(tmp_path, go, clean, grace):
    async with replicas(tmp_path, 2) as world, world.following() as leases:
        upgraded = await _begin(world, grace)
        holder, gone = leases.holder, world.clock.now()
        await go(world, *_names(await world.leader(leases)))
        await _taken_over(world, leases, holder, gone, clean=clean)
        await upgraded()
        LOG.info("the first write of another one came %.2f s after the order", _first_write(world, holder, gone))
        await world.until(world.are_ready, "two replicas again")


@long
async def test_the_standby_goes_on_when_the_leader_has_lost_its_network(tmp_path):
    async with replicas(tmp_path, 2) as world, world.following() as leases:
        upgraded = await _begin(world, 2)
        holder, gone = leases.holder, world.clock.now()
        _, container = _names(await world.leader(leases))
        with api.cut_off(world.cluster, container):
            await _taken_over(world, leases, holder, gone, clean=False)
            await upgraded()
        LOG.info("the first write of another one came %.2f s after the loss", _first_write(world, holder, gone))
        await world.until(world.are_ready, "the one that was cut off to be back", 3 * world.patience)


def _names(pod: dict[str, Any]) -> tuple[str, str]:
    return pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["containerID"]


async def _begin(world: Replicas, grace: int) -> Judge:
    """Begin to upgrade a StatefulSet and a Deployment, whose Pods are drained for `grace` seconds each.

    Returns, with a Pod of each in flight, how to wait for them and judge.
    """
    before: dict[str, list[Any]] = {}
    for name, flavour in WORKLOADS.items():
        world.flavour = flavour
        await world.create(world.manifest(name, replicas=SIZE, annotations={"grace-period-seconds": str(grace)}))
        before[name] = [identity(pod) for pod in await world.pods(name)]
        await budget(world, name, {"matchLabels": {"app": name}}, maxUnavailable=BUDGET)
    since = world.clock.monotonic()
    for name, flavour in WORKLOADS.items():
        world.flavour = flavour
        await world.set_image(world.app("v2"), name=name)

    async def both_in_flight() -> bool:
        return all([await _is_in_flight(world, name) for name in WORKLOADS])

    await world.until(both_in_flight, "a Pod of each in flight")

    async def upgraded() -> None:
        for name, flavour in WORKLOADS.items():
            world.flavour = flavour
            await world.wait_upgraded(name, seconds=2 * world.patience)
            pods, history = await world.pods(name), world.history.only(name)
            assert [identity(pod) for pod in pods] == before[name]
            assert [pod.status.container_statuses[0].restart_count for pod in pods] == [1] * SIZE
            assert [history.restarts(pod.name, "app") for pod in pods] == [1] * SIZE
            invariants.check(history, replicas=SIZE, budget=BUDGET, since=since)
            await emptied(world, name)
        if SIZE * grace < FORGOTTEN / 2:
            assert world.clock.monotonic() - since < FORGOTTEN, "nothing has waited until a reservation was forgotten"

    return upgraded


async def _is_in_flight(world: Replicas, name: str) -> bool:
    found = [records.read(pod) for pod in await world.pods(name)]
    return any(isinstance(one, records.Record) and one.in_flight for one in found)


async def _taken_over(world: Replicas, leases: Leases, holder: str, gone: datetime, *, clean: bool) -> None:
    """Wait for the next holder, and judge how long that took."""
    seconds = leases.seen[-1].seconds

    async def taken() -> bool:
        return leases.taken(after=gone, by_other_than=holder) is not None

    await world.until(taken, "another to hold the lease")
    released, following = leases.released(by=holder), leases.taken(after=gone, by_other_than=holder)
    assert following is not None
    assert (released is not None) == clean, "who ends as it is asked to gives the lease back"
    took = (following.at - (released.at if released is not None else gone)).total_seconds()
    LOG.info("taken over %.2f s after the %s", took, "release" if clean else "loss")
    assert took <= (CLEAN if clean else seconds + LATE)


def _first_write(world: Replicas, holder: str, gone: datetime) -> float:
    """Seconds until another one wrote."""
    made = [one.at for one in world.writes() if one.pod != pod_of(holder) and one.at > gone]
    assert made, "there was something left for the other one to do"
    return (made[0] - gone).total_seconds()
