"""A Pod's story: in order, with the evidence in words."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.objects.model import PodEvent
from inplace.core.state.records import Evidence, PodPhase
from inplace.core.views import pod as explanation
from inplace.core.views.workload import PodView
from tests.factories import NEW, OLD, container, later, pod, swapping

VIEW = PodView("web-0", "node", "web-new", "Swapping", True, None, None, later(600), ())


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
        "BackOff (4 times): again",
        "deadline: Failed unless done by then",
    ]
    assert made.attempt == 1


def test_a_pod_that_went_back_is_said_to_have_gone_back():
    """Its revision was never another one, but its image was; and no two images have the same digest."""
    there = {"from_": "app:missing", "to": "app:v1", "origin": "app:v1", "unsettled": True, "evidence": "SameDigest"}
    record = replace(swapping(PodPhase.DONE, attempt=2, **there), target=OLD)
    made = explanation.explain("x", "web", pod(record=record), VIEW, ())
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
    assert made.timeline[-1] == explanation.Moment(later(600), "deadline: Failed unless done by then")


def test_a_pod_that_was_never_upgraded_has_a_story_too():
    made = explanation.explain("x", "web", pod(container(started=later(0))), replace(VIEW, deadline=None), ())
    assert (made.attempt, made.proofs) == (0, ())
    assert [one.what for one in made.timeline] == ["container app started (restart 0)"]
