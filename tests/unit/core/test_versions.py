"""What one release of inplace wrote and another reads (docs/design/protocol.md, "Versions")."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inplace.core.actions import patches
from inplace.core.actions.actions import CloseGate, Complete, LabelPhase, OpenGate, PatchImages, WriteStatus
from inplace.core.objects import names
from inplace.core.objects.model import Meta
from inplace.core.objects.reasons import EventReason, Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.plan import plan as planning
from inplace.core.plan import readiness_gates
from inplace.core.plan.plan import Planner
from inplace.core.rollout.snapshot import FailedWrite
from inplace.core.state import conditions, records, statuses, versions
from inplace.core.state.records import PodPhase, Record, Unreadable
from inplace.core.state.statuses import Phase, Status
from inplace.core.views import forecast as forecasts
from tests.factories import NEW, NOW, container, later, pod, snapshot, swapping, workload
from tests.unit.core.test_kinds import deployment, looked

#: As each release wrote them: to be added to, and never changed.
KEPT = Path(__file__).parent / "data" / "versions" / "1"
RECORDS = {path.stem: path.read_text().strip() for path in sorted(KEPT.glob("record-*.json"))}
STATUSES = {path.stem: path.read_text().strip() for path in sorted(KEPT.glob("status-*.json"))}

foreign_versions = st.integers().filter(lambda version: version != versions.VERSION)
#: Fields that a later release may add at the top level.
added = st.dictionaries(st.sampled_from(["waves", "pace", "order"]), st.none() | st.text() | st.lists(st.integers()))


def reported(text: str, **fields: Any) -> Workload:
    """The workload with this status, as somebody wrote it."""
    return workload(annotations={"status": text}, **fields)


def encoded() -> str:
    """A status of this release."""
    return statuses.encode(Status(1, 2, NEW, Phase.PROGRESSING, 1, 0, 1, 0, 0, NOW))


# --- N reads what every release before wrote, and the other way round


@pytest.mark.parametrize("text", RECORDS.values(), ids=RECORDS)
def test_a_record_is_read_as_each_release_wrote_it_and_written_back_alike(text):
    record = records.decode(text)
    assert isinstance(record, Record)
    assert records.encode(record) == text


@pytest.mark.parametrize("text", STATUSES.values(), ids=STATUSES)
def test_a_status_is_read_as_each_release_wrote_it_and_written_back_alike(text):
    status = statuses.read(Meta(annotations={names.STATUS: text}))
    assert status is not None
    assert statuses.encode(status) == text


@pytest.mark.parametrize(("type_", "kept"), [(Record, RECORDS), (Status, STATUSES)], ids=["record", "status"])
def test_every_field_is_in_what_is_kept(type_, kept):
    """Whoever adds a field adds a file, and thinks of the release before, which carries it along."""
    known = {field.encode_name for field in msgspec.structs.fields(type_)} - {"others"}
    assert known == {key for text in kept.values() for key in json.loads(text)}


@given(st.sampled_from([*RECORDS.values()]), added)
def test_a_record_carries_along_what_only_another_release_knows(text, more):
    record = records.decode(json.dumps({**json.loads(text), **more}))
    assert isinstance(record, Record)
    moved = replace(record, phase=PodPhase.FAILED)
    assert json.loads(records.encode(moved)) == {**json.loads(text), **more, "phase": "Failed"}


def test_an_attempt_keeps_it_to_its_end_and_the_next_one_begins_without():
    record = json.loads(records.encode(swapping())) | {"waves": [["app"]]}
    new = container("c://2", image="app:v2", image_id="app@sha256:" + "2" * 64)
    one = pod(new, image="app:v2", gate="False", ready=False, record=json.dumps(record), generation=2, observed=2)
    [done] = [one for one in planning.plan(snapshot(one), later(60)).actions if isinstance(one, Complete)]
    assert json.loads(records.encode(done.record))["waves"] == [["app"]]
    again = pod(record=json.dumps(record | {"phase": "Done"}))
    [begun] = [one for one in planning.plan(snapshot(again), NOW).actions if isinstance(one, CloseGate)]
    assert "waves" not in json.loads(records.encode(begun.record))


def test_a_status_carries_it_along_from_plan_to_plan():
    text = json.dumps(json.loads(encoded()) | {"paceOf": 3})
    made = planning.plan(snapshot(pod(), workload=reported(text)), later(60))
    assert made.status is not None
    assert json.loads(statuses.encode(made.status))["paceOf"] == 3


# --- an unknown version


@given(foreign_versions, st.dictionaries(st.text(), st.none() | st.text()))
def test_another_version_is_known_as_such_whatever_its_fields_are(version, fields):
    text = json.dumps({**fields, "v": version})
    record = records.decode(text)
    assert isinstance(record, Unreadable)
    assert record.version == version
    assert str(version) in record.why
    assert statuses.foreign(Meta(annotations={names.STATUS: text})) == version
    assert statuses.read(Meta(annotations={names.STATUS: text})) is None


@given(st.text() | st.sampled_from(["{}", "[]", '{"v":true}', '{"v":"2"}', '{"v":1.5}', '{"v":1}', "1"]))
def test_what_has_no_version_is_damaged_and_not_another_s(text):
    assert versions.foreign(text) is None


@pytest.mark.parametrize("gate", ["True", "False", None])
@pytest.mark.parametrize("at", [0, 10_000])
def test_a_pod_with_a_record_of_another_version_is_not_touched_and_no_other_begins(gate, at):
    theirs = pod(gate=gate, ready=gate != "False", record='{"v":2,"phase":"Paused"}')
    made = planning.plan(snapshot(theirs, pod(name="web-1"), workload=workload(replicas=2)), later(at))
    [write] = made.actions
    assert isinstance(write, WriteStatus)
    assert write.status.phase is Phase.REFUSED
    [reason] = write.status.reasons
    assert reason.code == ReasonCode.VersionUnknown
    assert reason.path == f"pods[web-0].metadata.annotations[{names.STATE}]"
    assert [event.reason for event in write.events] == [EventReason.Refused]


def test_a_pod_in_flight_by_a_record_of_ours_finishes_beside_it():
    new = container("c://2", image="app:v2", image_id="app@sha256:" + "2" * 64)
    ours = pod(new, image="app:v2", gate="False", ready=False, record=swapping(), generation=2, observed=2)
    made = planning.plan(snapshot(ours, pod(name="web-1", record='{"v":2}')), later(60))
    assert [one.pod.name for one in made.actions if isinstance(one, Complete)] == ["web-0"]


def test_a_workload_with_such_a_status_is_refused_when_there_is_nothing_else_to_do():
    done = pod(revision=NEW, image="app:v2", record=replace(swapping(), phase=PodPhase.DONE))
    made = planning.plan(snapshot(done, workload=reported('{"v":2}', replicas=1, ready=1, updated=1)), NOW)
    assert made.status is not None
    assert made.status.phase is Phase.REFUSED


def test_it_is_refused_whatever_else_has_taken_too_long():
    """What is left alone is nobody's failure."""
    own = workload(replicas=1)
    denied = FailedWrite(
        own.metadata.uid, "label_phase", Reason(ReasonCode.WriteRefused, "", "no"), NOW, NOW, later(60)
    )
    look = snapshot(pod(record='{"v":2}'), workload=own, failed_writes=(denied,))
    made = planning.plan(look, later(3600))
    assert made.status is not None
    assert made.status.phase is Phase.REFUSED


