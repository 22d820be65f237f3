"""What is done wrong with one Pod: its states, its evidence, its failures, the patches."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

LIFECYCLE: Final = "core/pod/lifecycle.py"
DRAINING: Final = "core/pod/draining.py"
ATTEMPT: Final = "core/pod/attempt.py"
EVIDENCE: Final = "core/pod/evidence.py"
PATCHES: Final = "core/actions/patches.py"
RECORDS: Final = "core/state/records.py"
AVAILABILITY: Final = "core/pod/availability.py"
FAILURES: Final = "core/pod/failures.py"

DEFECTS: Final = (
    Defect(
        "skip the drain",
        ATTEMPT,
        "if drains(pod, context.settings, change.restarts):",
        "if False:",
        ("unit/core/test_pod.py::test_a_pod_behind_its_target_is_drained_through_its_gate",),
    ),
    Defect(
        "judge by what was known before an outage",
        "core/pod/states.py",
        "deadline if self.no_verdict_before is None else max(deadline, self.no_verdict_before)",
        "deadline",
        ("unit/core/test_pod.py::test_no_deadline_is_over_before_it_can_be_known_whether_it_was_met",),
    ),
    Defect(
        "judge at once what was not looked at for a while",
        "controller/app.py",
        "timedelta(seconds=left) if left > 0 else None",
        "timedelta(seconds=left) if left > 1e9 else None",
        ("faults/test_outages.py",),
    ),
    Defect(
        "skip the grace period",
        DRAINING,
        "    if context.now >= over:\n        return None",
        "    if True:\n        return None",
        ("unit/core/test_pod.py::test_the_grace_period_runs_from_observed_unready",),
    ),
    Defect(
        "swap while an endpoint serves",
        DRAINING,
        "latest = context.observation.unready_at + ENDPOINTS",
        "latest = context.observation.unready_at",
        ("unit/core/test_pod.py::test_an_endpoint_that_serves_is_waited_for_but_not_for_ever",),
    ),
    Defect(
        "call endpoints slow at once",
        DRAINING,
        "if context.observation.out_at is None and context.now < latest:",
        "if False:",
        ("unit/core/test_pod.py::test_an_endpoint_that_serves_is_waited_for_but_not_for_ever",),
    ),
    Defect(
        "turn a Pod that is drained to an image that is not there",
        LIFECYCLE,
        "return context.images.reason if context.images is not None and record.target != context.target else None",
        "return None",
        ("unit/core/test_pod.py::test_a_drained_pod_does_not_turn_to_an_image_that_is_not_there",),
    ),
    Defect(
        "wait without an end for an image that does not come",
        LIFECYCLE,
        "if context.images is not None and context.images.failed and waits_for is not None:",
        "if False:",
        ("unit/core/test_prepull.py::test_what_a_pull_that_does_not_succeed_means",),
    ),
    Defect(
        "call a crash after the upgrade no failure",
        LIFECYCLE,
        "crashed = failures.crash_loop(pod, last, context.now)",
        "crashed = None",
        (
            "unit/core/test_pod.py::test_an_upgraded_pod_that_crashes_has_failed_and_its_next_attempt_has_exits_of_its_own",
        ),
    ),
    Defect(
        "leave a Pod failed that has recovered",
        LIFECYCLE,
        "return Failed(reason, attempt.recover(pod, proven, context))",
        "return Failed(reason)",
        ("unit/core/test_pod.py::test_a_failed_pod_that_recovers_by_itself_is_done",),
    ),
    Defect(
        "fight over an image",
        LIFECYCLE,
        "if context.change.swaps and not batches.is_planned(record, context.change):",
        "if False:",
        ("unit/core/test_pod.py::test_somebody_elses_image_fails_it",),
    ),
    Defect(
        "forget that an earlier patch was not confirmed",
        ATTEMPT,
        "unsettled=before is not None and not before.evidence",
        "unsettled=False",
        ("unit/core/test_pod.py::test_a_new_template_redirects_it_with_a_new_attempt_and_deadline",),
    ),
    Defect(
        "count the crashes of the attempt before",
        ATTEMPT,
        "max(baseline.restarts, counted)",
        "baseline.restarts",
        (
            "unit/core/test_pod.py::test_an_upgraded_pod_that_crashes_has_failed_and_its_next_attempt_has_exits_of_its_own",
        ),
    ),
    # --- evidence and failures
    Defect(
        "accept an unchanged containerID",
        EVIDENCE,
        "    if status.container_id == baseline.id:\n",
        "    if False:\n",
        ("unit/core/test_evidence.py::test_the_old_container_is_never_assumed",),
    ),
    Defect(
        "do not wait for the kubelet's generation",
        EVIDENCE,
        "    if tracked and pod.status.observed_generation < record.generation:\n",
        "    if False:\n",
        ("unit/core/test_evidence.py::test_what_is_not_enough",),
    ),
    Defect(
        "let a list that is cut off speak against a swap",
        EVIDENCE,
        "    return None if not running or any(len(names) >= LISTED_NAMES for names in running) else False\n",
        "    return False\n",
        ("unit/core/test_evidence.py::test_a_list_that_is_cut_off_does_not_keep_a_steady_container_from_counting",),
    ),
    Defect(
        "do not believe the name that the runtime reports",
        EVIDENCE,
        "    if images.same(status.image, wanted):\n        return True\n    if node",
        "    if node",
        ("unit/core/test_evidence.py::test_a_name_that_the_runtime_reports_is_as_good_as_one_that_the_node_lists",),
    ),
    Defect(
        "count the time of a Pod without a node as its own",
        "core/pod/eligibility.py",
        "return min(bound_at or pod.metadata.created_at or now, now)",
        "return pod.metadata.created_at or now",
        (
            "unit/core/test_pod.py::test_a_pod_that_waited_for_a_node_is_judged_from_when_it_had_one",
            "unit/core/test_pod.py::test_a_new_pod_is_not_patched_while_its_container_may_be_starting",
        ),
    ),
    Defect(
        "blame a Pod whose kubelet has not answered the opened gate yet",
        "core/pod/lifecycle.py",
        "return max(last.deadline, opened_at + evidence.KUBELET_SYNC) if opened_at is not None else last.deadline",
        "return last.deadline",
        ("unit/core/test_pod.py::test_a_kubelet_may_answer_the_gate_that_was_opened_at_the_deadline",),
    ),
    Defect(
        "patch a container while it may be starting",
        "core/pod/lifecycle.py",
        "    if start is not None:\n",
        "    if False:\n",
        (
            "unit/core/test_pod.py::test_a_new_pod_is_not_patched_while_its_container_may_be_starting",
            "faults/test_late_kubelets.py::test_a_pod_that_was_only_just_made_is_upgraded_when_its_container_is_known",
        ),
    ),
    Defect(
        "believe the digest of an old kubelet's container",
        EVIDENCE,
        "told_apart = tracked or wanted != images.digest_of(baseline.image_id)",
        "told_apart = True",
        ("unit/core/test_evidence.py::test_an_old_kubelet_needs_more_than_a_digest_that_both_have",),
    ),
    Defect(
        "forget the deadline",
        LIFECYCLE,
        "    if context.now >= deadline:\n",
        "    if False:\n",
        ("unit/core/test_pod.py::test_what_may_pass_by_itself_only_waits_and_names_the_failure_at_the_deadline",),
    ),
    # --- patches
    Defect(
        "write the label before the swap",
        PATCHES,
        "labels.update(last)",
        "labels.update({names.REVISION_LABEL: record.target})",
        ("unit/core/test_patch.py::test_swap_patches_images_metadata_and_the_record",),
    ),
    Defect(
        "leave the gate of a failed Pod closed",
        PATCHES,
        'gate = _gate(pod, now, "UpgradeFailed", opened=True)',
        'gate = _gate(pod, now, "UpgradeFailed", opened=False)',
        ("unit/core/test_patch.py::test_fail_opens_the_gate",),
    ),
    Defect(
        "do not test the record",
        PATCHES,
        "test = [] if current is None else",
        "test = [] if True else",
        ("unit/core/test_patch.py::test_a_record_written_meanwhile_is_not_overwritten",),
    ),
    Defect(
        "believe a record of another workload",
        RECORDS,
        "return None if isinstance(record, Record) and record.workload != workload else record",
        "return record",
        ("unit/core/test_pod.py::test_a_record_of_another_workload_is_none",),
    ),
    Defect(
        "judge a Pod that has served by what it lacks later",
        AVAILABILITY,
        "if lost_at is None or lost_at >= record.deadline:\n        return lost_at is not None",
        "if True:\n        return False",
        (
            "unit/core/test_pod.py::test_a_pod_that_has_served_since_its_upgrade_does_not_fail_any_more",
            "faults/test_late_verdicts.py",
        ),
    ),
    Defect(
        "judge a Pod that has served since it was created by what it lacks later",
        LIFECYCLE,
        "if has_served_since_birth(pod, context):",
        "if False:",
        ("unit/core/test_pod.py::test_a_pod_that_was_created_at_the_target_is_judged_by_its_deadline_too",),
    ),
    Defect(
        "call a created Pod that has never been Ready one that has served",
        AVAILABILITY,
        "return len(known) == len(statuses) > 0 and lost_at - max(known) > minimum",
        "return len(known) == len(statuses) > 0",
        ("unit/core/test_pod.py::test_a_pod_that_was_created_at_the_target_is_judged_by_its_deadline_too",),
    ),
    Defect(
        "call a Pod that has never been Ready since one that has served",
        AVAILABILITY,
        "if lost_at == record.ready_changed_at or",
        "if",
        ("unit/core/test_pod.py::test_a_pod_that_has_not_served_since_its_upgrade_fails_at_the_deadline",),
    ),
    Defect(
        "call a pull that failed a crash loop",
        FAILURES,
        'if waiting.reason == "CrashLoopBackOff" and exits(status, baseline) <= 0:',
        "if False:",
        ("unit/core/test_pod.py::test_the_pause_after_the_old_container_ended_is_no_crash_loop_of_the_new_one",),
    ),
    Defect(
        "fail a Pod whose old container stops as it was asked to",
        ATTEMPT,
        "deadline=record.deadline + pod.grace",
        "deadline=record.deadline",
        ("unit/core/test_pod.py::test_the_deadline_counts_from_the_end_of_the_old_container",),
    ),
    Defect(
        "wait for the whole grace period of a container that has stopped",
        FAILURES,
        "return min(record.deadline, max(record.deadline - grace, max(known) + patience))",
        "return record.deadline",
        ("unit/core/test_pod.py::test_the_deadline_counts_from_the_end_of_the_old_container",),
    ),
    Defect(
        "know a pause between two pulls by one of its names",
        "core/pod/observation.py",
        "entered = paused or (backoff and before.waiting != waiting)",
        "entered = backoff and before.waiting != waiting",
        ("unit/core/test_pod.py::test_two_pauses_after_failed_pulls_are_a_verdict_whatever_they_are_called",),
    ),
    Defect(
        "count exits for ever",
        FAILURES,
        "reason = _crash(status, baseline) if latest <= record.deadline else None",
        "reason = _crash(status, baseline)",
        ("unit/core/test_pod.py::test_only_exits_by_the_deadline_are_a_crash_loop",),
    ),
    Defect(
        "blame the image for a node that was lost after the swap",
        LIFECYCLE,
        "        return failures.lost(unheard)\n",
        "        pass\n",
        ("unit/core/test_pod.py::test_a_pod_that_has_not_served_since_its_upgrade_fails_at_the_deadline",),
    ),
    Defect(
        "do not test the Pod's uid",
        PATCHES,
        'uid = _test("/metadata/uid", pod.uid)',
        'uid = _test("/metadata/name", pod.name)',
        ("unit/core/test_patch.py::test_a_swap_does_not_apply_to",),
    ),
    Defect(
        "do not test the version of a budget",
        PATCHES,
        '_test("/metadata/resourceVersion", meta.resource_version),\n        _add("/status/disruptedPods", entries)',
        '_add("/status/disruptedPods", entries)',
        ("unit/core/test_reserve.py::test_the_write_tests_the_version_that_was_read",),
    ),
    Defect(
        "call a Pod failed that a lost command has only drained",
        LIFECYCLE,
        "if record.phase is PodPhase.DRAINING:  # nothing has been done to its containers",
        "if False:",
        (
            "unit/core/test_pod.py::test_a_command_that_has_not_ended_by_its_deadline_is_cleaned_up_after",
            "unit/core/test_sidecars.py::test_a_controller_leaves_it_alone_until_the_deadline[Draining]",
        ),
    ),
    Defect(
        "roll a good image back because a laptop was closed",
        "core/rollout/verdicts.py",
        "(ReasonCode.NodeLost, ReasonCode.CommandLost)",
        "(ReasonCode.NodeLost,)",
        ("unit/core/test_workload.py::test_a_lost_node_or_laptop_does_not_speak_against_the_image[CommandLost-False]",),
    ),
)
