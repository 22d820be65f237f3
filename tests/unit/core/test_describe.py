"""Log events and metric labels of actions: an interface to dashboards and alerts."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
import pytest

from inplace.core.actions import actions
from inplace.core.actions.actions import (
    Abort,
    CloseGate,
    Complete,
    DryRunPatch,
    OpenGate,
    PatchImages,
    PatchWorkload,
    RecordFailure,
    WriteStatus,
)
from inplace.core.actions.describe import about, describe_action
from inplace.core.actions.patches import Patch, build
from inplace.core.objects.reasons import EventReason
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from inplace.core.template.change import PodChange
from tests.factories import NOW, pod, swapping, workload

POD, RECORD = pod(), swapping(PodPhase.SWAPPING)
CHANGE = PodChange.of_images({"app": "app:v2"})


@pytest.mark.parametrize(
    ("action", "event", "label"),
    [
        (OpenGate(POD), "pod.gate_opened", "open_gate"),
        (CloseGate(POD, RECORD), "pod.drained", "close_gate"),
        (PatchImages(POD, RECORD, CHANGE), "pod.patched", "patch_images"),
        (Complete(POD, RECORD), "pod.completed", "complete"),
        (RecordFailure(POD, RECORD), "pod.failed", "record_failure"),
        (Abort(POD), "pod.restored", "abort"),
        (DryRunPatch(POD, {}, "", {"app": {"requests": {"cpu": "1"}}}), "pod.dry_run_passed", "dry_run_patch"),
    ],
)
def test_actions_on_pods_have_stable_names(action, event, label):
    assert describe_action(action)[:2] == (event, label)
    assert isinstance(build(action, NOW), Patch)


@pytest.mark.parametrize("action", get_args(actions.Action), ids=lambda action: action.__name__)
def test_the_label_of_an_action_is_its_name_in_snake_case(action):
    label = re.sub(r"(?<!^)(?=[A-Z])", "_", action.__name__).lower()
    values = {field: _Anything() for field in action.__struct_fields__}
    assert describe_action(action(**values)).label == label


class _Anything(dict[str, Any]):
    """Stands for a value of any type: sentences may read attributes and items of it."""

    def __getattr__(self, name):
        return _Anything() if name in {"metadata", "images"} else name

    def __missing__(self, key):
        return _Anything(name="web")


def test_for_a_dry_run_the_whole_workload_waits():
    assert about(DryRunPatch(POD, {"app": "app:v2"}, "key")) == ""
    assert about(CloseGate(POD, RECORD)) == "pods[web-0]"


def test_what_is_attempted_is_named_and_no_report_quotes_another():
    def sentence(action):
        return describe_action(action).sentence

    for why in (EventReason.Frozen, EventReason.FreezeLost):
        assert "freeze" in sentence(PatchWorkload(workload(), why, "native rollouts are frozen"))
        assert "are frozen" not in sentence(PatchWorkload(workload(), why, "native rollouts are frozen"))
    assert sentence(PatchWorkload(workload(), None, "resume it")) == "change the workload: resume it"
    told = Status(1, 1, "web-1", Phase.DEGRADED, 1, 0, 1, 0, 0, NOW, message="0 of 1 Pods upgraded: no")
    failed = msgspec.structs.replace(RECORD, reason="AdmissionRejected", message="pods is forbidden")
    assert sentence(RecordFailure(POD, failed)) == "record that Pod web-0 failed (AdmissionRejected)"
    assert sentence(WriteStatus(workload(), told, (), True, True)) == "report the phase Degraded"
