"""One release of the controller after another: the next goes on where the one before was, and so does the one before
where the next was (docs/design/protocol.md, "Versions").
"""

from __future__ import annotations

import pytest

from inplace.core.state import records
from tests.e2e.releases import OLDER, older, older_release
from tests.e2e.replicas import replicas
from tests.scenarios import invariants, kinds, policies
from tests.scenarios.markers import long
from tests.scenarios.policies import HONEST_STATUS, KEEP_FREEZE
from tests.scenarios.real import ROOT
from tests.scenarios.world import identity

WORKLOADS = {"stateful": kinds.STATEFULSET, "stateless": kinds.DEPLOYMENT}
SIZE = 3
#: So long that a Pod is in flight when the other release leads.
DRAINED = "20"


@long
@pytest.mark.alone
@pytest.mark.timeout(1800)
async def test_an_upgrade_that_one_release_has_begun_another_finishes_there_and_back(tmp_path):
    tree = f"{older().relative_to(ROOT)}/"
    async with _installed(tmp_path, tree) as world:
        before = {}
        for name, flavour in WORKLOADS.items():
            world.flavour = flavour
            settings = {"grace-period-seconds": DRAINED, "max-unavailable": "1", "on-failure": "Rollback"}
            await world.create(world.manifest(name, replicas=SIZE, annotations=settings))
            before[name] = [identity(pod) for pod in await world.pods(name)]
        since = world.clock.monotonic()
        for tag, after in (("v2", ("", "")), ("v3", (older_release(world.cluster), tree))):
            for name, flavour in WORKLOADS.items():
                world.flavour = flavour
                await world.set_image(world.app(tag), name=name)
            for name in WORKLOADS:
                await world.until(lambda name=name: _in_flight(world, name), f"a Pod of {name} in flight")
            await world.become(*after)
            for name, flavour in WORKLOADS.items():
                world.flavour = flavour
                await world.wait_upgraded(name, seconds=3 * world.patience)
        for name in WORKLOADS:
            assert [identity(pod) for pod in await world.pods(name)] == before[name]
            counts = [pod.status.container_statuses[0].restart_count for pod in await world.pods(name)]
            assert counts == [2] * SIZE, "once for each image, whoever began and whoever finished"
            invariants.check(world.history.only(name), replicas=SIZE, budget=1, since=since)


def _installed(scratch, tree):
    from hack.cluster import api

    return replicas(scratch, 1, older_release(api.current()), tree)


async def _in_flight(world, name) -> bool:
    found = [records.read(pod) for pod in await world.pods(name)]
    return any(isinstance(one, records.Record) and one.in_flight for one in found)


@long
@pytest.mark.parametrize("older_one", ["controller", "policies"])
@pytest.mark.parametrize("flavour", [kinds.STATEFULSET, kinds.DEPLOYMENT], ids=["StatefulSet", "Deployment"])
async def test_the_policies_of_one_release_serve_the_controller_of_another(open_world, monkeypatch, older_one, flavour):
    """But for pull Pods, whose command is another by now: the fence of the one refuses those of the other."""
    if older_one == "controller":
        monkeypatch.setenv("PYTHONPATH", str(older()))  # of the processes that are started from here
    else:
        monkeypatch.setattr(policies, "POLICIES", older() / "manifests/policies")
        policies.manifests.cache_clear()
    try:
        async with open_world(controller=False) as world, world.policies(KEEP_FREEZE, HONEST_STATUS):
            world.flavour = flavour
            await world.start_controller()
            await world.create_web(replicas=2, annotations={"pre-pull": "BestEffort"})
            before = [identity(pod) for pod in await world.pods()]
            await world.set_image(world.app("v2"))
            await world.wait_upgraded(seconds=2 * world.patience)
            assert [identity(pod) for pod in await world.pods()] == before
    finally:
        policies.manifests.cache_clear()


def test_the_older_release_is_another():
    """What runs above as the older one is not this checkout."""
    assert (older() / "inplace/core/state/records.py").read_text() != (
        ROOT / "inplace/core/state/records.py"
    ).read_text(), OLDER
