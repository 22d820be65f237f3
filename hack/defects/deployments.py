"""What is done wrong with the ReplicaSets, the pause and the settings of a Deployment."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

DEPLOYMENT: Final = "core/kinds/deployment.py"
HISTORY: Final = "core/kinds/history.py"
UNDO: Final = "core/kinds/undo.py"
MENDED: Final = "campaign/test_campaign.py::test_a_mended_fault_is_not_shown_again"
FREEZE: Final = "core/rollout/freeze.py"
APPLY: Final = "controller/apply.py"

DEFECTS: Final = (
    # --- the history
    Defect(
        "give the history the name of another ReplicaSet",
        HISTORY,
        'if f"{workload.metadata.name}-{own}" not in taken)',
        "if True)",
        (
            "unit/core/test_kinds.py::test_the_history_has_a_name_and_a_hash_of_its_own_whatever_its_siblings_are_called",
            "faults/test_replica_sets.py::test_a_history_whose_name_was_taken_by_the_active_replica_set_is_created_once",
        ),
    ),
    Defect(
        "block the deletion of a Deployment by its history",
        HISTORY,
        '"kind": "Deployment", "controller": True}',
        '"kind": "Deployment", "controller": True, "blockOwnerDeletion": True}',
        ("unit/core/test_kinds.py::test_the_history_blocks_nobodys_deletion",),
    ),
    Defect(
        "take a ReplicaSet that exists already for the one to be created",
        "cluster/send.py",
        "                if request.kind:\n                    raise\n",
        "                return ''\n",
        (
            "unit/controller/test_apply.py::test_after_a_replica_set_was_created_or_is_there_the_workload_is_looked_at_again_with_a_pause",
        ),
    ),
    Defect(
        "take another's ReplicaSet for ours",
        APPLY,
        "if owner is not None and owner.uid == uid:",
        "if True:",
        (
            "unit/controller/test_apply.py::test_after_a_replica_set_was_created_or_is_there_the_workload_is_looked_at_again_with_a_pause",
        ),
    ),
    Defect(
        "look again at once after a ReplicaSet was created",
        APPLY,
        "outcome is Outcome.APPLIED and not isinstance(action, SHOWN_BY_WATCH)",
        "outcome is Outcome.APPLIED",
        (
            "unit/controller/test_apply.py::test_after_a_replica_set_was_created_or_is_there_the_workload_is_looked_at_again_with_a_pause",
        ),
    ),
    Defect(
        "settle a creation by what has the workload's name",
        APPLY,
        "if isinstance(request, Creation):",
        "if False:",
        ("unit/controller/test_apply.py::test_a_creation_without_an_answer_leaves_nothing_pending",),
    ),
    Defect(
        "count a history that is about to go",
        HISTORY,
        "lasting = (child for child in others if child.metadata.deletion_timestamp is None)",
        "lasting = others",
        ("faults/test_replica_sets.py::test_a_history_that_is_about_to_go_is_none",),
    ),
    Defect(
        "delete again and again what does not go",
        HISTORY,
        "staying = (child for child in rivals(owned, active, revision) if child.metadata.deletion_timestamp is None)",
        "staying = iter(rivals(owned, active, revision))",
        (
            "faults/test_replica_sets.py::test_a_replica_set_with_the_wanted_template_that_does_not_go_holds_up_only_the_resume",
        ),
    ),
    Defect(
        "resume a Deployment that would roll over to another ReplicaSet",
        DEPLOYMENT,
        "if history.rivals(owned, active, target.revision):  #",
        "if False:  #",
        (
            "faults/test_replica_sets.py::test_a_replica_set_with_the_wanted_template_that_does_not_go_holds_up_only_the_resume",
        ),
    ),
    Defect(
        "remove our annotations from where the Deployment controller writes them",
        DEPLOYMENT,
        "for child in owned.children if trees.fingerprint(child.spec.template) != target.revision]",
        "for child in owned.children if child.metadata.uid != active.metadata.uid]",
        (
            "faults/test_replica_sets.py::test_a_replica_set_with_the_wanted_template_that_does_not_go_holds_up_only_the_resume",
        ),
    ),
    # --- before its own controller takes over
    Defect(
        "thaw a Deployment whose ReplicaSet has the template that its Pods lack",
        DEPLOYMENT,
        "        if found is None:\n            return None\n",
        "        if True:\n            return None\n",
        (
            "unit/core/test_hand_back.py::test_a_replica_set_with_the_template_of_no_pod_that_differs_gets_theirs_again",
            f"{MENDED}[thaw a Deployment whose ReplicaSet has the template that its Pods lack]",
        ),
    ),
    Defect(
        "thaw a Deployment whose ReplicaSet has another template than its Pods",
        DEPLOYMENT,
        "whole=True) if self.held(workload) else None",
        "whole=True) if False else None",
        (
            "unit/core/test_hand_back.py::test_where_no_pod_differs_the_replica_set_gets_the_template_before_the_thaw",
            f"{MENDED}[thaw a Deployment whose ReplicaSet has another template than its Pods]",
        ),
    ),
    Defect(
        "let the last Pods of a native rollout speak for the new ReplicaSet",
        DEPLOYMENT,
        "return revision != target.revision and not elsewhere and",
        "return revision != target.revision and",
        (
            "unit/core/test_hand_back.py::test_only_a_pod_of_that_replica_set_which_stays_and_is_known_speaks_for_another_template",
        ),
    ),
    Defect(
        "leave a template in the history twice",
        DEPLOYMENT,
        "            return history.without_twins(workload, owned, target)\n",
        "            return None\n",
        ("unit/core/test_hand_back.py::test_the_history_has_that_template_once",),
    ),
    Defect(
        "resume a Deployment without Pods whose history has a template twice",
        DEPLOYMENT,
        "        return resumed and (history.make_single(workload, owned) or resumed)\n",
        "        return resumed\n",
        (
            "unit/core/test_kinds.py::test_a_template_kept_for_a_change_that_had_no_pods_leaves_the_history_before_it_is_resumed",
        ),
    ),
    Defect(
        "hand over a Deployment whose ReplicaSet has the template that its Pods lack",
        "core/rollout/holds.py",
        "write = freeze.hand_back(snapshot) or snapshot.kind",
        "write = snapshot.kind",
        ("unit/core/test_hand_back.py::test_a_hand_over_gives_the_replica_set_its_template_back_first",),
    ),
    Defect(
        "take a Pod that is only drained for one that differs",
        "core/plan/opt_out.py",
        "not isinstance(pod.state, UpToDate) and not _is_only_drained(assessment, pod)",
        "not isinstance(pod.state, UpToDate)",
        ("unit/core/test_hand_back.py::test_a_pod_that_is_only_drained_and_has_what_is_asked_for_does_not_differ",),
    ),
    Defect(
        "keep quiet about what others have thawed",
        "core/plan/opt_out.py",
        "return not behind or (not snapshot.kind.held(snapshot.workload) and not is_in_flight(behind))",
        "return not behind",
        (
            "unit/core/test_hand_back.py::test_what_others_have_thawed_is_repaired_before_the_records_go_which_tell_what_pods_have",
        ),
    ),
    Defect(
        "forget what Pods have before it is handed back",
        "core/plan/opt_out.py",
        "wanted = cleanup(snapshot) if first is None else (first,)",
        "wanted = cleanup(snapshot) if first is None else (first, *on_pods(snapshot))",
        (
            "unit/core/test_hand_back.py::test_what_others_have_thawed_is_repaired_before_the_records_go_which_tell_what_pods_have",
        ),
    ),
    Defect(
        "hand back by what the cache shows no more",
        "core/plan/opt_out.py",
        "if any(child.metadata.uid in snapshot.pending for child in owned):",
        "if False:",
        ("unit/core/test_hand_back.py::test_nobody_can_tell_before_the_cache_shows_our_last_write_on_a_replica_set",),
    ),
    Defect(
        "leave new Pods without their gates",
        "cli/disable.py",
        "not opt_out.cleanup(snapshot) and not awaited:",
        "not opt_out.cleanup(snapshot):",
        ("commands/test_messages.py::test_disable_by_force_stays_until_the_new_pods_have_their_gates",),
    ),
    # --- without Pods
    Defect(
        "hold a Deployment without Pods",
        DEPLOYMENT,
        "if _has_no_pods(workload, owned) or (",
        "if (",
        ("unit/core/test_kinds.py::test_a_held_deployment_without_pods_is_resumed",),
    ),
    Defect(
        "hold a Deployment without a ReplicaSet",
        DEPLOYMENT,
        "or (workload.spec.paused and not owned.children):",
        "or False:",
        ("unit/core/test_kinds.py::test_a_held_deployment_without_pods_is_resumed",),
    ),
    Defect(
        "prepare a ReplicaSet of a Deployment that is scaled to 0",
        DEPLOYMENT,
        "if active is None or kind.replicas(workload) == 0:",
        "if active is None or _has_no_pods(workload, owned):",
        ("unit/core/test_kinds.py::test_scaled_to_0_nothing_is_prepared_while_the_last_pods_go",),
    ),
    Defect(
        "forget what was healthy when it was scaled to 0",
        DEPLOYMENT,
        "if child in with_pods or revision == back_to or revision in templates:",
        "if child in with_pods or revision in templates:",
        ("unit/core/test_kinds.py::test_what_was_healthy_is_known_while_it_is_rolled_back_and_a_replica_set_has_it",),
    ),
    Defect(
        "take new Pods of a native rollout for old ones",
        DEPLOYMENT,
        'return status.healthy if status is not None and failed else ""',
        'return status.healthy if status is not None else ""',
        ("unit/core/test_kinds.py::test_what_was_healthy_is_known_while_it_is_rolled_back_and_a_replica_set_has_it",),
    ),
    # --- the settings
    Defect(
        "take a reverted commit for an undo",
        UNDO,
        " or not _is_undone(workload.metadata):",
        ":",
        ("unit/core/test_kinds.py::test_settings_are_restored_only_after_what_nothing_but_an_undo_does",),
    ),
    Defect(
        "take a replaced Deployment for an undo",
        UNDO,
        " and meta.label(names.PHASE) is not None",
        "",
        ("unit/core/test_kinds.py::test_settings_are_restored_only_after_what_nothing_but_an_undo_does",),
    ),
    Defect(
        "look for an undo where kubectl refuses it",
        DEPLOYMENT,
        " or active is None or (workload.spec.paused and not freeze_policy):",
        " or active is None:",
        ("unit/core/test_kinds.py::test_settings_are_restored_only_after_what_nothing_but_an_undo_does",),
    ),
    Defect(
        "keep no settings where there are none now",
        UNDO,
        "never = not own and not any(_settings(child.metadata) for child in children)",
        "never = not own",
        (f"{MENDED}[keep no settings where there are none now]",),
    ),
    Defect(
        "look for the settings on the active ReplicaSet alone",
        UNDO,
        "for child in (active, *children) if",
        "for child in (active,) if",
        (f"{MENDED}[look for the settings on the active ReplicaSet alone]",),
    ),
    # --- whether policies are in force
    Defect(
        "leave a new Deployment unprotected until that is known",
        FREEZE,
        "if snapshot.freeze_policy is None and _was_left_resumed(snapshot.workload):",
        "if snapshot.freeze_policy is None:",
        ("unit/core/test_holds.py::test_a_new_deployment_is_frozen_before_it_is_known_whether_policies_freeze_it",),
    ),
    Defect(
        "pause every Deployment when a controller starts",
        FREEZE,
        "if snapshot.freeze_policy is None and _was_left_resumed(snapshot.workload):",
        "if False:",
        ("unit/core/test_holds.py::test_a_new_deployment_is_frozen_before_it_is_known_whether_policies_freeze_it",),
    ),
    Defect(
        "see no undo before that is known",
        FREEZE,
        "policies = (False, True) if",
        "policies = (False,) if",
        ("scenarios/test_interlock.py::test_settings_survive_an_undo_while_no_controller_runs",),
    ),
    Defect(
        "ask late about a namespace that was empty before",
        "controller/freeze_probe.py",
        "        if scope not in self._subjects:  # or",
        "        if False:  # or",
        (
            "scenarios/test_interlock.py::test_the_first_deployment_of_a_namespace_stands_resumed_as_soon_as_the_policies_are_known",
        ),
    ),
)
