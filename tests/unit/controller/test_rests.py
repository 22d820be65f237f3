"""How long a workload rests after a plan: nobody who makes plans long makes all others wait."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from inplace.cluster.key import Key
from inplace.controller.reconciler import LONG_PLAN, MAX_PAUSE, Reconciler
from tests.property.simulation import FakeClock


@pytest.fixture
def reconciler():
    memory = Mock(clock=FakeClock())
    return Reconciler(Mock(), memory, Mock(), Mock(), Mock(), Mock(), Mock())


def rest(reconciler: Reconciler, took: float, name: str = "web", namespace: str = "tenant") -> float:
    key = Key("ReplicaSet", namespace, name)
    return reconciler._long_rest(key, took, reconciler._rest(key, took))


def test_a_plan_of_a_usual_length_rests_as_long_as_nobody_notices(reconciler):
    assert rest(reconciler, LONG_PLAN) == MAX_PAUSE


@pytest.mark.parametrize("workloads", [1, 2, 10])
def test_long_plans_of_a_namespace_leave_others_three_quarters_of_the_time(reconciler, workloads):
    took, names = 5.0, [f"web-{number}" for number in range(workloads)]
    for _ in range(2):
        rests = [rest(reconciler, took, name) for name in names]
    assert all(workloads * took / (one + took) <= 1 / 4 for one in rests)
    assert rest(reconciler, took, namespace="another") == 3 * took, "it pays for its own only"
