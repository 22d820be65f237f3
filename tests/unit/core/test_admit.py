"""Which of the Pods that could start do so: quotas, what a granted Pod lacks, and what the next one finds left."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.actions.describe import sort_of
from inplace.core.kinds import Template
from inplace.core.kinds.statefulset import StatefulSet
from inplace.core.objects import names
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.plan import Planner
from inplace.core.rollout import order
from inplace.core.rollout.snapshot import FailedWrite, PullPods
from inplace.core.state import statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from tests.factories import NEW, NOW, OLD, container, later, node, pod, snapshot, swapping, template, workload

#: NEW differs from OLD in a label only.
LABEL_ONLY = {
    OLD: template(OLD, "app:v1"),
    NEW: Template(
        NEW,
        {
            "metadata": {"labels": {"app": "web", "tier": "x"}},
            "spec": {"containers": [{"name": "app", "image": "app:v1"}]},
        },
    ),
}


def pods(count, **fields):
    return [pod(name=f"web-{n}", **fields) for n in range(count)]


def admission(*found, annotations=None, now=NOW, **changes):
    changes.setdefault("workload", workload(replicas=len(found), annotations=annotations))
    return Planner().decide(snapshot(*found, **changes), now).admission


def started(admitted):
    return [action.pod.name for action in admitted.granted]


def codes(admitted):
    return {name: str(reason.code) for name, reason in admitted.deferred.items()}


def test_every_start_takes_from_max_unavailable():
    made = admission(*pods(4), annotations={"max-unavailable": "2"})
    assert started(made) == ["web-3", "web-2"]
    assert codes(made) == {"web-1": "Budget", "web-0": "Budget"}


def test_every_start_takes_from_the_cap_over_all_workloads():
    made = admission(*pods(4), annotations={"max-unavailable": "3"}, room=2)
    assert started(made) == ["web-3", "web-2"]
    assert codes(made) == {"web-1": "DisruptionCap", "web-0": "DisruptionCap"}
    assert started(admission(*pods(2), room=0)) == []


def test_a_pod_beyond_the_replicas_does_not_count_as_available():
    """One of the two that stay is missing: the one that is scaled away does not stand in for it."""
    made = admission(pod(name="web-0"), pod(name="web-2"), workload=workload(replicas=2))
    assert started(made) == []


def turning(count, **fields):
    """Pods that have not been drained on their way to another template, and serve."""
    record = replace(swapping(), target=OTHER)
    return [pod(name=f"web-{n}", image="app:v3", record=record, **fields) for n in range(count)]


OTHER = "web-other"
THREE = {OLD: template(OLD, "app:v1"), OTHER: template(OTHER, "app:v3"), NEW: template(NEW, "app:v2")}


def test_a_pod_in_flight_that_serves_asks_for_its_place_when_it_turns_to_another_target():
    """Its attempt was granted what it took, which may have been nothing: one that restarts nothing drains nobody."""
    made = admission(*turning(3), revisions=THREE)
    assert started(made) == ["web-2"]
    assert codes(made) == {"web-1": "Budget", "web-0": "Budget"}
    assert started(admission(*turning(3), revisions=THREE, annotations={"max-unavailable": "2"})) == ["web-2", "web-1"]
    assert codes(admission(*turning(1), revisions=THREE, room=0)) == {"web-0": "DisruptionCap"}


def test_a_pod_in_flight_that_does_not_serve_keeps_its_place():
    """It is down already, and goes on to the new target without asking."""
    out, serving = turning(1, gate="False", ready=False), turning(2)[1:]
    made = admission(*out, *serving, revisions=THREE)
    assert (started(made), codes(made)) == ([], {"web-1": "Budget"})


def test_a_broken_pod_costs_nothing():
    made = admission(pod(name="web-0", ready=False), pod(name="web-1"), room=0)
    assert started(made) == ["web-0"]


@pytest.mark.parametrize(
    ("waiting", "begin"), [("CrashLoopBackOff", ["web-2", "web-1", "web-0"]), ("", ["web-2", "web-1"])]
)
def test_pods_that_may_only_be_starting_are_not_swapped_all_at_once(waiting, begin):
    found = [pod(container(waiting=waiting, running=not waiting), name=f"web-{n}", ready=False) for n in range(3)]
    made = admission(*found, annotations={"max-unavailable": "2"}, room=0)
    assert started(made) == begin
    flying = replace(found[2], metadata=pod(name="web-2", record=swapping()).metadata)
    assert started(admission(*found[:2], flying, annotations={"max-unavailable": "2"}, room=0)) == begin[1:]


@pytest.mark.parametrize(("gate", "begin"), [("True", []), (None, []), ("absent", ["web-2"])])
def test_a_pod_whose_node_was_away_for_a_moment_is_not_broken(gate, begin):
    """The node lifecycle controller sets Ready=False, and nothing else: the kubelet is about to set it back."""
    assert started(admission(*pods(3, gate=gate, ready=False, conditions_ready=True))) == begin
    one = pod(name="web-2", gate=gate, ready=False, conditions_ready=True)
    assert started(admission(*pods(2), one)) == begin, "nor does another begin meanwhile"


def test_a_pod_that_is_upgraded_and_not_ready_yet_counts_among_those_that_may_only_be_starting():
    """Once its gate is open it is not in flight any more."""
    fresh = swapping(PodPhase.DONE, evidence="ImageChanged")
    upgraded = pod(container(image="app:v2"), name="web-2", image="app:v2", revision=NEW, ready=False, record=fresh)
    others = pods(2, ready=False)
    assert started(admission(*others, upgraded)) == []
    assert started(admission(*others, upgraded, annotations={"max-unavailable": "2"})) == ["web-1"]
    assert started(admission(*others, upgraded, now=later(700), annotations={"max-failures": "1"})) == ["web-1"]


def test_a_change_of_labels_costs_nothing_and_waits_for_nothing():
    made = admission(*pods(3), revisions=LABEL_ONLY, room=0, pull_pods=PullPods())
    assert started(made) == ["web-2", "web-1", "web-0"]


def test_a_pod_whose_start_was_refused_waits_with_the_reason_and_is_asked_for_again():
    refused = Reason(ReasonCode.WriteRefused, "", "the API server refuses to drain Pod web-1")
    failed = FailedWrite("uid-web-1", "drain", refused, NOW, later(30), later(60))
    found = [pod(name=f"web-{n}", uid=f"uid-web-{n}") for n in range(2)]
    drain = admission(*found).granted[0]
    failed = replace(failed, sort=sort_of(drain))
    made = admission(*found, failed_writes=(failed,))
    assert started(made) == []
    assert made.deferred["web-1"] is refused
    assert started(admission(*found, failed_writes=(failed,), now=later(30))) == ["web-1"]


# --- steps


def at_step(count, *, moved=()):
    """Pods of web at the step of two, `moved` of them at the new revision."""
    said = Status(1, 2, NEW, Phase.PROGRESSING, count, 0, count, 0, 0, NOW)
    own = {"steps": "2,100%", "max-unavailable": "3", "status": statuses.encode(said)}
    done = replace(swapping(), phase=PodPhase.DONE)
    found = [
        pod(name=f"web-{n}", revision=NEW, image="app:v2", record=done) if n in moved else pod(name=f"web-{n}")
        for n in range(count)
    ]
    return found, own


@pytest.mark.parametrize(
    ("moved", "starts"), [((), ["web-3", "web-2"]), ((3,), ["web-2"]), ((3, 2), [])], ids=["none", "one", "both"]
)
def test_no_more_start_than_the_step_allows(moved, starts):
    found, own = at_step(4, moved=moved)
    made = admission(*found, annotations=own, workload=workload(replicas=4, annotations=own))
    assert started(made) == starts
    assert set(codes(made).values()) == {"Step"}


def test_a_pod_that_is_tried_again_keeps_its_place_in_the_step():
    """It has failed at the new revision: held by the step that it has used up itself, it would wait for ever."""
    found, own = at_step(4, moved=(3,))
    failed = replace(swapping(), phase=PodPhase.FAILED, reason="CrashLoop", message="exits")
    found[2] = pod(name="web-2", ready=False, record=failed)
    assert started(admission(*found, annotations=own)) == [], "a failure is not tried again by itself"
    made = admission(*found, annotations={**own, "retry": "again"})
    assert started(made) == ["web-2"]
    assert codes(made) == {"web-1": "Step", "web-0": "Step"}


def test_images_are_pulled_ahead_for_pods_within_the_step_only():
    found, own = at_step(4)
    made = admission(*found, annotations=own, pull_pods=PullPods())
    assert [one.name for one in made.next_up] == ["web-3", "web-2"]
    assert [one.name for one in made.unprepared] == ["web-3", "web-2"]


def test_a_pod_beyond_the_step_waits_for_the_step_and_not_for_the_budget():
    """Its image is not pulled ahead: it may never go there."""
    found, own = at_step(4)
    made = admission(*found, annotations={**own, "max-unavailable": "1"}, pull_pods=PullPods())
    assert codes(made) == {"web-3": "PrePull", "web-2": "Budget", "web-1": "Step", "web-0": "Step"}
    assert [one.name for one in made.next_up] == ["web-3", "web-2"]


def test_a_pod_that_the_budget_defers_is_not_pulled_for_first():
    made = admission(*pods(3), pull_pods=PullPods())
    assert codes(made) == {"web-2": "PrePull", "web-1": "Budget", "web-0": "Budget"}
    assert [one.name for one in made.unprepared] == ["web-2"]
    assert [one.name for one in made.next_up] == ["web-2", "web-1", "web-0"]


# --- together


class Recreated(StatefulSet):
    """As a Deployment with the strategy Recreate."""

    def together(self, workload):
        return True


def on(name, one):
    return replace(one, spec=replace(one.spec, node_name=name))


@pytest.mark.parametrize(
    ("kind", "starts"), [(StatefulSet(), ["web-0"]), (Recreated(), [])], ids=["rolling", "recreate"]
)
def test_two_versions_do_not_serve_side_by_side_because_one_image_is_late(kind, starts):
    found = [on("has", pod(name="web-0")), on("lacks", pod(name="web-1"))]
    nodes = {"has": node(images=(("app:v2",),)), "lacks": node()}
    own = {"max-unavailable": "100%"}
    made = admission(*found, kind=kind, annotations=own, nodes=nodes, pull_pods=PullPods())
    assert started(made) == starts
    assert codes(made) == {one.name: "PrePull" for one in found if one.name not in starts}
    if not starts:
        assert made.deferred["web-0"].message.startswith("strategy Recreate: starts together with web-1, which waits: ")
        assert made.deferred["web-1"].message in made.deferred["web-0"].message
    there = {name: node(images=(("app:v2",),)) for name in nodes}
    both = admission(*found, kind=kind, annotations=own, nodes=there, pull_pods=PullPods())
    assert started(both) == ["web-1", "web-0"]


# --- spread


def in_zone(zone, name, **fields):
    return pod(name=name, labels={"app": "web", names.REVISION_LABEL: OLD, "zone": zone}, **fields)


def test_starts_are_spread_and_those_in_flight_count():
    flying = in_zone("a", "web-9", record=swapping(PodPhase.DRAINING), ready=False, gate="False")
    found = [in_zone("a", "web-5"), in_zone("a", "web-4"), in_zone("b", "web-3"), in_zone("c", "web-2")]
    own = workload(replicas=10, annotations={"max-unavailable": "8", "spread-by": "zone"})
    made = admission(flying, *found, workload=own)
    assert started(made) == ["web-3", "web-2"], "nothing of zone a, which bears one already"


def test_one_that_is_upgraded_but_not_serving_yet_counts_for_its_value():
    labels = {"app": "web", names.REVISION_LABEL: NEW, "zone": "b"}
    upgraded = pod(name="web-3", labels=labels, image="app:v2", ready=False)
    found = [in_zone("b", "web-2"), in_zone("a", "web-1"), in_zone("a", "web-0")]
    own = workload(replicas=4, annotations={"max-unavailable": "2", "spread-by": "zone"})
    assert started(admission(*found, upgraded, workload=own)) == ["web-1"]


def test_a_broken_pod_is_spread_over_nothing():
    broken = in_zone("a", "web-0", ready=False)
    made = admission(broken, in_zone("a", "web-1"), annotations={"spread-by": "zone", "max-unavailable": "2"})
    assert started(made) == ["web-0", "web-1"]


def test_spread_takes_turns():
    items = ["a1", "a2", "b1", "b2", "c1"]
    assert list(order.spread(items, lambda item: item[0], [])) == ["a1", "b1", "c1", "a2", "b2"]
    assert list(order.spread(items, lambda item: item[0], ["a0", "a9"])) == ["b1", "c1", "b2", "a1", "a2"]


def test_pods_without_an_image_on_their_node_wait_for_it():
    made = admission(pod(), pull_pods=PullPods())
    assert codes(made) == {"web-0": "PrePull"}
    there = admission(pod(), pull_pods=PullPods(), nodes={"node": node(images=(("app:v2",),))})
    assert started(there) == ["web-0"]


def test_what_is_reported_defers_what_could_start():
    said = Status(1, 2, NEW, Phase.PROGRESSING, 2, 0, 2, 0, 0, NOW)
    waits = replace(said, waiting={ReasonCode.PrePullImpossible: 1})
    assert codes(admission(pod(), reported=waits)) == {"web-0": "PrePullImpossible"}
    capped = replace(said, waiting={ReasonCode.DisruptionCap: 1})
    made = admission(*pods(2), annotations={"max-unavailable": "2"}, reported=capped)
    assert started(made) == ["web-1"]
    assert codes(made) == {"web-0": "DisruptionCap"}
