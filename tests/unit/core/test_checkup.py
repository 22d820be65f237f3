"""What `inplace check` finds of one workload: Pods that do not serve, and what is said of those that wait."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.cli.logs import troubled
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan import plan as planning
from inplace.core.state.statuses import Phase
from inplace.core.views import checkup
from inplace.core.views import workload as view
from inplace.core.views.checkup import Level
from tests.factories import NEW, NOW, container, later, pod, snapshot, workload


def there(*statuses, name="web-0", ready=True, gate="True"):
    """A Pod of the template's revision."""
    return pod(*statuses, name=name, ready=ready, gate=gate, revision=NEW, image="app:v2")


def looked(*pods):
    return snapshot(*pods, workload=workload(replicas=len(pods), current=NEW, updated=len(pods)))


@pytest.mark.parametrize(
    ("unready", "of", "level"), [(0, 3, None), (1, 3, Level.NOTE), (2, 3, Level.PROBLEM), (1, 1, Level.PROBLEM)]
)
def test_more_pods_out_of_service_than_an_upgrade_may_take_are_a_problem(unready, of, level):
    """Whoever keeps them there: also a gate that nobody opens."""
    down = [there(name=f"web-{at}", ready=False, gate="False") for at in range(unready)]
    up = [there(name=f"web-{at}") for at in range(unready, of)]
    found = [one for one in checkup.of(looked(*down, *up), NOW) if one.topic == "Pods"]
    assert [one.level for one in found] == ([level] if level is not None else [])
    for one in found:
        assert one.message.startswith(f"{unready} of {of} Pod")
        assert f"{unready} of them held by the gate InPlaceUpdateReady, and an upgrade keeps to 1" in one.message
        assert one.remedy == "see `inplace explain web-0 -n default`"


BACK_OFF = container(running=False, waiting="CrashLoopBackOff", image="app:v2", restarts=9)


def test_a_pod_that_is_there_and_crashes_is_named_with_its_container_wherever_one_looks():
    """Its attempt is over, and was forgiven: the wait says why it does not end."""
    look = looked(there(BACK_OFF, ready=False))
    [seen] = view.build(look, planning.plan(look, later(9000))).pods
    assert seen.stage == "Settling"
    assert seen.reason is not None
    assert seen.reason.message == "the Pod is not Ready (app: CrashLoopBackOff)"
    assert troubled((replace(seen, deadline=None),)) == ["web-0"], "its logs tell more, also when no deadline is left"
    quiet = looked(there(ready=False))
    [seen] = view.build(quiet, planning.plan(quiet, later(9000))).pods
    assert seen.reason is not None
    assert seen.reason.message == "the Pod is not Ready"


def test_a_pod_of_the_revision_with_another_image_is_not_simply_up_to_date():
    """Another writer has set it; or the label of the revision."""
    look = looked(there(name="web-1"), pod(name="web-0", revision=NEW))
    status = planning.plan(look, NOW).status
    assert status is not None
    assert (status.phase, status.message) == (
        Phase.UP_TO_DATE,
        "2 Pods up to date, but 1 with an image or a size that is not the template's",
    )
    [reason] = status.reasons
    assert reason.code == ReasonCode.DriftDetected
    assert reason.message.endswith("; left alone: deleting the Pod, or another change of the template, brings it back")
