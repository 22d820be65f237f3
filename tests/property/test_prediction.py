"""What is predicted of the kubelet agrees with the consequences that the change itself names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inplace.core.objects.model import (
    Container,
    ContainerState,
    ContainerStatus,
    Pod,
    PodSpec,
    PodStatus,
    Running,
    Terminated,
)
from inplace.core.pod import prediction
from inplace.core.pod.prediction import Fate
from inplace.core.template.change import ContainerChange, PodChange

REGULAR, SIDECARS, PLAIN = ("a", "b", "c"), ("s", "t"), ("i",)
SIZE = {"requests": {"cpu": "1"}}
changes = st.builds(
    ContainerChange,
    image=st.sampled_from(["", "v2"]),
    resources=st.just(SIZE),
    resize_restarts=st.booleans(),
    restart=st.booleans(),
)
orders = st.permutations([*REGULAR, *SIDECARS]).flatmap(
    lambda names: st.integers(0, len(names)).map(lambda cut: tuple((name,) for name in names[:cut]))
)


def pod(running):
    init = (*(Container(name) for name in PLAIN), *(Container(name, restart_policy="Always") for name in SIDECARS))
    statuses = [
        ContainerStatus(name, state=ContainerState(running=Running() if name in running else None))
        for name in (*REGULAR, *SIDECARS)
    ]
    plain = tuple(ContainerStatus(name, state=ContainerState(terminated=Terminated())) for name in PLAIN)
    return Pod(
        spec=PodSpec(tuple(Container(name) for name in REGULAR), init),
        status=PodStatus(container_statuses=tuple(statuses[:3]), init_container_statuses=(*plain, *statuses[3:])),
    )


@given(
    st.dictionaries(st.sampled_from([*REGULAR, *SIDECARS]), changes),
    orders,
    st.booleans(),
    st.sets(st.sampled_from([*REGULAR, *SIDECARS])),
)
def test_exactly_what_restarts_is_killed_if_it_runs_and_started(containers, order, init, running):
    if init:
        containers = {**containers, "i": ContainerChange("v2", spec_only=True)}
    change = PodChange(containers, order=order)
    told = prediction.predict(pod(running), change, (1, 36))
    started = [name for step in told.steps for name in step.starts]
    killed = [name for step in told.steps for name in step.kills]
    twice = set(change.swaps) & set(change.harsh_sizes)
    assert sorted(started) == sorted([*change.restarts, *twice])
    assert sorted(killed) == sorted([*(set(change.restarts) & running), *twice])
    assert set(told.again) == twice
    assert set(told.fates) == {*REGULAR, *SIDECARS, *PLAIN}
    assert told.fates["i"] is (Fate.SPEC_ONLY if init else Fate.KEPT)
    spec = [*SIDECARS, *REGULAR]
    assert all(list(step.starts) == sorted(step.starts, key=spec.index) for step in told.steps)
