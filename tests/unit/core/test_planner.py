"""What a planner remembers between two looks, and what it must not."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from operator import mul

import pytest
from msgspec.structs import replace

from inplace.core.plan.plan import Planner
from inplace.core.pod.states import Pending
from inplace.core.rollout.memo import Bounded, NodeImages, PerPod
from inplace.core.rollout.snapshot import PullPods
from inplace.core.state.records import PodPhase
from tests.factories import NEW, NOW, later, node, pod, refused, snapshot, swapping, template, workload
from tests.unit.core.test_kinds import deployment, looked, print_of, replica_set

DRAINING = pod(record=swapping(PodPhase.DRAINING))


def test_an_answer_is_kept_while_its_inputs_and_its_time_last():
    memo, asked = PerPod[int, int](), []

    def conclude(inputs):
        asked.append(inputs)
        return inputs * 10, NOW + timedelta(seconds=5)

    def recall(inputs, *, common="a", at=0.0):
        return memo.recall("w", common, [("p", inputs)], later(at), conclude)["p"]

    assert [recall(1), recall(1, at=4)] == [10, 10]
    assert asked == [1]
    assert recall(2, at=4) == 20
    assert asked == [1, 2], "its inputs have changed"
    assert recall(2, common="b", at=4) == 20
    assert asked == [1, 2, 2], "what all depend on has changed"
    assert recall(2, common="b", at=5) == 20
    assert asked == [1, 2, 2, 2], "its time is over"


def test_pods_and_workloads_that_are_gone_are_forgotten():
    memo = PerPod[int, int]()
    memo.recall("w", None, [("p", 1), ("q", 2)], NOW, lambda inputs: (inputs, None))
    memo.recall("w", None, [("q", 2)], NOW, lambda inputs: (inputs, None))
    assert memo._known["w"][1].keys() == {"q"}
    memo.forget("w")
    assert not memo._known


def test_what_is_bounded_drops_the_oldest():
    memo = Bounded[int](2)
    for key in (1, 2, 3):
        assert memo.recall(key, partial(mul, key, 10)) == key * 10
    assert memo.recall(1, lambda: 11) == 11, "1 was dropped for 3"
    assert memo.recall(3, lambda: 33) == 30


def test_the_images_of_a_node_are_read_again_when_it_reports():
    listed, plain = NodeImages(), node()
    first = listed.of(plain)
    assert listed.of(plain) is first
    assert listed.of(replace(plain)) is not first


CHANGES = [
    pytest.param({}, id="the time"),
    pytest.param({"failed_writes": ()}, id="a refused write"),
    pytest.param({"pending": frozenset({"uid"})}, id="a write in flight"),
    pytest.param({"nodes": {}}, id="its node"),
    pytest.param({"workload": workload(replicas=1, annotations={"min-ready-seconds": "9"})}, id="a setting"),
    pytest.param({"workload": workload(replicas=1, annotations={"retry": "x"})}, id="a request to retry"),
    pytest.param({"unseen": frozenset({"nodes"}), "nodes": {}}, id="rights on nodes"),
    pytest.param({"nodes": {"node": node("v1.33.0")}}, id="its kubelet"),
    pytest.param({"revisions": {NEW: template(NEW, "app:v2")}}, id="a revision that is gone"),
    pytest.param({"pull_pods": PullPods()}, id="an image that is not there"),
]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_planner_that_has_looked_before_decides_like_one_that_has_not(changes):
    """Whatever changes between two looks: a decision is never that of the look before."""
    one = pod()
    if "failed_writes" in changes:
        one = DRAINING
        changes = {"failed_writes": (refused(one.uid),)}
    if "pending" in changes:
        changes = {"pending": frozenset({one.uid})}
    planner = Planner()
    before = snapshot(one, workload=workload(replicas=1))
    planner.plan(before, later(1))
    after = replace(before, **changes)
    assert planner.plan(after, later(2)) == Planner().plan(after, later(2))


def test_where_pods_are_is_asked_again_when_their_revisions_are_known():
    shot = looked(deployment("v2"), replica_set("a", "v1"), pods=(pod(image="app:v1", revision=""),))
    planner = Planner()
    assert planner.decide(replace(shot, revisions={}), NOW).assessment.pods[0].revision == ""
    assert planner.decide(shot, NOW).assessment.pods[0].revision == print_of("v1")


def test_only_who_looks_is_given_the_beginning_of_an_earlier_moment():
    shot = snapshot(pod(ready=True))

    def twice(planner):
        return [planner.decide(replace(shot), later(at)).assessment.pods[0] for at in (0, 5)]

    one, other = twice(Planner(acts=False))
    assert isinstance(one.state, Pending)
    assert one is other
    one, other = twice(Planner())
    assert one.state.action.record.started_at == NOW
    assert other.state.action.record.started_at == later(5)
