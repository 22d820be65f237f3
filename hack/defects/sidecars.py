"""Defects in the upgrade of injected containers, and in waiting until an endpoint is ready."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

PLAN: Final = "core/plan/sidecars.py"
_UNIT: Final = "unit/core/test_sidecars.py::"

DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        "leave what became of a restart for ever",
        "core/plan/opt_out.py",
        "for pod, record in results if not record.is_kept(now)",
        "for pod, record in results if False",
        ("unit/core/test_plan.py::test_the_result_of_a_restart_stays_for_its_time_where_nothing_is_opted_in",),
    ),
    Defect(
        "keep what became of a restart for as long as a tenant says",
        "core/state/records.py",
        "now < self.kept_until <= now + LONGEST + SKEW",
        "now < self.kept_until",
        (
            "unit/core/test_orphans.py::test_what_became_of_a_restart_is_kept_for_its_time_and_no_longer_than_anything_can_last",
        ),
    ),
    Defect(
        "run what an annotation names as the image of before",
        PLAN,
        "    if not _is_of_its_repository(baseline.from_, asked):",
        "    if False:",
        (f"{_UNIT}test_a_rollback_does_not_run_what_an_annotation_names",),
    ),
    Defect(
        "patch the image for which a record says that a pod was drained",
        PLAN,
        "    return image == asked.image or (",
        "    return True or (",
        (f"{_UNIT}test_a_forged_drain_does_not_choose_what_runs",),
    ),
    Defect(
        "upgrade a container of the template by a command",
        PLAN,
        "    if asked.container not in {",
        "    if True or asked.container not in {",
        (f"{_UNIT}test_a_container_of_the_template_is_the_workloads",),
    ),
    Defect(
        "touch a pod on which another upgrade is in flight",
        PLAN,
        "        if foreign is not None:\n",
        "        if False:\n",
        (f"{_UNIT}test_another_upgrade_in_flight_or_failed_comes_first",),
    ),
    Defect(
        "count only the selected pods in the budget of a sidecar",
        PLAN,
        "sum(is_available(pod) for pod in snapshot.pods)",
        "len(snapshot.pods)",
        (f"{_UNIT}test_the_budget_counts_every_pod_of_the_workload",),
    ),
    Defect(
        "take the failure of a command's request for the workload's",
        "core/pod/states.py",
        "record.requested == self.request and",
        "True and",
        (f"{_UNIT}test_a_failed_proxy_is_no_failure_of_the_workloads_upgrade",),
    ),
    Defect(
        "remove what a command has recorded from the pods of others",
        "core/state/records.py",
        "return not (record.requested or record.is_result)",
        "return not record.is_result",
        (f"{_UNIT}test_its_record_stays_when_the_workload_is_opted_out_once_it_is_over",),
    ),
    Defect(
        "forget that a command decides",
        "core/pod/attempt.py",
        "        by=context.by,\n",
        "",
        (f"{_UNIT}test_a_pod_with_the_old_image_is_drained_and_stays_at_its_revision",),
    ),
    Defect(
        "follow redirects while waiting for an endpoint",
        "cli/wait_ready.py",
        "allow_redirects=False",
        "allow_redirects=True",
        ("commands/test_wait_ready.py::test_the_contract",),
    ),
    Defect(
        "leave the children of a command that hangs",
        "cli/wait_ready.py",
        "            os.killpg(process.pid, signal.SIGKILL)\n",
        "            pass\n",
        ("commands/test_wait_ready.py::test_the_contract",),
    ),
)
