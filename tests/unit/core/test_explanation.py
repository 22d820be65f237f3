"""A Pod's story: in order, with the evidence in words."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.model import PodEvent
from inplace.core.state.records import Evidence, PodPhase
from inplace.core.views import pod as explanation
from inplace.core.views.workload import ContainerView, PodView
from tests.factories import NEW, OLD, container, later, pod, stamp, swapping
from tests.unit.core.test_prepull import helped

VIEW = PodView("web-0", "node", "web-new", "Swapping", True, None, None, later(600), (), NEW)


def test_moments_are_in_order_and_say_who_said_them():
    record = swapping()
    seen = pod(container("c://2", restarts=1, started=later(5)), record=record)
    events = (
        PodEvent(reason="Killing", message="Stopping container app", count=1, last_timestamp=later(3)),
        PodEvent(reason="BackOff", message="again", count=4, event_time=later(7)),
        PodEvent(reason="Timeless"),
    )
    made = explanation.explain("statefulset/web", "web", seen, VIEW, events)
    assert [one.what for one in made.timeline] == [
        "attempt 1 started: web-old -> web-new",
        "Killing: Stopping container app",
        "container app started (restart 1)",
        "BackOff (the last of 4): again",
        "deadline: Failed unless done by then",
    ]
    assert made.attempt == 1


def test_a_pod_that_went_back_is_said_to_have_gone_back():
    """Its revision was never another one, but its image was; and no two images have the same digest."""
    there = {"from_": "app:missing", "to": "app:v1", "origin": "app:v1", "unsettled": True, "evidence": "SameDigest"}
    record = replace(swapping(PodPhase.DONE, attempt=2, **there), target=OLD)
    made = explanation.explain("x", "web", pod(record=record), replace(VIEW, target=OLD), ())
    assert made.timeline[0].what == f"attempt 2 started: back to {OLD}"
    assert "ran before the one that was taken back" in made.proofs[0].means
    born = replace(swapping(PodPhase.DRAINING), base=NEW)
    assert (
        explanation.explain("x", "web", pod(record=born), VIEW, ()).timeline[0].what == f"attempt 1 started: at {NEW}"
    )


def test_what_is_not_proven_is_said_so():
    (proof,) = explanation.explain("x", "web", pod(record=swapping()), VIEW, ()).proofs
    assert (proof.from_image, proof.to_image, proof.evidence) == ("app:v1", "app:v2", "")
    assert "not proven yet" in proof.means


@pytest.mark.parametrize("rung", list(Evidence))
def test_every_rung_has_its_words(rung):
    record = swapping(PodPhase.DONE, evidence=str(rung))
    (proof,) = explanation.explain("x", "web", pod(record=record), VIEW, ()).proofs
    assert proof.means == explanation.MEANS[rung]


def test_the_deadline_of_a_pod_that_was_created_at_the_target_is_in_its_story():
    made = explanation.explain("x", "web", pod(container(started=later(0))), VIEW, ())
    assert made.timeline[-1] == explanation.Moment(
        later(600), "deadline: Failed unless done by then", explanation.Order.DEADLINE
    )


def test_a_pod_that_was_never_upgraded_has_a_story_too():
    made = explanation.explain("x", "web", pod(container(started=later(0))), replace(VIEW, deadline=None), ())
    assert (made.attempt, made.proofs) == (0, ())
    assert [one.what for one in made.timeline] == ["container app started (restart 0)"]


def told(seen, events=(), pulls=(), **view):
    """The timeline, without what every Pod has: its container's start."""
    made = explanation.explain("x", "web", seen, replace(VIEW, deadline=None, **view), events, pulls)
    return [one.what for one in made.timeline if one.what != "container app started (restart 0)"]


def event(reason, second, **more):
    return PodEvent(reason=reason, message=reason.lower(), **{"count": 1, "last_timestamp": later(second), **more})


def test_within_one_second_what_causes_comes_before_what_it_causes():
    at = later(5)
    swapped = container("c://2", restarts=1, started=at, last="c://1", exit_reason="Completed", ended=at)
    seen = pod(swapped, record=swapping(), gate="False", gate_since=at, ready_since=at)
    events = [event(reason, 5) for reason in ("Started", "Created", "Pulled", "Killing")]
    assert [what.partition(" (")[0] for what in told(seen, events=events)] == [
        f"attempt 1 started: {OLD} -> {NEW}",
        f"condition {names.GATE} became False",
        "Killing: killing",
        "container app exited with code 1",
        "Pulled: pulled",
        "Created: created",
        "Started: started",
        "container app started",
        "condition Ready became True",
    ]


def test_a_crash_comes_after_the_start_in_the_same_second():
    crashed = {
        **container(),
        "state": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": stamp(later(5))}},
    }
    events = [event("Started", 5)]
    assert told(pod(crashed), events=events) == ["Started: started", "container app exited with code 1 (Error)"]


def test_an_event_that_stands_for_several_is_told_where_they_begin_and_end():
    events = [event("BackOff", 9, count=3, first_timestamp=later(1)), event("Killing", 4)]
    assert told(pod(), events=events) == [
        "BackOff (the first of 3): backoff",
        "Killing: killing",
        "BackOff (the last of 3): backoff",
    ]


def test_the_record_of_an_upgrade_before_is_no_evidence_of_this_one():
    seen = pod(record=swapping(PodPhase.DONE, evidence="ImageChanged"))
    assert explanation.explain("x", "web", seen, replace(VIEW, target="web-newest"), ()).proofs == ()
    assert told(seen, target="web-newest") == [f"earlier upgrade: attempt 1 started: {OLD} -> {NEW}"]


def test_a_pull_ahead_is_in_the_story_of_the_pod_that_waits_for_it():
    """Once the image is there a pull Pod has nothing to run: that failure would mislead."""
    lacking = ContainerView("app", "app:v1", "", "running", True, 0, "", "app:v2")
    pull, other = helped(made=1), helped(image="app:v9")
    elsewhere = replace(pull, spec=replace(pull.spec, node_name="far"))
    seen, view = pod(), replace(VIEW, containers=(lacking,))
    assert explanation.pulls_for(seen, view, (pull, elsewhere, other)) == [pull]
    events = [event(reason, second) for second, reason in enumerate(("Pulling", "Failed", "Scheduled"), start=2)]
    ahead = "pull of app:v2 ahead: "
    began = [f"{ahead}pull Pod {pull.name} created", f"{ahead}Pulling: pulling"]
    assert told(seen, pulls=[(pull, events)]) == [*began, f"{ahead}Failed: failed"]
    assert told(seen, pulls=[(helped(made=1, id_="sha256:1"), events)]) == began
