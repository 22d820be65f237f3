"""What is believed of Pods although it is not, or not any more, so: the assessment, its memory, targets and steps."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

ASSESS: Final = "core/rollout/assess.py"
CHANGES: Final = "core/rollout/changes.py"
MEMO: Final = "core/rollout/memo.py"
STEPS: Final = "core/rollout/steps.py"
CHANGE: Final = "core/template/change.py"

DEFECTS: Final = (
    Defect(
        "answer a full promotion again and again",
        STEPS,
        "and same and asked != answered and asked.startswith(FULL):",
        "and same and asked.startswith(FULL):",
        ("unit/core/test_steps.py::test_a_full_promotion_counts_at_once_for_all_steps_of_this_revision_and_once",),
    ),
    Defect(
        "skip the steps of a revision for which nobody asked for it",
        STEPS,
        "and same and asked != answered and asked.startswith(FULL):",
        "and asked != answered and asked.startswith(FULL):",
        ("unit/core/test_steps.py::test_a_full_promotion_counts_at_once_for_all_steps_of_this_revision_and_once",),
    ),
    Defect(
        "count Pods in flight as available",
        ASSESS,
        "not in_flight and missing is None",
        "missing is None",
        ("unit/core/test_workload.py::test_a_view_says_what_each_pod_waits_for",),
    ),
    Defect(
        "act on a Pod with a write under way",
        ASSESS,
        "    if inputs.pending:\n",
        "    if False:\n",
        ("unit/core/test_pod.py::test_a_pod_is_held_with_a_reason",),
    ),
    # --- what is remembered between two looks
    Defect(
        "believe an answer about a Pod that has changed since",
        MEMO,
        " or entry[0] != inputs",
        "",
        ("unit/core/test_planner.py::test_a_planner_that_has_looked_before_decides_like_one_that_has_not",),
    ),
    Defect(
        "believe an answer after its time",
        MEMO,
        "(entry[2] is not None and now >= entry[2])",
        "False",
        ("unit/core/test_planner.py::test_an_answer_is_kept_while_its_inputs_and_its_time_last",),
    ),
    Defect(
        "believe an answer whatever has changed for all",
        MEMO,
        "before is not None and before[0] == common",
        "before is not None",
        ("unit/core/test_planner.py::test_an_answer_is_kept_while_its_inputs_and_its_time_last",),
    ),
    Defect(
        "believe an action that was decided before",
        ASSESS,
        "return now if acts else assessed.until",
        "return assessed.until",
        ("unit/core/test_planner.py::test_a_planner_that_has_looked_before_decides_like_one_that_has_not",),
    ),
    Defect(
        "believe where Pods were before their revisions were known",
        ASSESS,
        '(workload.spec, status.healthy if status is not None else "", tuple(snapshot.revisions.values())),',
        "None,",
        ("unit/core/test_planner.py::test_where_pods_are_is_asked_again_when_their_revisions_are_known",),
    ),
    # --- inputs that are forgotten
    Defect(
        "forget that the API server refuses our writes",
        ASSESS,
        "                snapshot.fatal(uid),\n",
        "                None,\n",
        ("unit/core/test_pod.py::test_a_write_that_is_refused_for_good_fails_it",),
    ),
    Defect(
        "forget the node",
        ASSESS,
        "                snapshot.nodes.get(node),\n",
        "                None,\n",
        ("unit/core/test_pod.py::test_metadata_alone_is_written_in_one_go",),
    ),
    Defect(
        "forget what was observed",
        ASSESS,
        "                snapshot.observations.get(uid),\n",
        "                None,\n",
        ("unit/core/test_pod.py::test_paused_pods_in_flight_finish",),
    ),
    Defect(
        "forget who takes no part",
        ASSESS,
        "                compared.excluded.get(uid),\n",
        "                None,\n",
        ("unit/core/test_pod.py::test_a_pod_is_held_with_a_reason",),
    ),
    Defect(
        "forget what pre-pull has found",
        ASSESS,
        "                images.wait(uid),\n",
        "                None,\n",
        ("unit/core/test_prepull.py::test_a_helper_is_made_before_the_drain",),
    ),
    Defect(
        "forget the digests",
        ASSESS,
        "                digests.get(node, _NO_DIGESTS),\n",
        "                _NO_DIGESTS,\n",
        ("unit/core/test_prepull.py::test_once_it_is_there_the_pod_begins_and_its_digest_is_expected",),
    ),
    Defect(
        "forget the request to retry",
        ASSESS,
        "retry=rollback.request(workload),",
        'retry="",',
        ("unit/core/test_pod.py::test_a_failed_pod_begins_again_when_somebody_asks_for_it",),
    ),
    Defect(
        "take a Pod that was settled for one that fails",
        ASSESS,
        "        settled=status is not None and target is not None and status.is_settled(target.revision),\n",
        "        settled=False,\n",
        ("unit/core/test_workload.py::test_a_settled_workload_stays_up_to_date_when_a_pod_becomes_unready",),
    ),
    Defect(
        "blame the node that is not seen",
        ASSESS,
        'nodes_visible="nodes" not in snapshot.unseen',
        "nodes_visible=True",
        ("unit/core/test_pod.py::test_without_rights_on_nodes_nothing_is_said_about_them",),
    ),
    Defect(
        "forget which kubelet it is",
        CHANGES,
        "kubelet_version(snapshot.nodes.get(pod.spec.node_name)),",
        "None,",
        ("unit/core/test_targets.py::test_each_pod_is_compared_for_its_own_kubelet",),
    ),
    Defect(
        "forget where an attempt has moved a Pod",
        CHANGES,
        "attempted = record.attempted if isinstance(record, Record) else ()",
        "attempted = ()",
        (
            "unit/core/test_targets.py::test_what_an_attempt_has_given_a_pod_on_the_way_to_another_template_is_taken_back",
        ),
    ),
    # --- changes
    Defect(
        "call no change disruptive",
        CHANGE,
        "return bool(self.restarts)\n",
        "return False\n",
        ("unit/core/test_pod.py::test_drain_required_refuses_a_pod_without_the_gate",),
    ),
    Defect(
        "call every change disruptive",
        CHANGE,
        "return bool(self.restarts)\n",
        "return True\n",
        ("unit/core/test_pod.py::test_metadata_alone_is_written_in_one_go",),
    ),
    # --- targets, steps and rollback
    Defect(
        "keep Pods by a partition at what has failed",
        CHANGES,
        "if isinstance(to, Rollback):",
        "if False:",
        ("unit/core/test_targets.py::test_a_partition_keeps_no_pod_at_what_has_failed",),
    ),
    Defect(
        "roll back though nothing was moved",
        "core/plan/phase.py",
        "enough = verdicts.blamed(moved) > assessment.settings.max_failures",
        "enough = True",
        (
            "scenarios/test_prepull.py::test_with_rollback_nothing_is_rolled_back_that_has_not_been_anywhere",
            "faults/test_refused_writes.py",
        ),
    ),
    Defect(
        "ask for no image again once its Pod has failed",
        "core/plan/plan.py",
        "[*first, *admission.unprepared, *decision.without_image()]",
        "[*first, *admission.unprepared]",
        ("faults/test_refused_writes.py",),
    ),
    Defect(
        "count the time without a pull Pod as its own",
        "core/rollout/prepull.py",
        "over = made + deadline",
        "pass",
        ("unit/core/test_prepull.py::test_a_helper_that_could_be_made_only_late_has_its_time_from_then_on",),
    ),
    Defect(
        "swap all Pods at once that may only be starting",
        "core/rollout/admit.py",
        "disruptive and state.broken and runs(pod)",
        "False",
        ("unit/core/test_admit.py::test_pods_that_may_only_be_starting_are_not_swapped_all_at_once",),
    ),
    Defect(
        "take Pods for broken whose node was not Ready for a moment",
        "core/pod/availability.py",
        "    return not pod.ready and not all(",
        "    return not pod.ready or False and all(",
        ("unit/core/test_admit.py", "unit/core/test_sidecars.py"),
    ),
    Defect(
        "forget Pods that are upgraded and not Ready yet among those that may only be starting",
        "core/rollout/quotas.py",
        "    return settles or isinstance(state, InProgress)",
        "    return isinstance(state, InProgress)",
        (
            "unit/core/test_admit.py::test_a_pod_that_is_upgraded_and_not_ready_yet_counts_among_those_that_may_only_be_starting",
        ),
    ),
    Defect(
        "reserve nothing for a Pod whose node was not Ready for a moment",
        "core/rollout/disruption_budgets.py",
        "        if broken(pod):",
        "        if not pod.ready:",
        ("unit/core/test_reserve.py::test_a_pod_whose_node_was_away_for_a_moment_takes_its_place",),
    ),
    Defect(
        "swap as many Pods again that may only be starting",
        "core/rollout/quotas.py",
        " - sum(underway(pod.state) for pod in assessment.pods)",
        "",
        ("unit/core/test_admit.py::test_pods_that_may_only_be_starting_are_not_swapped_all_at_once",),
    ),
    Defect(
        "let a Pod that crashes wait for one that may be starting",
        "core/pod/availability.py",
        "and all(state.running is not None for state in states)",
        "",
        ("unit/core/test_admit.py::test_pods_that_may_only_be_starting_are_not_swapped_all_at_once",),
    ),
    Defect(
        "give a Pod in flight a template that is not on record",
        "core/pod/lifecycle.py",
        "return context.unrecorded if record.target != context.target else None",
        "return None",
        ("unit/core/test_kinds.py::test_a_pod_in_flight_is_given_no_template_that_is_not_on_record",),
    ),
    Defect(
        "record nothing during a pause",
        "core/rollout/holds.py",
        "    not_recorded,  # Pods",
        "    # Pods",
        ("scenarios/test_upgrade.py::test_what_a_pod_in_flight_is_given_during_a_pause_can_be_told_later",),
    ),
    Defect(
        "forget the digest once the node lists the image",
        "core/rollout/prepull.py",
        "    kept |= {name for name in named.values() if name in pods and pull_pods.is_pulled(pods[name])}\n",
        "",
        (
            "unit/core/test_prepull.py::test_a_helper_that_has_pulled_stays_for_its_digest_when_the_node_lists_the_image",
        ),
    ),
    Defect(
        "call healthy what never ran",
        "core/plan/status.py",
        "return not kept and any(pod.available and pod.revision == revision and not pod.drift for pod in staying)",
        "return not kept",
        ("unit/core/test_plan.py::test_without_pods_a_revision_is_up_to_date_but_neither_healthy_nor_settled",),
    ),
    Defect(
        "call healthy what no Pod runs but one that another writer has changed",
        "core/plan/status.py",
        "and not pod.drift for pod",
        "for pod",
        ("unit/core/test_workload.py::test_a_pod_that_another_writer_has_changed_makes_nothing_healthy",),
    ),
    Defect(
        "take new Pods for such as have run while the target is not known",
        "core/plan/status.py",
        "    if decision.asked is None and decision.before is not None:\n        return decision.before.updated\n",
        "",
        ("unit/core/test_workload.py::test_pods_that_come_before_the_target_is_known_make_no_revision_settled",),
    ),
    Defect(
        "say anew what is not known",
        "core/plan/messages.py",
        "decision.asked is None and before is not None",
        "False and before is not None",
        ("unit/core/test_workload.py::test_while_the_target_is_not_known_what_was_said_stands",),
    ),
    Defect(
        "take a revision without Pods for settled",
        "core/state/statuses.py",
        "has_run = self.healthy == revision or self.updated > 0",
        "has_run = True",
        (
            "unit/core/test_plan.py::test_without_pods_a_revision_is_up_to_date_but_neither_healthy_nor_settled",
            "scenarios/test_rollback.py::test_what_was_set_while_there_were_no_pods_is_judged_when_there_are",
        ),
    ),
    Defect(
        "wait for ever for a Pod that was created at the target",
        "core/pod/lifecycle.py",
        " else failures.born(pod)\n",
        " else None\n",
        ("unit/core/test_pod.py::test_a_pod_that_was_created_at_the_target_is_judged_by_its_deadline_too",),
    ),
    Defect(
        "pull images for a rollback",
        ASSESS,
        "PrePullPolicy.NEVER if isinstance(to, Rollback) else ",
        "",
        ("unit/core/test_targets.py::test_nothing_is_pulled_for_a_rollback",),
    ),
    Defect(
        "begin the upgrade again that is being rolled back",
        "core/rollout/rollback.py",
        "if before.rolled_back_from != asked.revision:",
        "if True:",
        ("unit/core/test_targets.py::test_what_has_failed_goes_back_to_what_was_healthy_here",),
    ),
    Defect(
        "roll back to what was never healthy",
        "core/rollout/rollback.py",
        "return snapshot.destinations.get(before.healthy) or Reason(",
        "return next(iter(snapshot.revisions.values())) or Reason(",
        ("unit/core/test_targets.py::test_what_has_failed_goes_back_to_what_was_healthy_here",),
    ),
    Defect(
        "keep Pods at a revision that is not promoted",
        STEPS,
        "return frozenset(pod.uid for pod in there[at.limit :] if born(pod))",
        "return frozenset()",
        ("unit/core/test_steps.py::test_those_born_at_the_new_revision_go_back_before_those_that_were_brought_there",),
    ),
    Defect(
        "take upgraded Pods back for a step that is set later",
        STEPS,
        "there[at.limit :] if born(pod))",
        "there[at.limit :])",
        ("unit/core/test_steps.py::test_what_was_upgraded_stays_when_a_step_is_set_later_or_lowered",),
    ),
    Defect(
        "compare the last Pod of a ReplicaSet at 0",
        "core/rollout/changes.py",
        "excluded = {**excluded, **scaled_away(snapshot)}",
        "excluded = {**excluded}",
        ("unit/core/test_headlines.py::test_the_last_pod_of_a_replica_set_at_0_is_neither_drift_nor_counted",),
    ),
    Defect(
        "pass every step at once",
        STEPS,
        "if limit < desired else None",
        "if False else None",
        ("unit/core/test_targets.py::test_a_step_allows_so_many_pods_unless_these_are_all",),
    ),
)
