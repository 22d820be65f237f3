"""What is said wrongly of what the kubelet will do, and what its model does wrongly."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

EVIDENCE: Final = "core/pod/evidence.py"
PREDICTION: Final = "core/pod/prediction.py"
UNIT: Final = "unit/core/test_prediction.py"
KUBELET: Final = "../kubesim/kubelet"
#: Generated changes, what is said of them, and what the model of the kubelet does.
COMPARED: Final = ("scenarios/test_prediction.py::test_what_is_said_of_the_kubelet_is_what_it_does",)

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
        COMPARED,
    ),
    Defect(
        "say that a container restarts once for its image and its size",
        PREDICTION,
        "yield Step(tuple(name for name in sized if name in runs or name in swapped), sized, of_sizes=True)",
        "pass",
        (f"{UNIT}::test_a_size_is_a_write_of_its_own_after_that_of_images",),
    ),
    Defect(
        "say that a container keeps running when only its size asks for a restart",
        PREDICTION,
        "for changed in (change.swaps, change.harsh_sizes)",
        "for changed in (change.swaps, ())",
        COMPARED,
    ),
    Defect(
        "forget that a process has two seconds after its hook",
        PREDICTION,
        "seconds + _SHORTEST if hooked and seconds else",
        "seconds if hooked and seconds else",
        (f"{UNIT}::test_a_hook_may_take_the_whole_grace_and_the_process_gets_two_seconds_more",),
    ),
    Defect(
        "say that an init container which is still to run does not run",
        PREDICTION,
        "return Fate.STARTS if _is_ahead(status) else Fate.SPEC_ONLY",
        "return Fate.SPEC_ONLY",
        (f"{UNIT}::test_an_init_container_that_has_not_run_yet_runs_with_what_is_new",),
    ),
    Defect(
        "say that a sidecar restarts whatever its startup probe says",
        PREDICTION,
        "if is_sidecar and awaits_startup_probe(container, status):",
        "if False:",
        COMPARED,
    ),
    Defect(
        "the model runs init containers again",
        f"{KUBELET}/worker.py",
        "elif not passed and not container.done and not await self._run_to_end(spec, container):",
        "elif not container.running and not await self._run_to_end(spec, container):",
        COMPARED,
    ),
    Defect(
        "the model starts regular containers from the last to the first",
        f"{KUBELET}/worker.py",
        'for spec in pod["spec"]["containers"]:\n                container',
        'for spec in reversed(pod["spec"]["containers"]):\n                container',
        COMPARED,
    ),
    Defect(
        "the model kills one container only",
        f"{KUBELET}/worker.py",
        "for spec in old:\n",
        "for spec in old[:1]:\n",
        COMPARED,
    ),
    Defect(
        "the model restarts whatever has a startup probe",
        f"{KUBELET}/replacing.py",
        "container.failed_startup(now) or (",
        'spec.get("startupProbe") or (',
        COMPARED,
    ),
    Defect(
        "the model restarts sidecars only if regular containers change too",
        f"{KUBELET}/replacing.py",
        "watched = spec in regular or (",
        "watched = spec in regular or bool(found) and (",
        COMPARED,
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
