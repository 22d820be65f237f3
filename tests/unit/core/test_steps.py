"""Which Pods are at a revision before their turn, and when a stop is passed."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan.plan import Planner
from inplace.core.rollout import steps
from inplace.core.rollout.steps import CurrentStep, StepStatus
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from tests.factories import NEW, NOW, later, pod, snapshot, swapping, template, workload

STOP = CurrentStep(number=0, limit=1, of=2, pause=None)


def test_those_born_at_the_new_revision_go_back_before_those_that_were_brought_there():
    brought = pod(name="web-0", uid="brought", revision=NEW, record=replace(swapping(), phase=PodPhase.DONE))
    born = pod(name="web-9", uid="born", revision=NEW)
    old = pod(name="web-1", uid="old")
    asked = template(NEW, "app:v2")
    look = snapshot(born, brought, old)
    at_new = {"born", "brought"}

    def early(limit: int) -> frozenset[str]:
        stop = replace(STOP, limit=limit)
        return steps.early(look, stop, asked, lambda one: one.uid in at_new, lambda one: one.name)

    assert early(1) == {"born"}
    assert early(2) == set()


def test_what_was_upgraded_stays_when_a_step_is_set_later_or_lowered():
    done = replace(swapping(), phase=PodPhase.DONE)
    brought = [pod(name=f"web-{number}", uid=f"{number}", revision=NEW, record=done) for number in range(3)]
    born = pod(name="web-9", uid="born", revision=NEW)
    found = steps.early(snapshot(*brought, born), STOP, template(NEW, "app:v2"), lambda _: True, lambda one: one.name)
    assert found == {"born"}


def before(**fields):
    return Status(1, 1, NEW, Phase.AWAITING_PROMOTION, 3, 1, 3, 0, 0, NOW, **fields)


def asking(token):
    return workload(annotations={"promote": token})


def advanced(one, at, was, seconds=0.0, *, reached=True):
    return steps.advance(one, at, was, same=True, reached=reached, now=later(seconds))


def test_a_promotion_counts_once_and_only_where_the_stop_was_reached():
    reached = before(reached_at=NOW, promoted="old")
    assert advanced(asking("new"), STOP, reached).step == 1
    assert advanced(asking("old"), STOP, reached).step == 0, "answered before"
    assert advanced(asking("new"), STOP, before(promoted="old")).step == 0, "not reached when it was asked"
    assert advanced(asking("new"), STOP, reached, reached=False) == StepStatus(0)


def test_a_full_promotion_counts_at_once_for_all_steps_of_this_revision_and_once():
    for was in (before(promoted="old"), before(reached_at=NOW, promoted="old")):
        assert advanced(asking("full-1"), STOP, was, reached=False) == StepStatus(2)
    assert advanced(asking("full-1"), STOP, before(promoted="full-1")).step == 0, "answered before"
    other = steps.advance(asking("full-1"), STOP, before(), same=False, reached=False, now=NOW)
    assert other.step == 0, "it was asked for the revision before"


def test_a_timed_stop_ends_after_its_time_of_standing_there():
    timed = replace(STOP, pause=timedelta(seconds=5))
    reached = before(reached_at=NOW)
    assert steps.ends(timed, advanced(workload(), timed, reached, 4).reached_at) == later(5)
    assert advanced(workload(), timed, reached, 5).step == 1
    assert advanced(workload(), timed, reached, 9, reached=False).reached_at is None, "its Pods do not serve: anew"


def test_the_request_is_the_annotation():
    assert steps.request(asking("x")) == "x"
    assert steps.request(workload()) == ""
    assert names.PROMOTE == "inplace.dev/promote"


def test_a_pod_that_a_partition_keeps_at_the_new_revision_has_its_place_at_the_step():
    """It has one in the quota: else nobody could take the last place, and nobody would be asked to promote."""
    own = workload(
        replicas=2, annotations={"steps": "1"}, original='{"type":"RollingUpdate","rollingUpdate":{"partition":1}}'
    )
    kept, waits = pod(name="web-0", revision=NEW, image="app:v2"), pod(name="web-1")
    decided = Planner().decide(snapshot(kept, waits, workload=own), NOW)
    assert {reason.code for reason in decided.admission.deferred.values()} == {ReasonCode.Step}
    assert decided.is_step_reached
