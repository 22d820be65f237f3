"""Actions as requests: exactly these bodies, and every precondition fails when it should."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from inplace.core.actions import patches
from inplace.core.actions.actions import (
    Abort,
    CloseGate,
    Complete,
    OpenGate,
    PatchImages,
    PatchWorkload,
    RecordFailure,
    WriteStatus,
)
from inplace.core.objects import names
from inplace.core.objects.reasons import EventReason
from inplace.core.state import records
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from inplace.core.template.change import Edits, PodChange
from tests.factories import NEW, NOW, pod, swapping, workload
from tests.property.simulation import Stale, apply_ops


def tree(one) -> dict[str, Any]:
    """The object as the server holds it."""
    stripped: dict[str, Any] = _strip(json.loads(msgspec.json.encode(one)))
    return stripped


def _strip(value):
    if isinstance(value, dict):
        return {key: _strip(one) for key, one in value.items() if one is not None}
    return [_strip(one) for one in value] if isinstance(value, list | tuple) else value


def applied(action, live=None) -> dict[str, Any]:
    """The object after the action."""
    return apply_ops(tree(live or action.pod), patches.build(action, NOW).ops)


def gate(made):
    return next(c["status"] for c in made["status"]["conditions"] if c["type"] == names.GATE)


def state(made: dict[str, Any]):
    return records.decode(made["metadata"]["annotations"][names.STATE])


RECORD = swapping()
MARKS = {names.REVISION_LABEL: NEW}
SWAP = PodChange.of_images(
    images={"app": "app:v2"}, labels=Edits(add={"a/b": "1"}, remove=("app",)), annotations=Edits(add={"n": "1"})
)


def test_drain_closes_the_gate_and_begins_the_record_in_one_status_write():
    action = CloseGate(pod(), swapping(PodPhase.DRAINING))
    request, made = patches.build(action, NOW), applied(action)
    assert (request.subresource, request.name) == ("status", "web-0")
    assert gate(made) == "False"
    assert state(made) == action.record


def test_serve_adds_the_condition_also_where_there_are_none():
    assert gate(applied(OpenGate(pod(gate="absent")))) == "True"
    bare = pod(gate="absent")
    bare = replace(bare, status=replace(bare.status, conditions=()))
    request = patches.build(OpenGate(bare), NOW)
    assert [op["path"] for op in request.ops] == ["/metadata/uid", "/status/conditions", "/status/conditions"]


def test_swap_patches_images_metadata_and_the_record():
    made = applied(PatchImages(pod(), RECORD, SWAP))
    assert made["spec"]["containers"][0]["image"] == "app:v2"
    assert made["metadata"]["labels"] == {"a/b": "1", names.REVISION_LABEL: "web-old"}
    assert made["metadata"]["annotations"]["n"] == "1"
    assert state(made) == RECORD


def test_of_two_that_serve_a_new_pod_one_appends():
    """A condition that is there twice could never be closed: one of the two would stay True."""
    new = pod(gate="absent")
    first = patches.build(OpenGate(new), NOW)
    assert {"op": "test", "path": "/metadata/resourceVersion", "value": "1"} in first.ops
    assert [op["path"] for op in first.ops if op["op"] == "add"] == ["/status/conditions/-"]


def test_finish_opens_the_gate_and_writes_the_label_in_one_write():
    one = pod(gate="False", record=RECORD)
    request = patches.build(Complete(one, RECORD, revision_labels=MARKS), NOW)
    made = applied(Complete(one, RECORD, revision_labels=MARKS))
    assert request.subresource == "status"
    assert (gate(made), made["metadata"]["labels"][names.REVISION_LABEL]) == ("True", NEW)


def test_finish_without_a_gate_is_metadata_alone():
    request = patches.build(Complete(pod(gate=None, record=RECORD), RECORD, revision_labels=MARKS), NOW)
    assert request.subresource == ""
    assert not [op for op in request.ops if op["path"].startswith("/status")]


def test_fail_opens_the_gate():
    one = pod(gate="False", record=RECORD)
    assert gate(applied(RecordFailure(one, replace(RECORD, phase=PodPhase.FAILED)))) == "True"


def test_restore_drops_the_record():
    made = applied(Abort(pod(gate="False", record=RECORD)))
    assert names.STATE not in made["metadata"]["annotations"]
    assert gate(made) == "True"


@pytest.mark.parametrize(
    ("what", "live"),
    [
        ("another Pod of the same name", pod(uid="other")),
        ("a record that somebody else wrote", pod(record=RECORD)),
        ("another image", pod(image="app:other")),
        ("another generation", pod(generation=7)),
        ("another container", pod({**json.loads('{"name":"app","containerID":"c://9"}')})),
    ],
)
def test_a_swap_does_not_apply_to(what, live):
    with pytest.raises(Stale):
        applied(PatchImages(pod(), RECORD, SWAP), live)


def test_a_record_written_meanwhile_is_not_overwritten():
    """Also where the Pod has other annotations, so that the map itself is no witness."""
    read = pod(annotations={"other": "1"})
    with pytest.raises(Stale):
        applied(CloseGate(read, RECORD), pod(annotations={"other": "1", names.STATE: records.encode(RECORD)}))


def test_a_condition_that_moved_is_not_overwritten():
    moved = pod()
    moved = replace(moved, status=replace(moved.status, conditions=tuple(reversed(moved.status.conditions))))
    with pytest.raises(Stale):
        applied(CloseGate(pod(), RECORD), moved)


def test_an_edit_of_the_workload_is_refused_where_the_spec_or_the_opt_in_moved():
    one = workload()
    edit = PatchWorkload(
        one, EventReason.Frozen, "", {"updateStrategy": {"type": "X"}}, {names.FROZEN: None}, {"a/b": "1"}
    )
    server = tree(one)
    made = apply_ops(server, patches.build(edit, NOW).ops)
    assert made["spec"]["updateStrategy"] == {"type": "X"}
    assert names.FROZEN not in made["metadata"]["labels"]
    assert made["metadata"]["annotations"]["a/b"] == "1"
    for moved in ({"generation": 9}, {"labels": {}}):
        with pytest.raises(Stale):
            apply_ops({**server, "metadata": {**server["metadata"], **moved}}, patches.build(edit, NOW).ops)


def test_publish_touches_no_spec():
    status = Status(1, 1, NEW, Phase.PROGRESSING, 3, 1, 3, 1, 0, NOW)
    request = patches.build(WriteStatus(workload(), status), NOW)
    assert request.kind == "StatefulSet"
    assert not [op for op in request.ops if op["path"].startswith("/spec")]


def test_a_rehearsal_carries_images_only():
    request = patches.dry_run(pod(), {"app": "app:v2"})
    assert [op["op"] for op in request.ops] == ["test", "test", "test", "replace"]
