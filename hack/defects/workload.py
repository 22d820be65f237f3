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
    # --- whose fields they are
    Defect(
        "keep what our field manager owns after opting out",
        "core/plan/opt_out.py",
        "    return release(snapshot)\n",
        "    return ()\n",
        ("unit/core/test_workload.py::test_last_of_all_our_field_manager_gives_its_fields_up",),
    ),
    Defect(
        "give the first fields up first",
        "core/actions/patches.py",
        "sorted(entries, reverse=True)",
        "sorted(entries)",
        ("unit/core/test_workload.py::test_last_of_all_our_field_manager_gives_its_fields_up",),
    ),
    Defect(
        "give fields up that the server keeps, again and again",
        "core/plan/opt_out.py",
        "if ours and len(ours) < len(entries) else ()",
        "if ours else ()",
        ("unit/core/test_workload.py::test_fields_are_given_up_once_and_not_where_the_server_would_keep_them",),
    ),
    Defect(
        "give the same fields up again and again",
        "core/plan/opt_out.py",
        "if bytes(found) == snapshot.released:",
        "if False:",
        ("unit/core/test_workload.py::test_fields_are_given_up_once_and_not_where_the_server_would_keep_them",),
    ),
    # --- the owner's strategy
    Defect(
        "leave the freeze if nothing is recorded",
        "core/kinds/freezing.py",
        "return recorded(workload) or Replaced()",
        "return recorded(workload) or replaced(workload.spec.update_strategy)",
        ("unit/core/test_workload.py::test_a_freeze_without_a_readable_record_gets_the_default_which_is_said",),
    ),
    Defect(
        "do not notice that the record is gone",
        "core/kinds/freezing.py",
        "if not is_ours or recorded(workload) is not None:",
        "if True:",
        ("unit/core/test_workload.py::test_a_freeze_without_a_readable_record_gets_the_default_which_is_said",),
    ),
    Defect(
        "raise on a record that somebody edited",
        "core/kinds/freezing.py",
        "    except (msgspec.MsgspecError, UnicodeError):\n        return None\n",
        "    except UnicodeError:\n        return None\n",
        ("unit/core/test_workload.py::test_a_freeze_without_a_readable_record_gets_the_default_which_is_said",),
    ),
    Defect(
        "put a strategy back that makes no sense",
        "core/kinds/freezing.py",
        "if not sound or any(",
        "if any(",
        ("unit/core/test_workload.py::test_a_freeze_without_a_readable_record_gets_the_default_which_is_said",),
    ),
    Defect(
        "take a partition for ours that its owner chose",
        "core/kinds/statefulset.py",
        "return ours and _has_our_partition(workload)",
        "return _has_our_partition(workload)",
        ("unit/core/test_workload.py::test_a_strategy_that_was_a_freeze_before_ours_stays",),
    ),
    Defect(
        "do not record OnDelete of its owner",
        "core/kinds/freezing.py",
        "known = recorded(workload) or replaced(workload.spec.update_strategy)",
        "known = recorded(workload)",
        ("unit/core/test_workload.py::test_a_strategy_that_was_a_freeze_before_ours_stays",),
    ),
    Defect(
        "hand over to OnDelete",
        "core/kinds/statefulset.py",
        "_held_by_us(workload) and original(workload).type != ON_DELETE",
        "_held_by_us(workload)",
        ("unit/core/test_workload.py::test_nothing_is_handed_over_to_a_strategy_that_replaces_no_pod",),
    ),
    Defect(
        "roll out a Deployment natively: never pause it",
        DEPLOYMENT,
        'return running or freeze(workload, {"paused": True})',
        "return running or freeze(workload, {})",
        ("unit/core/test_kinds.py::test_a_settled_deployment_is_paused_and_a_lifted_freeze_is_put_back",),
    ),
    Defect(
        "upgrade the Pods of a Deployment with Recreate one after the other",
        DEPLOYMENT,
        '!= "Recreate" or together',
        '!= "Recreate" or True',
        ("scenarios/test_deployments.py::test_recreate_is_refused_unless_all_pods_may_be_out_of_service_at_once",),
    ),
    Defect(
        "leave an older ReplicaSet with the wanted template",
        DEPLOYMENT,
        "return [child for child in others if trees.fingerprint(child.spec.template) == target.revision]",
        "return []",
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
        "if left is not None or not freeze_policy:",
        "if left is not None:",
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
        "take a Pod of a DaemonSet that is missing for a native rollout",
        "core/kinds/daemonset.py",
        "older = status.current_number_scheduled -",
        "older = status.desired_number_scheduled -",
        ("unit/core/test_kinds.py::test_only_pods_of_another_revision_are_a_native_rollout",),
    ),
    Defect(
        "take a Pod of a Deployment that is not available for a native rollout",
        DEPLOYMENT,
        "older = status.replicas - status.updated_replicas if",
        "older = kind.replicas(workload) - status.available_replicas if",
        (
            "unit/core/test_kinds.py::test_a_pod_that_is_missing_or_not_available_is_no_native_rollout",
            "scenarios/test_broken_pods.py::test_a_broken_pod_does_not_keep_a_workload_from_being_frozen",
        ),
    ),
    Defect(
        "take a Pod of a StatefulSet that is not ready for a native rollout",
        "core/kinds/statefulset.py",
        "    if missing <= 0:\n",
        "    if missing <= 0 and status.ready_replicas >= desired:\n",
        ("unit/core/test_kinds.py::test_only_pods_of_another_revision_are_a_native_rollout",),
    ),
    Defect(
        "know nothing of a Pod that was changed by hand",
        "core/kinds/matching.py",
        "if fitting else self.nearest(workload, wrong)",
        'if fitting else ""',
        (
            "unit/core/test_kinds.py::test_a_pod_that_fits_no_template_was_made_from_the_only_one_that_can_be_meant",
            "scenarios/test_broken_pods.py::test_a_pod_that_was_changed_by_hand_is_drift_until_an_upgrade_mends_it",
        ),
    ),
    Defect(
        "hand a change over for one Pod whose revision is not known",
        "core/rollout/holds.py",
        "(ReasonCode.AdmissionRejected, ReasonCode.BaseUnknown)",
        "(ReasonCode.AdmissionRejected,)",
        ("unit/core/test_holds.py::test_nothing_is_handed_over_because_one_pods_revision_is_not_known",),
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
        "core/plan/gates.py",
        " and pod.uid not in snapshot.pending:\n            yield pod",
        ":\n            yield pod",
        ("unit/core/test_plan.py::test_nothing_is_written_while_a_write_is_under_way",),
    ),
    Defect(
        "write the workload while a write is under way",
        PLAN,
        "*(each for each in wanted if subject(each).uid not in snapshot.pending)",
        "*wanted",
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
    Defect(
        "report on what a Deployment that is gone has left behind",
        PLAN,
        "if not opt_out.was_ours(snapshot):",
        "if False:",
        ("scenarios/test_deployments.py::test_nothing_is_reported_on_a_replica_set_that_its_deployment_left_behind",),
    ),
    Defect(
        "wait for a node without end",
        "core/rollout/blocked.py",
        "        ReasonCode.NodeNotReady,\n",
        "",
        ("faults/test_networks.py::test_another_pod_there_waits_and_is_no_failure_of_its_image",),
    ),
    Defect(
        "call it progress that a Pod has failed",
        "core/rollout/blocked.py",
        "return Blocked(reason, failed=True)",
        "return None",
        ("unit/core/test_reserve.py::test_a_failure_that_is_tolerated_is_no_progress_where_nothing_else_goes_on",),
    ),
    Defect(
        "have the commands call progress what the controller does not",
        "core/rollout/blocked.py",
        "    if told is not None:\n",
        "    if False:\n",
        ("unit/core/test_reserve.py::test_a_command_goes_by_what_the_controller_has_reported_of_a_wait",),
    ),
    Defect(
        "take the owner's OnDelete for ours",
        "core/kinds/daemonset.py",
        "if said and not any(left.values()) else known",
        "if False else known",
        ("scenarios/test_own_strategy.py::test_an_on_delete_of_the_owner_is_told_from_ours",),
    ),
)
