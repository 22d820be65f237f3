"""A view is decided anew when something is another, or its time has come, and only then."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from inplace.core.plan import plan as planning
from inplace.core.state.records import PodPhase
from inplace.core.views.looks import Looks
from tests.factories import NOW, later, pod, snapshot, swapping

DRAINING = pod(record=swapping(PodPhase.DRAINING))


def test_the_same_snapshot_is_decided_once():
    looks, seen = Looks(), snapshot(pod(ready=True))
    first = looks.view(seen, NOW)
    assert looks.view(replace(seen), later(3600)) is first, "equal is as good as the same"


def test_what_has_changed_is_decided_anew():
    looks, seen = Looks(), snapshot(pod(ready=True))
    first = looks.view(seen, NOW)
    assert looks.view(replace(seen, pods=(pod(ready=False),)), NOW) is not first


def test_what_ends_by_itself_is_decided_anew_when_it_does():
    looks, seen = Looks(), snapshot(DRAINING)
    until = planning.plan(seen, NOW).requeue_at
    assert until is not None
    first = looks.view(seen, NOW)
    assert looks.view(seen, until - timedelta(milliseconds=1)) is first
    assert looks.view(seen, until) is not first


def test_a_clock_that_was_put_back_is_believed():
    looks, seen = Looks(), snapshot(DRAINING)
    first = looks.view(seen, NOW)
    assert looks.view(seen, later(-1)) is not first


def test_what_is_gone_is_forgotten():
    looks, seen = Looks(), snapshot(pod(ready=True))
    first = looks.view(seen, NOW)
    looks.keep({seen.workload.metadata.uid}, set())
    assert looks.view(seen, NOW) is first
    looks.keep(set(), set())
    assert looks.view(seen, NOW) is not first
