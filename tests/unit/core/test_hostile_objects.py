"""Annotations and statuses that are longer than anything we or a kubelet would write."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from msgspec import Raw
from msgspec.structs import replace

from inplace.core.objects.nodes import LONGEST_IMAGES, NodeStatus
from inplace.core.plan import plan
from inplace.core.pod.observation import infer
from inplace.core.state import records
from inplace.core.state.records import LIMIT, Baseline, PodPhase, Record, Unreadable
from tests.factories import DIGEST, NEW, NOW, OLD, container, node, pod, snapshot, swapping, workload


def test_a_record_of_fifty_containers_is_read_and_one_of_thousands_is_not():
    one = next(iter(swapping().containers.values()))
    full = replace(one, id="containerd://" + "1" * 64, image_id="registry.example/team/app@sha256:" + "1" * 64)
    fifty = replace(swapping(), containers={f"container-{number}": full for number in range(50)})
    assert records.decode(records.encode(fifty)) == fifty
    many = replace(fifty, containers={f"c{number}": Baseline() for number in range(5000)})
    text = records.encode(many)
    assert records.decode(text) == Unreadable("", f"{len(text)} characters, and a record has at most {LIMIT}")
    assert isinstance(records.read(pod(record=text)), Unreadable)
    assert isinstance(records.read(pod(record=fifty)), Record)


def test_a_list_of_images_beyond_any_kubelets_is_none():
    assert len(node(images=(("a:1",), ("b:1",))).status.image_names()) == 2
    longest = [{"names": [f"registry/{number}:v1"]} for number in range(LONGEST_IMAGES // 25)]
    assert NodeStatus(images=Raw(json.dumps(longest).encode())).image_names() == []
    assert NodeStatus(images=Raw(b"[" * 50_000)).image_names() == []


@pytest.mark.parametrize("settings", [{}, {"min-ready-seconds": "30"}])
@pytest.mark.parametrize("at", [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
def test_a_pod_with_times_that_nobody_lives_in_is_planned(at, settings):
    """Whoever may write a Pod's status may write any: what is reckoned from it stays in the calendar."""
    old = container("c://1", started=at)
    new = container("c://2", image="app:v2", image_id="app@" + DIGEST["v2"], started=at, last="c://1", ended=at)
    crashed = container("c://3", image="app:v2", image_id="app@" + DIGEST["v2"], started=at, last="c://2", ended=at)
    for status, image, revision, record in (
        (old, "app:v1", OLD, None),
        (old, "app:v1", OLD, swapping(PodPhase.DRAINING)),
        (new, "app:v2", NEW, swapping()),
        (crashed, "app:v2", NEW, swapping()),
        (new, "app:v2", NEW, swapping(PodPhase.DONE)),
        (new, "app:v2", NEW, swapping(PodPhase.FAILED)),
    ):
        since = {"ready_since": at, "gate_since": at, "scheduled_since": at}
        one = pod(status, image=image, revision=revision, record=record, generation=2, observed=2, **since)
        held = snapshot(one, workload=workload(replicas=1, annotations=settings))
        for found in (held, replace(held, observations={one.uid: infer(one, NOW, serving=False)})):
            assert plan.plan(found, NOW).status is not None
