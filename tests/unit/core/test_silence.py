"""Whether a controller attends to a workload: what commands can tell from its objects alone."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan.plan import plan
from inplace.core.pod.observation import PodObservation
from inplace.core.state import statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from inplace.core.views import silence
from tests.factories import NEW, NOW, later, pod, snapshot, stamp, swapping, workload
from tests.unit.core.test_reserve import budget


def told(own, *, at=0.0, generation=None, touched=0.0, **status):
    """The workload with a report of a time, and touched by somebody at another."""
    seen = own.metadata.generation if generation is None else generation
    said = Status(1, seen, NEW, Phase.PROGRESSING, 2, 0, 2, 0, 0, later(at), **status)
    entries = [{"manager": "kubectl", "time": stamp(later(touched))}, {"manager": "of old"}]
    annotations = {**(own.metadata.annotations or {}), names.STATUS: statuses.encode(said)}
    managed = msgspec.Raw(msgspec.json.encode(entries))
    return replace(own, metadata=replace(own.metadata, annotations=annotations, managed_fields=managed))


def drained(**changes):
    """A drained Pod that is to be patched once its grace period is over, a second after NOW."""
    one = pod(record=swapping(PodPhase.DRAINING), ready=False, gate="False", ready_since=NOW, **changes)
    return one, {one.uid: PodObservation(NOW, unready_at=NOW, out_at=NOW)}


def said(*pods, at, own=None, observations=None, **changes):
    own = told(workload(replicas=len(pods))) if own is None else own
    return silence.unattended(snapshot(*pods, workload=own, observations=observations or {}, **changes), later(at))


def test_a_pod_out_of_service_whose_next_step_is_due_for_long_has_no_controller():
    one, observations = drained()
    own = told(workload(replicas=1, annotations={"grace-period-seconds": "10"}))
    assert said(one, observations=observations, own=own, at=39) == "", "due for 29 seconds"
    warning = said(one, observations=observations, own=own, at=40)
    assert warning.startswith("no controller has responded for 30s: is inplace running? It should ")
    assert "web-0" in warning


def test_what_is_to_begin_and_does_not_has_no_controller():
    assert "web-1" in said(pod(), pod(name="web-1"), at=30)
    assert "web-1" in said(pod(), pod(name="web-1"), at=30, budgets=(budget(),)), "not even reserved"


@pytest.mark.parametrize(
    ("pods", "own"),
    [
        pytest.param([pod()], told(workload(replicas=1), at=10), id="just reported"),
        pytest.param([pod()], told(workload(replicas=1), touched=10), id="just changed"),
        pytest.param([pod(ready_since=later(10))], told(workload(replicas=1)), id="a Pod just changed"),
        pytest.param([pod(creationTimestamp=stamp(later(10)))], told(workload(replicas=1)), id="a Pod just made"),
        pytest.param([pod()], told(workload(replicas=1, annotations={"paused": "true"})), id="nothing is due"),
        pytest.param([pod()], told(workload(replicas=1, mode=None, frozen=False)), id="nobody's"),
        pytest.param(
            [pod()], told(workload(replicas=1), waiting={ReasonCode.DisruptionCap: 1}), id="the controller's own cap"
        ),
        pytest.param([pod()], told(workload(replicas=1), waiting={ReasonCode.WriteRefused: 1}), id="it is refused"),
    ],
)
def test_there_is_no_warning_without_a_sign(pods, own):
    assert said(*pods, own=own, at=39) == ""


def test_a_cap_of_the_controller_does_not_excuse_a_pod_in_flight():
    one, observations = drained()
    capped = told(workload(replicas=1), waiting={ReasonCode.DisruptionCap: 1})
    assert "web-0" in said(one, own=capped, observations=observations, at=60)


def test_a_change_that_nobody_has_observed_has_no_controller():
    changed = told(workload(replicas=1, generation=2), generation=1, touched=100)
    assert said(pod(), own=changed, at=129) == ""
    assert said(pod(), own=changed, at=130).endswith("It should observe this change")


def test_what_nobody_has_a_time_of_is_no_sign():
    assert plan(snapshot(pod()), NOW).actions
    bare = workload(replicas=1, generation=2)
    plain = pod(creationTimestamp=None)
    times = replace(plain, status=replace(plain.status, conditions=(), container_statuses=()))
    assert silence.unattended(snapshot(times, workload=bare), later(100)) == ""
