"""What is done wrong with a whole workload: its kind, its plan, its status, opting out."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

DEPLOYMENT: Final = "core/kinds/deployment.py"
PLAN: Final = "core/plan/plan.py"
STATUS: Final = "core/plan/status.py"
PHASE: Final = "core/plan/phase.py"
REQUEUE: Final = "core/plan/requeue.py"
OPT_OUT: Final = "core/plan/opt_out.py"

DEFECTS: Final = (
    Defect(
        "roll out a Deployment natively: never pause it",
        DEPLOYMENT,
        'return running or freeze(workload, {"paused": True})',
        "return running or freeze(workload, {})",
        ("unit/core/test_kinds.py::test_a_settled_deployment_is_paused_and_a_lifted_freeze_is_put_back",),
    ),
    Defect(
        "leave an older ReplicaSet with the wanted template",
        DEPLOYMENT,
        "and equal and not _has_pods(child)",
        "and False",
        ("unit/core/test_kinds.py::test_an_equal_replica_set_makes_way",),
    ),
    Defect(
        "forget the old template of a Deployment",
        DEPLOYMENT,
        "    if known or workload.spec.revision_history_limit == 0:\n",
        "    if True:\n",
        (
            "unit/core/test_kinds.py::test_no_pod_moves_before_both_templates_are_recorded_and_the_replica_set_has_the_new_one",
        ),
    ),
    Defect(
        "resume a Deployment that no policy protects",
        DEPLOYMENT,
        "if left is not None or not (freeze_policy and is_frozen(workload)):",
        "if left is not None or not is_frozen(workload):",
        ("unit/core/test_kinds.py::test_a_deployment_that_is_done_is_resumed_only_if_a_policy_freezes_it_in_time",),
    ),
    Defect(
        "let an undo change the settings",
        "core/kinds/undo.py",
        "if same and child.metadata.uid != active.metadata.uid:",
        "if False:",
        ("scenarios/test_interlock.py::test_undo_works_and_settings_survive_it_the_pause_included",),
    ),
    Defect(
        "take the oldest revision of a DaemonSet for the current",
        "core/kinds/daemonset.py",
        "return equal[-1] if equal",
        "return next(iter(revisions.values())) if equal",
        ("unit/core/test_kinds.py::test_the_current_revision_of_a_daemonset_is_the_newest_with_its_template",),
    ),
    Defect(
        "ignore the partition",
        "core/kinds/statefulset.py",
        "if index < kept:",
        "if False:",
        ("unit/core/test_workload.py::test_a_forecast_of_a_refusal_and_of_a_partition",),
    ),
    # --- plan
    Defect(
        "two writes on one Pod",
        PLAN,
        "if subject(action).uid not in spoken_for",
        "if True",
        ("unit/core/test_plan.py::test_a_new_pod_that_is_behind_already_gets_its_gate_and_nothing_else",),
    ),
    Defect(
        "open a gate while a write is under way",
        PLAN,
        " and pod.uid not in snapshot.pending:\n            yield OpenGate",
        ":\n            yield OpenGate",
        ("unit/core/test_plan.py::test_nothing_is_written_while_a_write_is_under_way",),
    ),
    Defect(
        "write the workload while a write is under way",
        PLAN,
        "if write is not None and subject(write).uid not in snapshot.pending:",
        "if write is not None:",
        ("unit/core/test_plan.py::test_nothing_is_written_while_a_write_is_under_way",),
    ),
    Defect(
        "prepare before it is said that an upgrade has started",
        PLAN,
        "if write is not None and not first:",
        "if write is not None:",
        ("unit/core/test_plan.py::test_that_an_upgrade_has_started_is_said_before_anything_is_prepared",),
    ),
    Defect(
        "prepare what the kind wants although the image may not exist",
        PLAN,
        "None if decision.assessment.images.nowhere else ",
        "",
        ("unit/core/test_holds.py::test_nothing_is_prepared_for_an_image_that_may_not_exist",),
    ),
    Defect(
        "disrupt a Pod that was broken when it was granted its start",
        PLAN,
        "return None if not broken and not before.ready else action",
        "return action",
        ("unit/core/test_plan.py::test_a_pod_that_was_broken_is_not_disrupted_once_it_is_ready",),
    ),
    Defect(
        "do not look again when a Pod's wait ends",
        REQUEUE,
        "            yield pod.state.until\n",
        "            yield None\n",
        ("unit/core/test_plan.py::test_it_is_looked_again_when_a_wait_ends",),
    ),
    Defect(
        "do not look again when a Pod becomes available",
        REQUEUE,
        "        yield pod.until\n",
        "        yield None\n",
        ("unit/core/test_workload.py::test_a_pod_at_rest_that_becomes_available_by_time_alone_is_looked_at_again",),
    ),
    Defect(
        "do not look again when a step ends",
        REQUEUE,
        "    yield steps.ends(decision.step, status.reached_at)\n",
        "    yield None\n",
        ("unit/core/test_plan.py::test_it_is_looked_again_when_a_step_ends",),
    ),
    Defect(
        "do not look again when a freeze has rested",
        REQUEUE,
        "    yield conflict.until if conflict is not None else None\n",
        "    yield None\n",
        ("unit/core/test_holds.py::test_a_contested_freeze_is_looked_at_again_when_it_has_rested",),
    ),
    Defect(
        "do not look again when the leader before has stopped",
        REQUEUE,
        "    yield snapshot.not_before\n",
        "    yield None\n",
        ("unit/core/test_holds.py::test_what_lifts_a_hold_is_done",),
    ),
    # --- status
    Defect(
        "claim a generation whose target is not known",
        STATUS,
        "return decision.before.observed_generation if decision.before is not None else 0",
        "return decision.assessment.snapshot.workload.metadata.generation",
        ("unit/core/test_workload.py::test_an_unknown_target_never_claims_the_new_generation",),
    ),
    Defect(
        "call a partitioned revision healthy",
        STATUS,
        "return not kept and any(",
        "return any(",
        ("unit/core/test_plan.py::test_a_revision_is_healthy_only_if_every_pod_is_at_it",),
    ),
    Defect(
        "call a workload done before it is frozen",
        PHASE,
        " or _awaits_freeze(decision)\n",
        "\n",
        ("unit/core/test_plan.py::test_a_workload_is_done_when_all_its_pods_are_and_it_is_frozen",),
    ),
    Defect(
        "call a workload done that misses Pods",
        PHASE,
        " or _misses_pods(decision)",
        "",
        ("unit/core/test_plan.py::test_a_workload_is_done_when_all_its_pods_are_and_it_is_frozen",),
    ),
    Defect(
        "call a budget that is stuck progress",
        PHASE,
        " or decision.overdue is not None or",
        " or",
        ("unit/core/test_reserve.py::test_a_wait_beyond_the_deadline_is_no_progress_any_more",),
    ),
    Defect(
        "leave our conditions behind",
        "core/state/conditions.py",
        "if status.phase is Phase.UP_TO_DATE:\n        return without_ours(found)",
        "if False:\n        return without_ours(found)",
        ("unit/core/test_conditions.py::test_what_is_up_to_date_carries_none_of_ours",),
    ),
    # --- opting out
    Defect(
        "leave helper Pods behind when opting out",
        OPT_OUT,
        "pulls = prepull.cleanup(snapshot)",
        "pulls = ()",
        ("unit/core/test_prepull.py::test_opting_out_leaves_no_helper",),
    ),
    Defect(
        "keep what is reserved when opting out",
        OPT_OUT,
        "return (*released, *possible(",
        "return (*released[:0], *possible(",
        ("unit/core/test_plan.py::test_what_is_reserved_is_given_back_when_opting_out",),
    ),
    Defect(
        "thaw while a partition of ours keeps Pods",
        OPT_OUT,
        "return kept_by_us and pod.revision",
        "return False and pod.revision",
        ("unit/core/test_plan.py::test_a_workload_that_opts_out_stays_frozen_while_a_partition_of_ours_keeps_pods",),
    ),
)
