"""Annotations and statuses that are longer than anything we or a kubelet would write."""

from __future__ import annotations

import json

from msgspec import Raw
from msgspec.structs import replace

from inplace.core.objects.model import LONGEST_IMAGES, NodeStatus
from inplace.core.state import records
from inplace.core.state.records import LIMIT, Baseline, Record, Unreadable
from tests.factories import node, pod, swapping


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
