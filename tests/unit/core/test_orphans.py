"""What is done with a Pod that nobody owns, and with which Pods nothing is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from inplace.core.actions.actions import Abort, DeletePullPod, RecordFailure
from inplace.core.objects import names
from inplace.core.plan import orphans
from inplace.core.plan.result import Plan
from inplace.core.state import records
from inplace.core.state.records import Author, PodPhase
from tests.factories import NOW, later, pod, swapping

OWNER = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "name": "web", "uid": "clone", "controller": True}
PULL = {"name": "inplace-pull-0", "labels": {names.HELPER: names.PRE_PULL}, "annotations": {names.PULLED: "app:v2"}}


def left(record, owners=(), **fields):
    return pod(gate="False", ready=False, record=record, ownerReferences=list(owners), **fields)


def test_a_drained_pod_is_put_back_at_its_deadline_and_not_before():
    """Another workload may adopt it, and go on."""
    drained = left(swapping(PodPhase.DRAINING))
    assert orphans.plan(drained, later(599)) == Plan(requeue_at=later(600))
    assert orphans.plan(drained, later(600)) == Plan((Abort(drained),))


def test_what_was_patched_keeps_its_record_so_that_it_can_be_proven():
    (action,) = orphans.plan(left(swapping()), later(600)).actions
    assert isinstance(action, RecordFailure)
    assert (action.record.phase, action.record.containers) == (PodPhase.FAILED, swapping().containers)


def test_what_became_of_a_restart_is_kept_for_its_time_and_no_longer_than_anything_can_last():
    result = replace(swapping(PodPhase.DONE), by=Author.COMMAND, kept_until=later(60))
    kept = pod(record=result, ownerReferences=[])
    assert orphans.plan(kept, later(59)) == Plan(requeue_at=later(60))
    assert orphans.plan(kept, later(60)) == Plan((Abort(kept),))
    late = NOW + records.LONGEST + records.SKEW + timedelta(seconds=1)
    forged = pod(record=replace(result, kept_until=late), ownerReferences=[])
    assert orphans.plan(forged, NOW) == Plan((Abort(forged),))


@pytest.mark.parametrize(
    "other",
    [
        left(swapping(), [OWNER]),
        left(swapping(), [{**OWNER, "controller": False}]),
        left(None),
        left("{"),
        left(swapping(PodPhase.DONE)),
        left(swapping(), deleted=True),
        left(None, **{**PULL, "name": "my-pull-0"}),
        left(None, [OWNER], **PULL),
    ],
    ids=["another's", "not alone", "no record", "unreadable", "done", "going", "another name", "owned"],
)
def test_nobody_elses_pod_is_touched(other):
    assert orphans.plan(other, later(9999)) == Plan()


def test_a_pull_pod_without_an_owner_is_deleted():
    pull = left(None, **PULL)
    assert orphans.plan(pull, NOW) == Plan(), "only the name and the label of one"
    [container] = pull.spec.containers
    pull = replace(pull, spec=replace(pull.spec, containers=(replace(container, name="pull"),)))
    assert orphans.plan(pull, NOW) == Plan((DeletePullPod(pull),))
