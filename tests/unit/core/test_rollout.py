"""Several Pods: which of them starts first, and how many at once."""

from __future__ import annotations

from msgspec.structs import replace

from inplace.core.actions.actions import CloseGate
from inplace.core.objects import names
from inplace.core.plan import plan as planning
from tests.factories import OLD, later, pod, snapshot, workload
from tests.unit.core.test_pod import failed


def three(**changes):
    return snapshot(*(pod(name=f"web-{n}") for n in range(3)), **changes)


def starts(shot, at=1.0):
    return [action.pod.name for action in planning.plan(shot, later(at)).actions if isinstance(action, CloseGate)]


def test_the_highest_ordinal_first_within_the_budget():
    assert starts(three()) == ["web-2"]
    assert starts(three(workload=workload(annotations={"max-unavailable": "2"}))) == ["web-2", "web-1"]
    assert starts(three(workload=workload(annotations={"max-unavailable": "50%"}))) == ["web-2"]


def test_the_workloads_own_max_unavailable_survives_the_freeze():
    own = workload(original='{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":2,"partition":1}}')
    assert starts(three(workload=own)) == ["web-2", "web-1"]


def test_a_missing_pod_uses_the_budget():
    assert starts(snapshot(pod(name="web-0"), pod(name="web-1"), workload=workload(replicas=3))) == []


def test_broken_pods_come_first_and_cost_nothing():
    broken = pod(name="web-0", ready=False)
    assert starts(snapshot(pod(name="web-1"), broken, workload=workload(replicas=2))) == ["web-0"]


def test_order_by_a_label():
    pods = [pod(name=f"web-{n}", labels={"app": "web", names.REVISION_LABEL: OLD, "rank": str(-n)}) for n in range(3)]
    assert starts(snapshot(*pods, workload=workload(annotations={"order-by": "rank"}))) == ["web-0"]


def test_a_failure_stops_the_rollout_unless_it_is_tolerated():
    both = (replace_name(failed(), "web-1"), pod(name="web-0"))
    assert starts(snapshot(*both, workload=workload(replicas=2, annotations={"max-unavailable": "2"}))) == []
    tolerant = workload(replicas=2, annotations={"max-unavailable": "2", "max-failures": "1"})
    assert starts(snapshot(*both, workload=tolerant)) == ["web-0"]


def replace_name(one, name):
    return replace(one, metadata=replace(one.metadata, name=name, uid=f"uid-{name}"))


def test_a_pod_beyond_the_replicas_is_not_touched():
    assert starts(snapshot(pod(name="web-2"), workload=workload(replicas=2))) == []
