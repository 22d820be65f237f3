"""Defects in the upgrade of injected containers, and in waiting until an endpoint is ready."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

PLAN: Final = "core/plan/sidecars.py"
CLI: Final = "cli/sidecars.py"
DRIVER: Final = "controller/sidecars.py"
_RUN: Final = "commands/test_sidecars.py::"
_UNIT: Final = "unit/core/test_sidecars.py::"

DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        "begin a Pod in the moment in which the controller begins one",
        DRIVER,
        "hold or controller_first(look.snapshot, look.now, looking)",
        "hold",
        ("scenarios/test_sidecars.py::test_beside_a_controller_that_upgrades_the_same_pods",),
    ),
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
        "forget what a command has begun just now",
        PLAN,
        "        if pod.uid in snapshot.pending or (",
        "        if False or (",
        (
            f"{_UNIT}test_pods_that_may_only_be_starting_begin_as_the_budget_has_it_and_those_count_that_were_begun_just_now",
        ),
    ),
    Defect(
        "drain a pod that serves again as the broken one that it was",
        PLAN,
        "            return admit.still(snapshot, live, start)",
        "            return start.action",
        (f"{_UNIT}test_a_start_that_cost_nothing_is_not_made_once_it_costs",),
    ),
    Defect(
        "end well where every pod waits",
        CLI,
        "    left = any(found.left for found in looks)",
        "    left = any(isinstance(one.state, Pending) for found in looks for one in found.left)",
        (f"{_RUN}test_pods_that_wait_are_not_done",),
    ),
    Defect(
        "say of pods that wait that nothing is to change",
        CLI,
        "    return [one for one in left if not isinstance(one.state, UpToDate)]",
        "    return [one for one in left if isinstance(one.state, Pending)]",
        (f"{_RUN}test_pods_that_wait_are_not_done",),
    ),
    Defect(
        "say of a pod that is left alone that it is done",
        CLI,
        "if found.objection is None else 'refused'",
        "if True else 'refused'",
        (f"{_RUN}test_what_is_refused_is_not_said_to_be_done",),
    ),
    Defect(
        "end while what was upgraded has yet to become available",
        DRIVER,
        "any(quotas.underway(state) for state in states)",
        "any(isinstance(state, Pending) for state in states if False)",
        (f"{_RUN}test_one_signal_ends_what_has_begun_and_counts_it",),
    ),
    Defect(
        "forget since when the containers of an earlier run have run",
        DRIVER,
        "        self._memory.infer(self._fleet.selected())\n",
        "",
        (f"{_RUN}test_one_signal_ends_what_has_begun_and_counts_it",),
    ),
    Defect(
        "end well although a node is lost",
        PLAN,
        "        return any(isinstance(one.state, Failed) for one in self.members)",
        "        return bool(self.failed)",
        (f"{_UNIT}test_a_lost_node_stops_no_other_pod_and_is_a_failure_in_the_end",),
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
