"""What is done wrong with what others own: live metadata and drift, gates at rest, Pods without a workload."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

DIFF: Final = "core/template/diff.py"

DEFECTS: Final = (
    Defect(
        "put back the metadata that others have changed",
        DIFF,
        "    own = {key: value for key, value in (live or {}).items() if key in changed}\n"
        "    return _edits(own, {key: value for key, value in target.items() if key in changed})\n",
        "    own = {key: value for key, value in (live or {}).items() if key in changed or key in target}\n"
        "    return _edits(own, target)\n",
        (
            "unit/core/test_change.py::test_metadata_that_no_template_changes_is_left_alone_and_noted",
            "scenarios/test_drift.py::test_live_metadata_that_no_template_changes_is_left_alone",
        ),
    ),
    Defect(
        "forget the metadata that a failed attempt has written",
        "core/pod/attempt.py",
        "    return tuple(dict.fromkeys(last.attempted))\n",
        "    return ()\n",
        ("scenarios/test_drift.py::test_metadata_that_a_failed_attempt_has_written_is_taken_back",),
    ),
)
