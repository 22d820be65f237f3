"""What is shown without deciding again is what would be decided: whatever happened before, as long as nothing does."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from inplace.cluster.gather import gather
from inplace.core.plan.plan import plan
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views.looks import Looks
from inplace.core.views.workload import WorkloadView, build
from tests.property.simulation import KEY, Settings, Simulation
from tests.property.test_upgrade import EVENTS, STARTS, happen


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(STARTS, st.lists(st.sampled_from(EVENTS), min_size=10, max_size=120), st.integers(0, 2**32))
def test_a_view_that_is_kept_is_the_one_that_would_be_decided(start: Settings, events: list[str], seed: int) -> None:
    world, rng, looks = Simulation(start, random.Random(seed)), random.Random(seed), Looks()
    for event in events:
        happen(world, event, rng)
        for _ in range(2):
            now = world.clock.now()
            seen = gather(world.cache, None, KEY, now)
            if isinstance(seen, Snapshot):
                assert timeless(looks.view(seen, now)) == timeless(build(seen, plan(seen, now)))
            world.clock.seconds += rng.choice([0.3, 1.0, 4.0, 20.0])


def timeless(view: WorkloadView) -> WorkloadView:
    """Without the moments at which it was decided."""
    if view.status is None:
        return view
    status = replace(view.status, updated_at=view.status.updated_at.min, reached_at=None)
    return replace(view, status=status)


def test_moments_are_left_out_and_nothing_else() -> None:
    world = Simulation(Settings(), random.Random(1))
    now = world.clock.now()
    seen = gather(world.cache, None, KEY, now)
    assert isinstance(seen, Snapshot)
    later = now + timedelta(seconds=1)
    one, other = build(seen, plan(seen, now)), build(seen, plan(seen, later))
    assert one != other
    assert timeless(one) == timeless(other)
