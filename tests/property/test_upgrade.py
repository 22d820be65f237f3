"""I1 to I8 hold whatever happens, in whatever order; and once it stops happening, every Pod gets there (L1, L2)."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inplace.core.state.records import PodPhase
from tests.property.simulation import GOOD, Settings, Simulation, record_of

STARTS = st.builds(
    Settings,
    replicas=st.integers(1, 4),
    gate=st.booleans(),
    sidecar=st.booleans(),
    budget=st.integers(1, 3),
    grace=st.sampled_from([0, 0, 3]),
    tracks_generation=st.sampled_from([True, True, False]),
    ordered=st.booleans(),
    rollback=st.booleans(),
    pull=st.sampled_from(["Never", "Never", "Required", "BestEffort"]),
)
TAGS = ("v1", "v2", "v3", "v1-alias", "missing")
EVENTS = (
    *("kubelet",) * 8, *("deliver",) * 8, *("act",) * 8, *("time",) * 4, *("workload",) * 3, *("controller",) * 3,
    "template", "template", "crash", "kill", "pause", "resume", "delete", "unanswered", "budget", "bad-setting",
    "retry",
)  # fmt: skip


def happen(world: Simulation, event: str, rng: random.Random) -> None:
    """One thing happens."""
    name = f"web-{rng.randrange(world.start.replicas)}"
    happenings: dict[str, Callable[[], object]] = {
        "kubelet": lambda: world.kubelet(name),
        "deliver": lambda: world.deliver(name),
        "workload": world.deliver_workload,
        "controller": world.sync_controller,
        "act": lambda: act(world, rng),
        "unanswered": lambda: act(world, rng, answered=False),
        "time": lambda: world.pass_time(rng.choice([0.1, 1.0, 5.0, 30.0])),
        "template": lambda: world.set_template(rng.choice(TAGS), rng.choice("ab"), rng.choice(["v1", "v2"])),
        "crash": lambda: world.crash(name),
        "kill": world.kill,
        "pause": lambda: world.set_annotation("paused", "true"),
        "resume": lambda: world.set_annotation("paused", None),
        "delete": lambda: world.delete_pod(name),
        "budget": lambda: world.set_annotation("max-unavailable", rng.choice(["1", "2", "3"])),
        "retry": lambda: world.set_annotation("retry", str(rng.random())),
        "bad-setting": lambda: world.set_annotation("partition", rng.choice(["x", None, None])),
    }
    happenings[event]()
    world.note_health()
    if event == "unanswered":
        world.kill()


def act(world: Simulation, rng: random.Random, *, answered: bool = True) -> None:
    """The controller plans, and some of its writes arrive."""
    snapshot, actions = world.plan()
    for action in actions:
        if rng.random() < 0.8:
            world.carry_out(snapshot, action, answered=answered)


def settle(world: Simulation, rounds: int) -> bool:
    """Nothing bad happens any more, and everybody gets their turn."""
    world.set_annotation("paused", None)
    world.set_annotation("partition", None)
    world.set_annotation("retry", "once more")  # what was rolled back before may be the good one now
    for _ in range(rounds):
        world.sync_controller()
        world.deliver_workload()
        for ordinal in range(world.start.replicas):
            world.deliver(f"web-{ordinal}")
        snapshot, actions = world.plan()
        for action in actions:
            world.carry_out(snapshot, action)
        world.note_health()
        for ordinal in range(world.start.replicas):
            for _ in range(3):
                world.kubelet(f"web-{ordinal}")
                world.deliver(f"web-{ordinal}")
        world.pass_time(1)
        if world.upgraded():
            return True
    return world.upgraded()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=STARTS, events=st.lists(st.sampled_from(EVENTS), min_size=20, max_size=120), seed=st.integers(0, 2**32))
def test_invariants_hold_and_a_good_image_gets_everywhere(start, events, seed):
    world, rng = Simulation(start, random.Random(seed)), random.Random(seed)
    for event in events:
        happen(world, event, rng)
    world.set_template(rng.choice(GOOD), rng.choice("ab"))
    assert settle(world, 400), "L1: not every Pod reached the target"
    for pod in world.pods.values():
        record = record_of(pod)
        assert record is None or record.phase is PodPhase.DONE


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=STARTS, events=st.lists(st.sampled_from(EVENTS), max_size=40), seed=st.integers(0, 2**32))
def test_a_bad_image_ends_with_a_reason_and_an_open_gate(start, events, seed):
    world, rng = Simulation(start, random.Random(seed)), random.Random(seed)
    for event in events:
        happen(world, event, rng)
    world.set_template("missing")
    settle(world, 200)
    for pod in world.pods.values():
        record = record_of(pod)
        assert record is None or not record.in_flight, "L2: still waiting after its deadline"
        assert record is None or record.phase is not PodPhase.FAILED or record.reason
        gates = [c["status"] for c in pod["status"]["conditions"] if c["type"] == "InPlaceUpdateReady"]
        assert gates in ([], ["True"]), "I4: the gate stayed closed"


@pytest.mark.parametrize("gate", [True, False], ids=["gate", "no gate"])
def test_a_quiet_upgrade_costs_three_writes_or_two(gate):
    world = Simulation(Settings(replicas=3, gate=gate), random.Random(0))
    world.set_template("v2")
    assert settle(world, 60)
    assert world.writes == 3 * (3 if gate else 2)
