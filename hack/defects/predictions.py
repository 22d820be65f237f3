"""What is said wrongly of what the kubelet will do."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

EVIDENCE: Final = "core/pod/evidence.py"
PREDICTION: Final = "core/pod/prediction.py"
UNIT: Final = "unit/core/test_prediction.py"

DEFECTS: Final = (
    Defect(
        "kill what does not run",
        PREDICTION,
        "status is None or status.state.running is None",
        "status is None",
        (f"{UNIT}::test_what_does_not_run_is_not_killed",),
    ),
    Defect(
        "start regular containers before sidecars",
        PREDICTION,
        "(*pod.spec.init_containers, *pod.spec.containers)",
        "(*pod.spec.containers, *pod.spec.init_containers)",
        (f"{UNIT}::test_sidecars_start_before_regular_containers_and_these_as_in_the_spec",),
    ),
    Defect(
        "expect an old kubelet to restart sidecars",
        PREDICTION,
        "kubelet < SIDECAR_SINCE",
        "kubelet > SIDECAR_SINCE",
        (f"{UNIT}::test_a_sidecar_restarts_from_1_32_on",),
    ),
    Defect(
        "expect a sidecar to restart while its startup probe goes on",
        EVIDENCE,
        "sidecar.startup_probe is not None and not status.ready",
        "sidecar.startup_probe is None and not status.ready",
        (f"{UNIT}::test_a_sidecar_waits_for_its_startup_probe",),
    ),
)
