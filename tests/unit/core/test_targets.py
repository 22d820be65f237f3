"""Where the Pods of a workload go: forward, back, or only some of them; and what each then lacks."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.kinds import Template
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan.plan import Planner
from inplace.core.rollout import steps, targets
from inplace.core.rollout.snapshot import PullPods
from inplace.core.rollout.targets import Rollback, Unknown, Upgrade
from inplace.core.state import statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from inplace.core.template.change import PodChange
from tests.factories import NEW, NOW, OLD, node, pod, snapshot, swapping, template, workload

OLDEST = "web-0ldest"
REVISIONS = {name: template(name, f"app:{tag}") for name, tag in ((OLDEST, "v0"), (OLD, "v1"), (NEW, "v2"))}
DONE = pod(revision=NEW, image="app:v2", record=replace(swapping(), phase=PodPhase.DONE))


def said(phase=Phase.ROLLING_BACK, **fields):
    """What was reported of NEW."""
    return statuses.encode(Status(1, 2, NEW, phase, 1, 0, 1, 0, 0, NOW, **{"healthy": OLD, **fields}))


def rolling_back(*pods, annotations=None, **changes):
    own = {"status": said(rolled_back_from=NEW), **(annotations or {})}
    found = pods or (DONE,)
    return snapshot(*found, workload=workload(replicas=len(found), annotations=own), revisions=REVISIONS, **changes)


def determined(shot):
    return targets.determine(shot, shot.parsed.settings)


def test_what_has_failed_goes_back_to_what_was_healthy_here():
    found = determined(rolling_back())
    assert isinstance(found, Rollback)
    assert (found.asked.revision, found.back_to.revision) == (NEW, OLD)


def test_a_rollback_ends_with_another_template_or_a_request_to_try_again():
    shot = rolling_back()
    other = replace(
        shot, workload=workload(replicas=1, update=OLDEST, annotations={"status": said(rolled_back_from=NEW)})
    )
    assert isinstance(determined(other), Upgrade)
    assert isinstance(determined(rolling_back(annotations={"retry": "x"})), Upgrade)


def test_a_rollback_to_what_nobody_knows_any_more_stands_still():
    shot = replace(rolling_back(), revisions={NEW: REVISIONS[NEW], OLDEST: REVISIONS[OLDEST]})
    found = determined(shot)
    assert isinstance(found, Unknown)
    assert (found.reason.code, found.rolling_back) == (ReasonCode.BaseUnknown, True)


def test_nothing_is_pulled_for_a_rollback():
    forward = snapshot(pod(), revisions=REVISIONS, pull_pods=PullPods())
    assert Planner().decide(forward, NOW).assessment.images.needed
    back = rolling_back(pull_pods=PullPods())
    assert not Planner().decide(back, NOW).assessment.images.needed
    assert Planner().decide(back, NOW).admission.granted


def test_a_partition_keeps_no_pod_at_what_has_failed():
    made = Planner().decide(rolling_back(annotations={"partition": "1"}), NOW)
    assert [one.pod.name for one in made.admission.granted] == ["web-0"]


@pytest.mark.parametrize(("steps_", "limit"), [("1,100%", 1), ("34%,100%", 2), ("4,100%", None), ("100%", None)])
def test_a_step_allows_so_many_pods_unless_these_are_all(steps_, limit):
    shot = snapshot(
        *(pod(name=f"web-{n}") for n in range(4)), workload=workload(replicas=4, annotations={"steps": steps_})
    )
    found = steps.current_step(shot, shot.parsed.settings, REVISIONS[NEW])
    assert (found.limit if found is not None else None) == limit


# --- what a Pod lacks


def labelled(revision, image, **labels):
    return Template(
        revision,
        {"metadata": {"labels": {"app": "web", **labels}}, "spec": {"containers": [{"name": "app", "image": image}]}},
    )


def test_what_an_attempt_has_given_a_pod_on_the_way_to_another_template_is_taken_back():
    third = {OLD: labelled(OLD, "app:v1"), NEW: labelled(NEW, "app:v2", tier="x"), "web-3": labelled("web-3", "app:v3")}
    labels = {**(DONE.metadata.labels or {}), "controller-revision-hash": OLD, "tier": "x"}
    flying = pod(record=swapping(), image="app:v2", generation=2, labels=labels)
    shot = snapshot(flying, workload=workload(replicas=1, update="web-3"), revisions=third)
    [assessed] = Planner().decide(shot, NOW).assessment.pods
    assert isinstance(assessed.change, PodChange)
    assert assessed.change.labels.remove == ("tier",)


@pytest.mark.parametrize(("version", "refuses"), [("v1.31.9", True), ("v1.32.0", False)])
def test_each_pod_is_compared_for_its_own_kubelet(version, refuses):
    def sidecar(image):
        return [{"name": "proxy", "image": image, "restartPolicy": "Always"}]

    both = {
        OLD: template(OLD, "app:v1", initContainers=sidecar("proxy:v1")),
        NEW: template(NEW, "app:v1", initContainers=sidecar("proxy:v2")),
    }
    refused = Planner().decide(snapshot(pod(), revisions=both, nodes={"node": node(version)}), NOW).assessment.refused
    assert any("sidecars restart on a new image from 1.32" in reason.message for reason in refused) is refuses
