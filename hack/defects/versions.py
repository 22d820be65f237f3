"""What is done wrong with the state that another version of inplace has written."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

STATE: Final = "core/state/"
TESTS: Final = "unit/core/test_versions.py::"

DEFECTS: Final = (
    Defect(
        "take another version's state for damaged",
        STATE + "versions.py",
        "    return version if version != VERSION else None\n",
        "    return None\n",
        (TESTS + "test_another_version_is_known_as_such_whatever_its_fields_are",),
    ),
    Defect(
        "read only what is newer for another version's",
        STATE + "versions.py",
        "version != VERSION",
        "version > VERSION",
        (TESTS + "test_another_version_is_known_as_such_whatever_its_fields_are",),
    ),
    Defect(
        "drop the fields of another release from a record",
        STATE + "records.py",
        "replace(_DECODER.decode(text), others=versions.others(text, Record))",
        "_DECODER.decode(text)",
        (TESTS + "test_a_record_carries_along_what_only_another_release_knows",),
    ),
    Defect(
        "drop the fields of another release from a status",
        "core/plan/status.py",
        "others=before.others if before is not None else msgspec.UNSET",
        "others=msgspec.UNSET",
        (TESTS + "test_a_status_carries_it_along_from_plan_to_plan",),
    ),
    Defect(
        "touch a Pod whose record is another version's",
        "core/pod/lifecycle.py",
        "        case Unreadable(version=int()) as other if not context.is_opting_out:\n",
        "        case Unreadable(version=int()) as other if False:\n",
        (TESTS + "test_a_record_of_another_version_that_came_meanwhile_is_seen_before_the_first_write",),
    ),
    Defect(
        "begin other Pods beside a record of another version",
        "core/rollout/snapshot.py",
        "        if isinstance(record, Unreadable) and record.version is not None:\n",
        "        if False:\n",
        (TESTS + "test_a_pod_with_a_record_of_another_version_is_not_touched_and_no_other_begins",),
    ),
    Defect(
        "take a retry for a word about another version's record",
        "core/plan/readiness_gates.py",
        "    if record.version is not None:\n        return False\n",
        "",
        (TESTS + "test_a_retry_does_not_take_over_what_another_version_wrote_and_opting_out_does",),
    ),
    Defect(
        "go on beside a status of another version",
        "core/plan/plan.py",
        "_leave_alone(decision) if foreign else conclude(decision)",
        "conclude(decision)",
        (TESTS + "test_a_status_of_another_version_stays_and_nothing_is_done_beside_it",),
    ),
    Defect(
        "write over a status of another version",
        "core/actions/patches.py",
        "own = {names.STATUS: statuses.encode(status)} if action.with_annotation else {}",
        "own = {names.STATUS: statuses.encode(status)}",
        (TESTS + "test_a_status_of_another_version_stays_and_nothing_is_done_beside_it",),
    ),
    Defect(
        "call a workload in another version's hands degraded",
        "core/plan/phase.py",
        "reason.code == ReasonCode.VersionUnknown for",
        "False for",
        (TESTS + "test_it_is_refused_whatever_else_has_taken_too_long",),
    ),
)
