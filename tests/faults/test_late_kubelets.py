"""A kubelet whose status comes late: of what a Pod went through, only the end is ever seen.

So it is on a node or with an API server that is busy: the status manager writes what is newest when its turn comes.
"""

from __future__ import annotations

import pytest

from inplace.core.state import records
from inplace.core.state.records import Evidence
from inplace.core.state.statuses import Phase
from kubesim.kubelet import Timings
from tests.scenarios import invariants, kinds
from tests.scenarios.embedded import open_embedded

pytestmark = pytest.mark.parametrize("kind", ["StatefulSet", "Deployment"])

#: Seconds; longer than a swap takes.
LATE = Timings(report=4.0, notice=0.0)


async def test_the_images_are_swapped_without_a_wait(kind):
    """The first status at the new generation shows the new container: its imageID is enough."""
    async with open_embedded(timings=LATE) as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=2)
        began = world.clock.monotonic()
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=60)
        invariants.check(world.history, replicas=2, budget=1, since=began)


async def test_an_image_that_does_not_exist_then_corrected(kind):
    """Which of two patches the first container seen belongs to shows only with time; then it counts."""
    async with open_embedded(timings=LATE) as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=2, annotations={"pre-pull": "Never"})
        await world.set_image(world.app("missing"))
        await world.wait_phase("web", Phase.DEGRADED, 700)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=120)
        assert await _evidence(world) == {Evidence.IMAGE_CHANGED, Evidence.ASSUMED_BY_GENERATION}


async def test_the_same_bytes(kind):
    """As above, and the runtime reports the first name of the image."""
    async with open_embedded(timings=LATE) as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=1)
        await world.set_image(world.app("v1-alias"))
        await world.wait_upgraded(seconds=120)


async def test_a_pod_that_was_only_just_made_is_upgraded_when_its_container_is_known(kind):
    """Scaled up and changed in one write: the new Pod is swapped at once when it runs, by evidence, not by time."""
    async with open_embedded(timings=LATE) as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=1, annotations={"max-unavailable": "3", "pre-pull": "Never"})
        await world.scale(3)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded(seconds=60)
        assert await _evidence(world) <= {Evidence.IMAGE_CHANGED, Evidence.EXPECTED_DIGEST}


async def _evidence(world):
    """All evidence on the Pods' records."""
    found = [records.read(pod) for pod in await world.pods()]
    return {base.evidence for one in found if isinstance(one, records.Record) for base in one.containers.values()}
