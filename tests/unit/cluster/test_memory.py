"""What the process remembers of its own writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from inplace.cluster.cache import Cache
from inplace.cluster.memory import Caps, Memory
from inplace.core.actions.actions import CreatePullPod
from inplace.core.kinds import OwnedObjects
from inplace.core.rollout import pull_pods
from inplace.core.rollout.snapshot import Pulls
from inplace.core.state.records import PodPhase
from tests.factories import later, pod, swapping, workload
from tests.property.simulation import EPOCH, FakeClock

SWAPPING = pod(record=swapping(PodPhase.SWAPPING))


def of_web(**fields):
    """A cache in which web is opted in."""
    cache = Cache()
    cache.workloads["StatefulSet"].put(workload(**fields))
    return cache


def test_a_slot_is_free_again_though_the_watch_was_faster_than_the_answer():
    """A Pod without a gate gets no event after the one of our last write: the cap must not count it for ever."""
    cache = of_web()
    memory = Memory(FakeClock(), cache, Caps(everywhere=1))
    cache.pods.put(SWAPPING)
    memory.saw_pod(None, SWAPPING)
    assert memory.room("default") == 0
    memory.writing.add(SWAPPING.uid)
    done = pod(record=swapping(PodPhase.DONE))
    memory.saw_pod(cache.pods.put(done), done)
    memory.wrote(done.uid, done.metadata.resource_version)
    memory.writing.discard(done.uid)
    memory.settled(done.metadata)
    assert memory.room("default") == 1


PULL = CreatePullPod(workload(), "inplace-pull-1", "node", "registry.test/app:v2", {})


def pulls(memory):
    return memory.pull_pods(PULL.workload, OwnedObjects())


def test_a_pull_takes_its_slot_from_when_it_is_asked_for():
    """Several workloads plan before the first of their pull Pods is seen."""
    memory = Memory(FakeClock(), Cache())
    memory.requested_pull(PULL)
    assert pulls(memory).busy == {"registry.test": Pulls(1, 1)}
    memory.answered_pull(PULL, refused="no")
    assert pulls(memory).busy == {}


def test_a_refusal_stands_until_the_pull_pod_is_accepted_and_its_time_begins_then():
    """Or a workload that is Degraded for it would be Progressing whenever it is asked for again."""
    clock = FakeClock()
    memory = Memory(clock, Cache())
    memory.requested_pull(PULL)
    memory.answered_pull(PULL, refused="no")
    clock.seconds += 30
    memory.requested_pull(PULL)
    assert pulls(memory).requests[PULL.name].refused == "no"
    memory.answered_pull(PULL)
    accepted = pulls(memory).requests[PULL.name]
    assert (accepted.refused, accepted.since) == ("", clock.now())


def test_a_pull_that_was_not_needed_for_a_while_begins_anew():
    clock = FakeClock()
    memory = Memory(clock, Cache())
    memory.requested_pull(PULL)
    clock.seconds += 64
    assert pulls(memory).requests
    clock.seconds += 1
    assert not pulls(memory).requests


# --- nothing is counted that others can forge

OURS = swapping(PodPhase.SWAPPING)
FOREVER = datetime(8999, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("record", "fields", "own"),
    [
        pytest.param(OURS, {"ownerReferences": []}, {}, id="nobody's Pod"),
        pytest.param(replace(OURS, workload="another"), {}, {}, id="a record of another workload"),
        pytest.param(OURS, {}, {"mode": None, "frozen": False}, id="a workload that is not opted in"),
        pytest.param(replace(OURS, deadline=FOREVER), {}, {}, id="a deadline that no attempt has"),
        pytest.param(swapping(PodPhase.DRAINING), {"gate": "True"}, {}, id="drained, with an open gate"),
    ],
)
def test_a_record_that_is_not_ours_takes_nothing_of_the_cap(record, fields, own):
    """Whoever may annotate a Pod of his own could keep everybody else from upgrading."""
    cache = of_web(**own)
    memory = Memory(FakeClock(), cache, Caps(everywhere=1))
    forged = pod(record=record, **fields)
    cache.pods.put(forged)
    memory.saw_pod(None, forged)
    assert memory.room("default") == 1
    assert memory.disrupted == 0


def test_a_pod_in_flight_counts_as_soon_as_its_workload_is_seen():
    """Reflectors are not ordered among each other, and a new leader knows of the last one's by records alone."""
    cache = Cache()
    memory = Memory(FakeClock(), cache, Caps(everywhere=1))
    cache.pods.put(SWAPPING)
    memory.saw_pod(None, SWAPPING)
    assert memory.room("default") == 1
    cache.workloads["StatefulSet"].put(workload())
    assert memory.room("default") == 0
    assert memory.disrupted == 1


def test_pods_that_only_look_like_pull_pods_take_no_slot():
    """Twenty of a tenant's own, which never run, must not keep everybody else from pulling."""
    cache = Cache()
    owner = [{"apiVersion": "v1", "kind": "Pod", "name": "mine", "uid": "uid-mine"}]
    for number in range(40):
        labels = {"inplace.dev/helper": "pre-pull"}
        cache.pods.put(pod(name=f"inplace-pull-{number}", namespace="theirs", labels=labels, ownerReferences=owner))
    assert pulls(Memory(FakeClock(), cache)).busy == {}


def test_a_pull_keeps_its_slot_until_its_time_is_over_whatever_becomes_of_its_pod():
    """Whoever deletes the Pod and makes it again, makes it seem new."""
    clock, cache = FakeClock(), Cache()
    memory = Memory(clock, cache)
    memory.requested_pull(PULL)
    memory.answered_pull(PULL)

    def waiting(made):
        return pod(name=PULL.name, creationTimestamp=made.isoformat(), ownerReferences=[])

    cache.pods.put(waiting(later(0)))
    assert pulls(memory).busy == {"registry.test": Pulls(1, 1)}
    clock.seconds += pull_pods.SLOT.total_seconds()
    cache.pods.put(waiting(later(clock.seconds)))
    assert pulls(memory).busy == {}


def test_pulls_are_counted_by_namespace():
    memory = Memory(FakeClock(), Cache())
    meta = replace(PULL.workload.metadata, namespace="theirs", uid="theirs")
    memory.requested_pull(replace(PULL, workload=replace(PULL.workload, metadata=meta), name="inplace-pull-2"))
    memory.requested_pull(PULL)
    assert pulls(memory).busy == {"registry.test": Pulls(1, 2)}


def test_a_wait_that_gets_on_begins_anew():
    clock = FakeClock()
    memory = Memory(clock, Cache(), Caps())
    for at, progress, since in ((0, 1, 0), (5, 1, 0), (10, 2, 10), (15, 2, 10), (20, None, None), (25, 2, 25)):
        clock.seconds = at
        memory.note_blocked("web", progress)
        found = memory.blocked_since.get("web")
        assert found == (None if since is None else EPOCH + timedelta(seconds=since))
