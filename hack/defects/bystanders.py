"""What is done wrong with what others own: live metadata and drift, gates at rest, Pods without a workload."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

DIFF: Final = "core/template/diff.py"
GATES: Final = "core/plan/readiness_gates.py"

DEFECTS: Final = (
    Defect(
        "put back the metadata that others have changed",
        DIFF,
        "    own = {key: value for key, value in (live or {}).items() if key in changed}\n"
        "    return _edits(own, {key: value for key, value in target.items() if key in changed})\n",
        "    own = {key: value for key, value in (live or {}).items() if key in changed or key in target}\n"
        "    return _edits(own, target)\n",
        (
            "unit/core/test_change.py::test_metadata_that_no_template_changes_is_left_alone_and_noted",
            "scenarios/test_drift.py::test_live_metadata_that_no_template_changes_is_left_alone",
        ),
    ),
    Defect(
        "forget the metadata that a failed attempt has written",
        "core/pod/attempt.py",
        "    return tuple(dict.fromkeys(last.attempted))\n",
        "    return ()\n",
        ("scenarios/test_drift.py::test_metadata_that_a_failed_attempt_has_written_is_taken_back",),
    ),
    # --- gates at rest
    Defect(
        "leave a gate closed that no attempt keeps closed",
        GATES,
        "    if not closed(pod) or kept or",
        "    if True or",
        (
            "unit/core/test_readiness_gates.py::test_a_gate_is_closed_by_an_attempt_in_flight_or_not_at_all",
            "scenarios/test_gate.py::test_a_gate_that_is_closed_without_a_record_is_opened",
        ),
    ),
    Defect(
        "open the gate of a Pod in flight",
        GATES,
        "    kept = isinstance(record, Record) and record.in_flight\n",
        "    kept = False\n",
        ("unit/core/test_readiness_gates.py::test_a_gate_is_closed_by_an_attempt_in_flight_or_not_at_all",),
    ),
    Defect(
        "open a gate again and again without a pause",
        GATES,
        "    return since + CLOSED if since is not None and since <= now else now\n",
        "    return now\n",
        ("unit/core/test_readiness_gates.py::test_whoever_closes_a_gate_again_and_again_is_not_answered_at_once",),
    ),
    Defect(
        "take a retry for answered while a gate is closed",
        "core/plan/status.py",
        "    if readiness_gates.answers_retry(snapshot):\n",
        "    if True:\n",
        ("unit/core/test_readiness_gates.py::test_a_retry_is_answered_when_the_gate_is_open",),
    ),
    Defect(
        "call a Pod behind for a record that nobody can read",
        "core/pod/lifecycle.py",
        "        case Unreadable() as bad if closed(pod) and not context.is_opting_out:\n",
        "        case Unreadable() as bad if closed(pod):\n",
        ("unit/core/test_plan.py::test_a_pod_with_an_unreadable_record_does_not_keep_a_workload_from_opting_out",),
    ),
    # --- Pods that are not what their workload makes
    Defect(
        "keep Pods below a raised start by a partition",
        "core/kinds/statefulset.py",
        "            if not 0 <= index < desired:\n",
        "            if index >= desired:\n",
        ("unit/core/test_kinds.py::test_ordinals_below_a_raised_start_are_being_scaled_away",),
    ),
    Defect(
        "wait for a revision of another workload",
        "controller/reconciler.py",
        "        return owner is not None and (owner.kind, owner.name, owner.uid) == itself\n",
        "        return True\n",
        ("scenarios/test_drift.py::test_a_label_that_names_another_workloads_revision_does_not_blind_the_controller",),
    ),
    # --- opting out
    Defect(
        "leave requests behind",
        "core/kinds/freezing.py",
        "    annotations += [key for key in names.REQUESTS",
        "    annotations += [key for key in ()",
        ("scenarios/test_opting.py::test_requests_go_with_the_label",),
    ),
    Defect(
        "leave requests behind on ReplicaSets",
        "core/kinds/deployment.py",
        "*(() if asked else names.REQUESTS)",
        "*()",
        ("scenarios/test_opting.py::test_requests_go_with_the_label",),
    ),
    Defect(
        "wait for a Pod that no native rollout would replace",
        "core/plan/opt_out.py",
        "        if unknown and snapshot.kind.fall_back(snapshot.workload) is None:\n",
        "        if False:\n",
        (
            "unit/core/test_plan.py::test_a_pod_of_an_unknown_revision_is_not_waited_for_where_no_native_rollout_would_replace_it",
        ),
    ),
    Defect(
        "leave a Pod for ever with what a failed attempt left, because somebody has emptied its record",
        "core/plan/opt_out.py",
        "if record is None or not wrong_images(pod, target):",
        "if True:",
        (
            "unit/core/test_workload.py::test_a_pod_is_let_go_of_as_one_of_the_revision_whose_images_it_has_though_somebody_has_emptied_its_record",
        ),
    ),
    Defect(
        "wait in silence for Pods that have come to differ",
        "cli/disable.py",
        " or now > moved + REVISION_SECONDS:",
        ":",
        ("commands/test_messages.py::test_disable_of_pods_that_come_to_differ_meanwhile",),
    ),
    # --- drift
    Defect(
        "do not report an image that somebody has put on a Pod by hand",
        DIFF,
        "notes=notes, drift=drift, restart",
        "notes=notes, restart",
        (
            "unit/core/test_pod.py::test_drift_is_reported",
            "scenarios/test_drift.py::test_a_pod_with_an_image_put_there_by_hand_is_reported_and_stops_nothing",
        ),
    ),
    Defect(
        "tell drift that is not stored again and again",
        "core/plan/events.py",
        "for reason in statuses.kept(after.reasons)",
        "for reason in after.reasons",
        ("unit/core/test_pod.py::test_drift_beyond_what_is_stored_is_not_told_again_and_again",),
    ),
    Defect(
        "keep drift from whoever asks about a Pod",
        "core/plan/status.py",
        "    return why or next(iter(pod.drift), None)\n",
        "    return why\n",
        ("commands/test_truth.py::test_an_image_that_somebody_has_put_on_a_pod_by_hand",),
    ),
    Defect(
        "take a Pod of a ReplicaSet for one of the template that is known",
        "core/kinds/replicaset.py",
        "return found if status is not None and status.healthy == found else",
        "return found if True else",
        ("unit/core/test_kinds.py::test_a_replica_sets_pod_that_fits_no_template_may_be_older_than_any",),
    ),
    # --- what a forecast says
    Defect(
        "list Pods in another order than they are admitted",
        "core/views/forecast.py",
        "        yield next(admitted) if is_candidate else pod\n",
        "        yield pod\n",
        ("unit/core/test_plan.py::test_a_forecast_lists_pods_in_the_order_in_which_they_are_admitted",),
    ),
    Defect(
        "say that every Pod is there where Pods are missing",
        "cli/plan.py",
        "if there == len(planned.pods) and not planned.missing:",
        "if there == len(planned.pods):",
        ("unit/core/test_plan.py::test_pods_that_are_missing_are_told_and_nothing_to_do_in_place",),
    ),
    Defect(
        "label the phase when nothing else is to be written",
        "core/plan/plan.py",
        "    wanted = (each for each in (write, label) if each is not None)\n",
        "    wanted = (each for each in (write or label,) if each is not None)\n",
        ("unit/core/test_plan.py::test_the_phase_is_labelled_while_there_is_more_to_write",),
    ),
    Defect(
        "say of a workload that waits to be opted out that it is not opted in",
        "cli/status.py",
        "    if not _is_ours(workload):\n        require_opted_in(workload, ref)\n",
        "    require_opted_in(workload, ref)\n",
        ("commands/test_truth.py::test_a_pod_of_a_workload_that_waits_to_be_opted_out",),
    ),
    # --- the gate of Pods that run already
    Defect(
        "freeze before every Pod has its gate",
        "cli/enable.py",
        "        if not wait:\n",
        "        if True:\n",
        ("commands/test_enabling.py::test_the_gate_comes_by_one_native_rollout_and_what_follows_is_in_place",),
    ),
    Defect(
        "change a template for a gate that no Pod gets",
        "cli/enable.py",
        "        if not rolls:\n",
        "        if False:\n",
        ("commands/test_enabling.py::test_where_no_rollout_would_replace_the_pods_it_says_so",),
    ),
    # --- Pods that nobody owns
    Defect(
        "leave a Pod drained whose workload is gone",
        "controller/handlers.py",
        "        if new is not None and orphans.concerns(new):\n",
        "        if False and new is not None:\n",
        (
            "scenarios/test_orphans.py::test_the_gate_of_a_drained_pod_is_opened_by_its_deadline_although_its_workload_is_gone",
            "scenarios/test_orphans.py::test_a_pull_pod_that_nobody_owns_any_more_goes",
        ),
    ),
    Defect(
        "touch a Pod that has another owner",
        "core/plan/orphans.py",
        "    return not meta.owner_references and any(",
        "    return any(",
        ("unit/core/test_orphans.py::test_nobody_elses_pod_is_touched",),
    ),
    Defect(
        "take back at once what another workload may go on with",
        "core/plan/orphans.py",
        "    if now < record.deadline:\n",
        "    if False:\n",
        ("unit/core/test_orphans.py::test_a_drained_pod_is_put_back_at_its_deadline_and_not_before",),
    ),
)
