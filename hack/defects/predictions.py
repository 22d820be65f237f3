"""What is said wrongly of what the kubelet will do, and what its model does wrongly."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

EVIDENCE: Final = "core/pod/evidence.py"
PREDICTION: Final = "core/pod/prediction.py"
FORECAST: Final = "core/views/forecast.py"
PLANS: Final = "unit/core/test_plan.py"
HEADLINES: Final = "unit/core/test_headlines.py"
ORDERED: Final = "scenarios/test_container_order.py"
UNIT: Final = "unit/core/test_prediction.py"
KUBELET: Final = "../kubesim/kubelet"
#: Generated changes, what is said of them, and what the model of the kubelet does.
COMPARED: Final = ("scenarios/test_prediction.py::test_what_is_said_of_the_kubelet_is_what_it_does",)

DEFECTS: Final = (
    Defect(
        "say that a container is kept which is patched and not replaced yet",
        PREDICTION,
        "for name in due}",
        "for name in ()}",
        (
            f"{UNIT}::test_what_is_patched_and_not_replaced_yet_restarts_before_what_is_still_to_be_patched",
            f"{ORDERED}::test_what_is_said_of_the_kubelet_between_two_batches_is_what_it_does[StatefulSet]",
        ),
    ),
    Defect(
        "say that a container restarts which has restarted",
        PREDICTION,
        "return status.container_id == baseline.id or (baseline.unsettled and unseen)",
        "return True",
        (f"{UNIT}::test_what_an_attempt_has_patched_restarts_unless_it_has_been_replaced",),
    ),
    Defect(
        "leave Pods in flight out of what changes",
        FORECAST,
        "return self.outstanding and (self.disrupts or self.metadata_only or bool(self.images or self.sizes))",
        "return False",
        (f"{PLANS}::test_a_pod_in_flight_that_restarts_once_more_is_counted_and_says_so",),
    ),
    Defect(
        "do not say what a Pod in flight goes on to",
        "cli/plan.py",
        'in progress: {why}{_then(pod)}"',
        'in progress: {why}"',
        (f"{PLANS}::test_a_pod_in_flight_counts_as_long_as_anything_of_it_changes",),
    ),
    Defect(
        "do not say what a Pod lacks that has failed",
        "cli/plan.py",
        'failed: {why}{_to_come(pod)}"',
        'failed: {why}"',
        (f"{PLANS}::test_a_pod_that_cannot_go_on_says_what_it_lacks",),
    ),
    Defect(
        "say that the metadata of a Pod changes which is there",
        FORECAST,
        " or change.containers or isinstance(state, UpToDate):",
        ":",
        (f"{PLANS}::test_the_changes_of_a_pod_that_is_there_are_none",),
    ),
    Defect(
        "say of Pods that settle that there is nothing to do",
        "cli/plan.py",
        "done = done if settling else",
        "done =",
        (f"{PLANS}::test_a_plan_says_that_there_is_something_to_do_where_it_exits_so",),
    ),
    Defect(
        "be up to date with a setting that refuses every change",
        "core/plan/phase.py",
        "assessment.refused and (outstanding or assessment.objections)",
        "assessment.refused and outstanding",
        (f"{HEADLINES}::test_what_refuses_the_workload_whatever_changes_is_told_alike_before_anything_changes",),
    ),
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
