"""What the log says of a write: its subject, the images from and to, and how important it is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.actions import lines
from inplace.core.actions.actions import (
    CloseGate,
    Complete,
    DryRunPatch,
    PatchImages,
    PatchWorkload,
    RecordFailure,
    WriteStatus,
)
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason, ReasonCode
from inplace.core.state import statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from inplace.core.template.change import PodChange
from tests.factories import NEW, NOW, OLD, later, pod, swapping, workload

MOVED = {"from": "app=app:v1", "to": "app=app:v2", "from_revision": OLD, "to_revision": NEW}
CHANGE = PodChange.of_images({"app": "app:v2"})


def status(phase: Phase, revision: str = NEW, *, updated: int = 0) -> Status:
    """A status that says nothing else."""
    return Status(1, 1, revision, phase, 3, updated, 3, 0, 0, NOW, message="why")


def test_a_patch_names_the_images_and_the_revisions():
    assert lines.fields(PatchImages(pod(), swapping(), CHANGE), NOW) == {"pod": "web-0", **MOVED}


def test_a_drain_names_the_revisions():
    found = lines.fields(CloseGate(pod(), swapping(PodPhase.DRAINING)), NOW)
    assert found == {"pod": "web-0", "from_revision": OLD, "to_revision": NEW, "attempt": 1}


def test_an_end_says_by_what_evidence_and_how_long_it_took():
    record = swapping(PodPhase.DONE, evidence="ImageChanged")
    found = lines.fields(Complete(pod(), record), later(7.5))
    assert found == {"pod": "web-0", **MOVED, "evidence": "app=ImageChanged", "took_seconds": 7.5}


def test_a_failure_says_why():
    record = replace(swapping(PodPhase.FAILED), reason=ReasonCode.CrashLoop, message="exited with 1")
    found = lines.fields(RecordFailure(pod(), record), NOW)
    assert found == {"pod": "web-0", **MOVED, "reason": "CrashLoop", "message": "exited with 1"}


def test_a_status_counts_pods():
    found = lines.fields(WriteStatus(workload(), status(Phase.PROGRESSING, updated=1)), NOW)
    assert found["phase"] == "Progressing"
    assert (found["updated"], found["replicas"], found["failed"]) == (1, 3, 0)
    assert found["revision"] == NEW


def reported(before: Status, after: Status) -> WriteStatus:
    """A workload whose status was `before`."""
    return WriteStatus(workload(annotations={names.STATUS.removeprefix(names.PREFIX): statuses.encode(before)}), after)


@pytest.mark.parametrize(
    ("action", "level"),
    [
        (RecordFailure(pod(), swapping(PodPhase.FAILED)), "warning"),
        (Complete(pod(), swapping()), "info"),
        (PatchImages(pod(), swapping(), CHANGE), "info"),
        (DryRunPatch(pod(), {"app": "app:v2"}, "key"), "debug"),
        (PatchWorkload(workload(), EventReason.Frozen, "note"), "info"),
        (PatchWorkload(workload(), EventReason.FreezeLost, "note"), "warning"),
        (WriteStatus(workload(), status(Phase.PROGRESSING)), "info"),
        (WriteStatus(workload(), status(Phase.REFUSED)), "warning"),
        (reported(status(Phase.PROGRESSING), status(Phase.PROGRESSING, updated=1)), "debug"),
        (reported(status(Phase.PROGRESSING, OLD), status(Phase.PROGRESSING)), "info"),
        (reported(status(Phase.PROGRESSING), status(Phase.DEGRADED)), "warning"),
        (reported(status(Phase.DEGRADED), status(Phase.DEGRADED, updated=1)), "debug"),
        (reported(status(Phase.DEGRADED), status(Phase.UP_TO_DATE)), "info"),
    ],
)
def test_the_level_is_that_of_its_importance(action, level):
    assert lines.level(action) == level