def test_a_change_is_not_handed_to_the_native_rollout_for_it():
    own = workload(replicas=1, mode="InPlaceIfPossible")
    made = planning.plan(snapshot(pod(record='{"v":2}'), workload=own), NOW)
    assert made.status is not None
    assert made.status.phase is Phase.REFUSED


def test_a_record_of_another_version_that_came_meanwhile_is_seen_before_the_first_write():
    planner, look = Planner(), snapshot(pod(gate=None))
    assert any(isinstance(one, PatchImages) for one in planner.plan(look, NOW).actions)
    assert planner.recheck(look, pod(gate=None, record='{"v":2}'), NOW) is None


def test_a_retry_does_not_take_over_what_another_version_wrote_and_opting_out_does():
    theirs = pod(gate="False", ready=False, record='{"v":2}')
    asked = snapshot(theirs, workload=workload(replicas=1, annotations={"retry": "a"}))
    assert readiness_gates.opening(asked, later(60)).actions == ()
    out = snapshot(theirs, workload=workload(replicas=1, mode=None))
    assert [type(one) for one in planning.plan(out, later(60)).actions if hasattr(one, "pod")] == [OpenGate]


@pytest.mark.parametrize("version", [0, 2, 99])
def test_a_status_of_another_version_stays_and_nothing_is_done_beside_it(version):
    text = json.dumps(json.loads(encoded()) | {"v": version})
    own = reported(text, frozen=False)
    made = planning.plan(snapshot(pod(), pod(name="web-1", gate="False", record=swapping()), workload=own), NOW)
    [write] = made.actions
    assert isinstance(write, WriteStatus)
    assert [event.reason for event in write.events] == [EventReason.Refused]
    request = patches.build(write, NOW)
    assert isinstance(request, patches.Patch)
    assert not [op for op in request.ops if "annotations" in op["path"]]
    marked = replace(
        own, metadata=replace(own.metadata, labels={**(own.metadata.labels or {}), names.PHASE: "Refused"})
    )
    assert planning.plan(snapshot(pod(), workload=marked), NOW).actions == (), "said once"


def test_new_pods_are_served_beside_it():
    made = planning.plan(snapshot(pod(gate="absent", ready=False), workload=reported('{"v":2}')), NOW)
    assert [type(one) for one in made.actions] == [OpenGate, WriteStatus]


def test_where_the_status_cannot_take_the_label_it_follows_the_conditions():
    bare = deployment("v1")
    own = replace(bare, metadata=replace(bare.metadata, annotations={names.STATUS: '{"v":2}'}))
    [first] = planning.plan(looked(own), NOW).actions
    assert isinstance(first, WriteStatus)
    assert (first.with_annotation, first.with_label, first.with_conditions) == (False, False, True)
    said = msgspec.Raw(msgspec.json.encode(conditions.due(own, first.status, NOW)))
    stood = replace(own, status=replace(own.status, conditions=said))
    assert planning.plan(looked(stood), NOW).actions == (LabelPhase(stood, Phase.REFUSED),)


def test_a_forecast_names_it():
    for look in (
        snapshot(pod(record='{"v":2}')),
        snapshot(pod(), workload=reported('{"v":2}')),
    ):
        assert [reason.code for reason in forecasts.forecast(look, NOW).refused] == [ReasonCode.VersionUnknown]
