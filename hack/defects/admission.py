"""Who starts although he must not, or does not although he may: holds, quotas, disruption budgets, pre-pull."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect, not_checked

HOLDS: Final = "core/rollout/holds.py"
ADMIT: Final = "core/rollout/admit.py"
QUOTAS: Final = "core/rollout/quotas.py"
MAX_UNAVAILABLE: Final = "core/rollout/max_unavailable.py"
BUDGETS: Final = "core/rollout/disruption_budgets.py"
PREPULL: Final = "core/rollout/prepull.py"

DEFECTS: Final = (
    # --- holds
    not_checked("refused", "start although refused", "unit/core/test_holds.py::test_each_check_holds_every_pod"),
    not_checked("freeze_not_in_place", "never freeze", "unit/core/test_holds.py::test_each_check_holds_every_pod"),
    not_checked(
        "target_unknown",
        "do not wait for the revision to be named",
        "unit/core/test_holds.py::test_each_check_holds_every_pod",
    ),
    not_checked("paused", "start while paused", "unit/core/test_holds.py::test_each_check_holds_every_pod"),
    not_checked(
        "too_many_failures", "go on after a failure", "unit/core/test_holds.py::test_each_check_holds_every_pod"
    ),
    not_checked(
        "leader_takeover",
        "start while the leader before may still be writing",
        "unit/core/test_holds.py::test_each_check_holds_every_pod",
    ),
    not_checked(
        "dry_run_pending",
        "start before admission has answered",
        "unit/core/test_holds.py::test_each_check_holds_every_pod",
    ),
    not_checked(
        "not_prepared",
        "move Pods before their ReplicaSet has the new template",
        "unit/core/test_holds.py::test_a_replica_set_without_the_new_template_holds_its_pods",
    ),
    Defect(
        "take from a PodDisruptionBudget for a Pod in flight that serves",
        BUDGETS,
        "serves = missed and _serves(snapshot, settings, pod)",
        "serves = False",
        (
            "unit/core/test_reserve.py::test_a_pod_that_is_being_resized_takes_nothing_and_keeps_what_it_took_for_its_drain",
            "unit/core/test_reserve.py::test_a_pod_in_flight_that_serves_reserves_before_it_is_drained_for_another_target",
        ),
    ),
    Defect(
        "drain a Pod that serves in the middle of an attempt without a place in the budget",
        "core/pod/onward.py",
        "return _asking(pod, change, context, attempt.drain_after_all(pod, record, context))",
        'return InProgress(Reason(ReasonCode.WaitingForSwap, "", ""), attempt.drain_after_all(pod, record, context))',
        (
            "unit/core/test_admit.py::test_a_pod_in_flight_that_serves_asks_for_its_place_when_it_turns_to_another_target",
        ),
    ),
    Defect(
        "start with the write that freezes",
        "core/plan/plan.py",
        "hold = holds.first(assessment)\n        return Decision(assessment, hold, admit(assessment, hold))",
        "hold = holds.first(assessment)\n        lifted = hold is None or hold.write is not None\n"
        "        return Decision(assessment, hold, admit(assessment, None if lifted else hold))",
        ("unit/core/test_holds.py::test_each_check_holds_every_pod",),
    ),
    Defect(
        "do not freeze while paused",
        HOLDS,
        "    freeze_not_in_place,  # the native controller could still replace Pods\n    target_unknown,",
        "    paused,\n    freeze_not_in_place,\n    target_unknown,",
        ("unit/core/test_holds.py::test_the_first_answer_counts_in_the_order_of_the_chain",),
    ),
    Defect(
        "wait for the revision before freezing",
        HOLDS,
        "    freeze_not_in_place,  # the native controller could still replace Pods\n    target_unknown,",
        "    target_unknown,\n    freeze_not_in_place,",
        ("unit/core/test_holds.py::test_the_first_answer_counts_in_the_order_of_the_chain",),
    ),
    Defect(
        "prepare what admission may refuse",
        HOLDS,
        "    dry_run_pending,  # admission has not answered for every sort of Pod\n    not_prepared,",
        "    not_prepared,\n    dry_run_pending,",
        ("unit/core/test_holds.py::test_the_first_answer_counts_in_the_order_of_the_chain",),
    ),
    Defect(
        "hold without asking admission",
        HOLDS,
        "why), dry_runs=pending)",
        "why))",
        ("unit/core/test_holds.py::test_what_lifts_a_hold_is_done",),
    ),
    Defect(
        "hand over while Pods are kept by a pause",
        HOLDS,
        "and not settings.paused and",
        "and",
        ("unit/core/test_holds.py::test_what_cannot_be_made_in_place_is_handed_over_if_its_owner_allows_it",),
    ),
    Defect(
        "hand over while Pods are in flight",
        HOLDS,
        "if kept or assessment.is_in_progress:",
        "if kept:",
        ("unit/core/test_holds.py::test_nothing_is_handed_over_while_a_pod_is_in_flight",),
    ),
    Defect(
        "hand over what admission refuses",
        HOLDS,
        "(ReasonCode.AdmissionRejected, ReasonCode.BaseUnknown)",
        "(ReasonCode.BaseUnknown,)",
        ("unit/core/test_holds.py::test_nothing_is_handed_over_that_admission_refuses",),
    ),
    Defect(
        "hand over Pods that a partition of ours keeps",
        HOLDS,
        "kept = by_us and any(",
        "kept = False and any(",
        ("unit/core/test_holds.py::test_nothing_is_handed_over_that_a_partition_of_ours_keeps",),
    ),
    Defect(
        "put a contested freeze back at once",
        "core/rollout/freeze.py",
        "if len(recent) < CONTESTED_AFTER:",
        "if True:",
        ("unit/core/test_holds.py::test_a_contested_freeze_rests_longer_each_time",),
    ),
    Defect(
        "never rest longer from a contested freeze",
        "core/rollout/freeze.py",
        "FIRST_REST * 4 ** (len(recent) - CONTESTED_AFTER)",
        "FIRST_REST",
        ("unit/core/test_holds.py::test_a_contested_freeze_rests_longer_each_time",),
    ),
    # --- quotas
    Defect(
        "count the budget one too high",
        MAX_UNAVAILABLE,
        "settings.budget(desired) - used(",
        "settings.budget(desired) + 1 - used(",
        ("unit/core/test_rollout.py::test_a_missing_pod_uses_the_budget",),
    ),
    Defect(
        "hold a Pod that is tried again by the step that it has used up itself",
        QUOTAS,
        " and pod.uid not in self.step_taken",
        "",
        ("unit/core/test_admit.py::test_a_pod_that_is_tried_again_keeps_its_place_in_the_step",),
    ),
    Defect(
        "forget the caps",
        QUOTAS,
        "_CAPPED if self.room is not None and self.room <= 0 else None",
        "None",
        ("unit/core/test_admit.py::test_every_start_takes_from_the_cap_over_all_workloads",),
    ),
    Defect(
        "take nothing from maxUnavailable",
        QUOTAS,
        "self.unavailable - costs",
        "self.unavailable",
        ("unit/core/test_admit.py::test_every_start_takes_from_max_unavailable",),
    ),
    Defect(
        "take nothing from the caps",
        QUOTAS,
        "self.room - costs if",
        "self.room if",
        ("unit/core/test_admit.py::test_every_start_takes_from_the_cap_over_all_workloads",),
    ),
    Defect(
        "take nothing from the step",
        QUOTAS,
        "self.step_left - self._takes_place(pod, moves_to)",
        "self.step_left",
        ("unit/core/test_admit.py::test_no_more_start_than_the_step_allows",),
    ),
    Defect(
        "forget who has moved at this step",
        QUOTAS,
        "left = step.limit - len(taken)",
        "left = step.limit",
        ("unit/core/test_admit.py::test_no_more_start_than_the_step_allows",),
    ),
    Defect(
        "count a Pod that is scaled away as available",
        MAX_UNAVAILABLE,
        "if pod.excluded is None or pod.excluded.code != ReasonCode.ScaledAway",
        "",
        ("unit/core/test_admit.py::test_a_pod_beyond_the_replicas_does_not_count_as_available",),
    ),
    Defect(
        "make broken Pods wait for the budget",
        ADMIT,
        "weighs and not state.broken",
        "weighs",
        ("unit/core/test_admit.py::test_a_broken_pod_costs_nothing",),
    ),
    Defect(
        "make labels wait for the budget",
        ADMIT,
        "weighs and not state.broken",
        "not state.broken",
        ("unit/core/test_admit.py::test_a_change_of_labels_costs_nothing_and_waits_for_nothing",),
    ),
    Defect(
        "spread without those in flight",
        "core/rollout/order.py",
        "Counter(value(item) for item in down)",
        "Counter[str]()",
        ("unit/core/test_admit.py::test_starts_are_spread_and_those_in_flight_count",),
    ),
    Defect(
        "spread without those that are upgraded and not available yet",
        ADMIT,
        " or not pod.available]",
        "]",
        ("unit/core/test_admit.py::test_one_that_is_upgraded_but_not_serving_yet_counts_for_its_value",),
    ),
    Defect(
        "do not spread",
        ADMIT,
        "    if not key:\n",
        "    if True:\n",
        ("unit/core/test_admit.py::test_starts_are_spread_and_those_in_flight_count",),
    ),
    # --- what a Pod that is granted its start lacks
    Defect(
        "drain before the image is there",
        ADMIT,
        "state.waits_for if disruptive else None",
        "None",
        ("unit/core/test_prepull.py::test_a_helper_is_made_before_the_drain",),
    ),
    Defect(
        "disrupt whatever the budgets say",
        ADMIT,
        "if lacking is None and disruptive:",
        "if False:",
        ("unit/core/test_reserve.py::test_it_is_reserved_first_and_begun_then",),
    ),
    Defect(
        "reserve for every Pod as if for the first",
        ADMIT,
        "        verdict, quotas, reserved = _admit_one(assessment, pod.pod, state, quotas, reserved)",
        "        verdict, quotas, reserved = _admit_one(assessment, pod.pod, state, quotas, reservations)",
        ("unit/core/test_reserve.py::test_no_more_is_taken_than_is_allowed",),
    ),
    Defect(
        "reserve, and forget it",
        ADMIT,
        "reservations, lacking = reservations.reserve(pod)",
        "_, lacking = reservations.reserve(pod)",
        ("unit/core/test_reserve.py::test_it_is_reserved_first_and_begun_then",),
    ),
    Defect(
        "pull for Pods beyond the step",
        ADMIT,
        "if verdict.within_step)",
        "if True)",
        ("unit/core/test_admit.py::test_images_are_pulled_ahead_for_pods_within_the_step_only",),
    ),
    Defect(
        "pull first for Pods that the budget holds back",
        ADMIT,
        "verdict.reason is not None and verdict.within_quotas",
        "verdict.reason is not None",
        ("unit/core/test_admit.py::test_a_pod_that_the_budget_defers_is_not_pulled_for_first",),
    ),
    Defect(
        "never renew a reservation",
        BUDGETS,
        "if name in wanted and self.now >= at + RENEW_AFTER",
        "if False",
        ("unit/core/test_reserve.py::test_an_ungated_swap_keeps_its_entry_and_renews_it",),
    ),
    Defect(
        "give a reservation back too early",
        BUDGETS,
        "return seen is None or seen.unready_at is None or now < seen.unready_at + HEARD_AFTER",
        "return False",
        ("unit/core/test_reserve.py::test_a_drained_pod_gives_its_entry_back_once_everybody_knows_that_it_is_unready",),
    ),
    Defect(
        "reserve more than is allowed",
        BUDGETS,
        "status.disruptions_allowed - self.taken.get(meta.uid, 0)",
        "status.disruptions_allowed",
        ("unit/core/test_reserve.py::test_no_more_is_taken_than_is_allowed",),
    ),
    Defect(
        "take the entry of an eviction for ours",
        BUDGETS,
        "return stands and pod.name in self._written(pdb.metadata.uid)",
        "return stands",
        ("unit/core/test_reserve.py::test_why_a_budget_gives_nothing",),
    ),
    Defect(
        "take every entry for ours",
        "core/state/reservations.py",
        'if f"{_FIELD}{name}" in paths)',
        "if paths)",
        ("unit/core/test_reserve.py::test_what_is_not_begun_any_more_is_given_back_and_what_is_of_others_left_alone",),
    ),
    Defect(
        "forget what the leader before has reserved",
        "cluster/kept.py",
        "    meta = replace(found.metadata, managed_fields=_own_fields(found.metadata))\n    if size <= LARGE:",
        "    meta = replace(found.metadata, managed_fields=_NOTHING.metadata.managed_fields)\n    if size <= LARGE:",
        ("scenarios/test_budgets.py::test_what_a_killed_controller_has_reserved_is_given_back_as_if_it_lived",),
    ),
    Defect(
        "never give up on an image",
        PREPULL,
        "ImageWait(worst.missing, worst.failed)",
        "ImageWait(worst.missing)",
        ("unit/core/test_prepull.py::test_what_a_pull_that_does_not_succeed_means",),
    ),
    Defect(
        "believe the images that a node listed before",
        "core/rollout/memo.py",
        "known is None or known[0] is not node",
        "known is None",
        ("unit/core/test_planner.py::test_the_images_of_a_node_are_read_again_when_it_reports",),
    ),
    Defect(
        "prepare for an image that may not exist",
        HOLDS,
        "    if assessment.images.nowhere:\n        return None\n",
        "",
        ("unit/core/test_holds.py::test_nothing_is_prepared_for_an_image_that_may_not_exist",),
    ),
)
