"""The writers: what is read once more before it is written."""

from __future__ import annotations

import pytest

from inplace.controller.apply import needs_live_read
from inplace.core.actions.actions import CloseGate, PatchImages
from inplace.core.state.records import PodPhase
from inplace.core.template.change import PodChange
from tests.factories import pod, swapping

CHANGE = PodChange.of_images({"app": "app:v2"})


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(None, True, id="the first write on a Pod without a gate"),
        pytest.param(swapping(PodPhase.SWAPPING), True, id="redirected in the middle of a swap"),
        pytest.param(swapping(PodPhase.DRAINING), False, id="drained by a write that the cache has shown"),
    ],
)
def test_a_pod_is_read_live_unless_our_own_drain_was_seen(record, expected):
    assert needs_live_read(PatchImages(pod(record=record), swapping(), CHANGE)) is expected


def test_nothing_is_read_for_a_write_that_disrupts_nothing_yet():
    assert not needs_live_read(CloseGate(pod(), swapping(PodPhase.DRAINING)))
