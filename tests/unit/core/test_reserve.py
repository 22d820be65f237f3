"""What is taken from PodDisruptionBudgets, for how long, and what is waited for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from inplace.cluster import unreadable
from inplace.core.actions import patches
from inplace.core.actions.actions import CloseGate, PatchImages, ReserveDisruptions
from inplace.core.objects import names, selectors
from inplace.core.objects.reasons import ReasonCode
from inplace.core.objects.workloads import LabelSelector, Pdb, Requirement
from inplace.core.plan import plan as planning
from inplace.core.pod.observation import PodObservation
from inplace.core.rollout import disruption_budgets
from inplace.core.state.records import PodPhase, Resized
from inplace.core.state.statuses import Phase
from inplace.kube.watch import Lost
from tests.factories import NEW, NOW, OLD, decode, later, pod, snapshot, stamp, swapping, template, workload


def managed(manager, *keys):
    """An entry of managedFields, for these keys of `disruptedPods`."""
    fields = {"f:status": {"f:disruptedPods": {".": {}, **{f"f:{key}": {} for key in keys}}}}
    return {"manager": manager, "operation": "Update", "subresource": "status", "fieldsV1": fields}


def budget(*, allowed=1, entries=None, name="web", generation=1, observed=1, chosen=None, ours=()):
    """A PodDisruptionBudget of web; `entries`: seconds by Pod; `ours`: those that we have written."""
    others = (entries or {}).keys() - set(ours)
    tree = {
        "metadata": {"name": name, "namespace": "default", "uid": f"pdb-{name}", "resourceVersion": "5",
                     "generation": generation,
                     "managedFields": [managed("kube-apiserver", *others), managed(names.FIELD_MANAGER, *ours)]},
        "spec": {"selector": {"matchLabels": {"app": "web"}} if chosen is None else chosen},
        "status": {
            "observedGeneration": observed, "disruptionsAllowed": allowed,
            "disruptedPods": {key: stamp(later(at)) for key, at in (entries or {}).items()},
        },
    }  # fmt: skip
    return decode(tree, Pdb)


def plan(*budgets, at=0.0, pods=None, annotations=None, **changes):
    found = pods or [pod(), pod(name="web-1")]
    own = workload(replicas=len(found), annotations=annotations)
    shot = snapshot(*found, workload=own, budgets=budgets, **changes)
    return planning.plan(shot, later(at))


def reserves(made):
    return [one for one in made.actions if isinstance(one, ReserveDisruptions)]


def starts(made):
    return [one.pod.name for one in made.actions if isinstance(one, CloseGate | PatchImages)]


def test_it_is_reserved_first_and_begun_then():
    made = plan(budget())
    (taken,) = reserves(made)
    assert (list(taken.entries), taken.allowed, taken.ours) == (["web-1"], 0, {"web-1"})
    assert not starts(made)
    assert made.deferred["web-1"].code == ReasonCode.Reserving
    begun = plan(budget(allowed=0, entries={"web-1": 0}, ours=["web-1"]))
    assert starts(begun) == ["web-1"]
    assert not reserves(begun)


def test_the_write_tests_the_version_that_was_read():
    (taken,) = reserves(plan(budget()))
    request = patches.build(taken, NOW)
    assert (request.kind, request.subresource) == ("PodDisruptionBudget", "status")
    assert {"op": "test", "path": "/metadata/resourceVersion", "value": "5"} in request.ops
    assert {"op": "add", "path": "/status/disruptionsAllowed", "value": 0} in request.ops
    assert {"op": "add", "path": "/status/disruptedPods", "value": {"web-1": "2026-01-01T00:00:00Z"}} in request.ops


def test_no_more_is_taken_than_is_allowed():
    pods = [pod(name=f"web-{n}") for n in range(4)]
    made = plan(budget(allowed=2), pods=pods, annotations={"max-unavailable": "3"})
    (taken,) = reserves(made)
    assert sorted(taken.entries) == ["web-2", "web-3"]
    assert made.deferred["web-1"].code == ReasonCode.DisruptionBudget
    assert made.deferred["web-0"].code == ReasonCode.Budget


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (budget(allowed=0), "allows no disruption now"),
        (budget(generation=2), "has not observed that yet"),
        (budget(entries={"web-1": 0, "web-0": 0}), "an eviction of this Pod in progress"),
    ],
)
def test_why_a_budget_gives_nothing(one, says):
    made = plan(one)
    assert not starts(made)
    assert not reserves(made)
    assert says in made.deferred["web-1"].message


def test_a_pod_that_is_not_ready_takes_nothing():
    made = plan(budget(allowed=0), pods=[pod(ready=False)])
    assert starts(made) == ["web-0"]
    assert not reserves(made)


def test_a_pod_whose_node_was_away_for_a_moment_takes_its_place():
    away = [pod(), pod(name="web-1", ready=False, conditions_ready=True)]
    made = plan(budget(allowed=0), pods=away, annotations={"max-unavailable": "2"})
    assert starts(made) == []


def test_a_budget_that_cannot_be_read_holds_back_and_is_not_written():
    """It is left out of nothing: what protects Pods would protect nothing."""
    lost = Lost("default", "web", "pdb-web", "5")
    one = unreadable.stand_in(Pdb, lost)
    made = plan(one)
    reason = made.deferred["web-1"]
    assert reason.code == ReasonCode.DisruptionBudget
    assert "PodDisruptionBudget web cannot be read" in reason.message
    in_flight = [pod(record=swapping()), pod(name="web-1")]
    for pods in (None, in_flight):
        for budgets in ((one,), (one, budget(name="other", allowed=0))):
            made = plan(*budgets, pods=pods)
            assert not starts(made)
            assert "web" not in [write.budget.metadata.name for write in reserves(made)]
    assert starts(plan(one, annotations={"disruption-budgets": "Ignore"}))


def test_budgets_of_others_and_ignored_ones_are_not_asked():
    assert starts(plan(budget(chosen={"matchLabels": {"app": "db"}}, allowed=0)))
    assert starts(plan(budget(allowed=0), annotations={"disruption-budgets": "Ignore"}))


def test_of_several_all_must_give_before_one_is_taken_from():
    made = plan(budget(), budget(name="all", chosen={}, allowed=0))
    assert [one.budget.metadata.name for one in reserves(made)] == ["all"], "its controller is asked to count again"
    assert reserves(made)[0].recount
    assert list(reserves(made)[0].entries) == [disruption_budgets.RECOUNT_ENTRY]
    asked = plan(budget(), budget(name="all", chosen={}, allowed=0), recounted_at={"pdb-all": NOW}, at=3)
    assert not reserves(asked)
    assert asked.requeue_at == later(5)
    both = plan(budget(), budget(name="all", chosen={}))
    assert len(reserves(both)) == 2


def test_a_drained_pod_gives_its_entry_back_once_everybody_knows_that_it_is_unready():
    record = swapping()
    flying = pod(name="web-1", record=record, ready=False, gate="False", image="app:v2", generation=2)
    observations = {flying.uid: PodObservation(record.started_at, unready_at=NOW)}
    held = budget(allowed=0, entries={"web-1": 0}, ours=["web-1"])
    assert not reserves(plan(held, pods=[flying], observations=observations, at=1))
    (back,) = reserves(plan(held, pods=[flying], observations=observations, at=2))
    assert (back.entries, back.allowed, back.ours) == ({}, 0, frozenset())


@pytest.mark.parametrize("ours", [["web-1"], []], ids=["ours", "set anew by an eviction"])
def test_an_ungated_swap_keeps_its_entry_and_renews_it(ours):
    flying = pod(name="web-1", gate=None, record=swapping(), image="app:v2", generation=2)
    held = budget(allowed=0, entries={"web-1": 0, "db-0": 0}, ours=ours)
    assert not reserves(plan(held, pods=[flying], at=59))
    (renewed,) = reserves(plan(held, pods=[flying], at=60))
    assert renewed.entries == {"web-1": later(60), "db-0": NOW}
    assert renewed.allowed == 0


def test_an_entry_that_was_dropped_meanwhile_is_taken_anew():
    flying = pod(name="web-1", gate=None, record=swapping(), image="app:v2", generation=2)
    (again,) = reserves(plan(budget(allowed=1), pods=[flying], at=200))
    assert (list(again.entries), again.allowed) == (["web-1"], 0)


def test_a_pod_that_is_being_resized_takes_nothing_and_keeps_what_it_took_for_its_drain():
    """It serves. One whose image changes as well has reserved before it was resized."""
    record = replace(swapping(), phase=PodPhase.RESIZING, containers={}, sizes={"app": Resized("cpu 1", "cpu 2")})
    sized = [pod(name="web-1", record=record, generation=2)]
    assert not reserves(plan(budget(), pods=sized))
    taken = budget(allowed=0, entries={"web-1": 0}, ours=["web-1"])
    assert not reserves(plan(taken, pods=sized, at=30))
    (renewed,) = reserves(plan(taken, pods=sized, at=60))
    assert renewed.entries == {"web-1": later(60)}


def test_a_pod_in_flight_that_serves_reserves_before_it_is_drained_for_another_target():
    """What its attempt had patched restarts nothing, and it had reserved nothing for that."""
    other = replace(swapping(), target="web-other")
    three = {OLD: template(OLD, "app:v1"), "web-other": template("web-other", "app:v3"), NEW: template(NEW, "app:v2")}
    turning = [pod(name="web-1", image="app:v3", record=other)]
    waits = plan(budget(allowed=0), pods=turning, revisions=three)
    assert (reserves(waits), starts(waits)) == ([], [])
    assert waits.deferred["web-1"].code == ReasonCode.DisruptionBudget
    (taken,) = reserves(plan(budget(), pods=turning, revisions=three))
    assert list(taken.entries) == ["web-1"]
    assert starts(plan(budget(allowed=0, entries={"web-1": 0}, ours=["web-1"]), pods=turning, revisions=three)) == [
        "web-1"
    ]


def test_what_is_not_begun_any_more_is_given_back_and_what_is_of_others_left_alone():
    held = budget(allowed=0, entries={"web-0": 0, "web-1": 0, "db-0": 0}, ours=["web-1", "db-0"])
    (back,) = reserves(plan(held, annotations={"paused": "true"}))
    assert back.entries == {"web-0": NOW, "db-0": NOW}, "an eviction's, and another workload's"
    assert back.ours == {"db-0"}, "of another workload"


def test_nothing_is_written_while_a_write_is_under_way():
    made = plan(budget(), pending=frozenset({"pdb-web"}))
    assert not reserves(made)
    assert made.deferred["web-1"].code == ReasonCode.Reserving


def test_a_wait_beyond_the_deadline_is_no_progress_any_more():
    early = plan(budget(allowed=0), blocked_since=NOW, at=599)
    assert early.status is not None
    assert early.status.phase is Phase.PROGRESSING
    assert early.requeue_at is not None
    assert early.requeue_at <= NOW + timedelta(seconds=600)
    late = plan(budget(allowed=0), blocked_since=NOW, at=600)
    assert late.status is not None
    assert late.status.phase is Phase.DEGRADED
    assert "allows no disruption now" in late.status.message


def test_who_waits_for_the_next_step_waits_for_those_that_keep_it():
    made = plan(budget(allowed=0), annotations={"steps": "1"}, blocked_since=NOW, at=600)
    assert {str(reason.code) for reason in made.deferred.values()} == {"DisruptionBudget", "Step"}
    assert made.status is not None
    assert made.status.phase is Phase.DEGRADED
    assert "allows no disruption now" in made.status.message


def test_a_command_goes_by_what_the_controller_has_reported_of_a_wait():
    late = plan(budget(allowed=0), blocked_since=NOW, at=600).status
    assert late is not None
    assert plan(budget(allowed=0), reported=late, at=700).status.phase is Phase.DEGRADED
    early = plan(budget(allowed=0), blocked_since=NOW, at=599).status
    assert plan(budget(allowed=0), reported=early, at=700).status.phase is Phase.PROGRESSING


def test_a_failure_that_is_tolerated_is_no_progress_where_nothing_else_goes_on():
    record = replace(swapping(), phase=PodPhase.FAILED, reason=ReasonCode.CrashLoop, message="it exits")
    failed = pod(name="web-1", record=record, image="app:v2", ready=False)
    made = plan(pods=[pod(), failed], annotations={"max-failures": "1"})
    assert made.status is not None
    assert (made.status.phase, made.deferred["web-0"].code) == (Phase.DEGRADED, ReasonCode.Budget)
    going_on = plan(pods=[pod(), failed], annotations={"max-failures": "1", "max-unavailable": "2"})
    assert going_on.status is not None
    assert going_on.status.phase is Phase.PROGRESSING


@pytest.mark.parametrize(
    ("wanted", "labels", "holds"),
    [
        (None, {"a": "1"}, False),
        (LabelSelector(), {}, True),
        (LabelSelector({"a": "1"}), {"a": "1"}, True),
        (LabelSelector({"a": "1"}), {"a": "2"}, False),
        (LabelSelector({"a": "1"}), None, False),
        (LabelSelector(None, (Requirement("a", "In", ("1", "2")),)), {"a": "2"}, True),
        (LabelSelector(None, (Requirement("a", "In", ("1",)),)), {}, False),
        (LabelSelector(None, (Requirement("a", "NotIn", ("1",)),)), {}, True),
        (LabelSelector(None, (Requirement("a", "NotIn", ("1",)),)), {"a": "1"}, False),
        (LabelSelector(None, (Requirement("a", "Exists"),)), {"a": ""}, True),
        (LabelSelector(None, (Requirement("a", "DoesNotExist"),)), {"a": ""}, False),
        (LabelSelector(None, (Requirement("a", "Unheard"),)), {}, True),
    ],
)
def test_a_selector_chooses(wanted, labels, holds):
    assert selectors.matches(wanted, labels) is holds
