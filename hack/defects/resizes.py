"""What is done wrong with cpu and memory."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

SIZES: Final = "core/template/sizes.py"
RESIZES: Final = "core/pod/resizes.py"
UNIT: Final = "unit/core/test_sizes.py"
RESIZED: Final = "unit/core/test_resizes.py"
SCENARIOS: Final = "scenarios/test_resize.py"
WHOLE: Final = "scenarios/test_resize_whole.py"
FOLLOW: Final = "test_the_requests_of_the_whole_follow_those_of_its_containers_where_it_has_limits_alone"
RESTARTED: Final = "test_a_container_that_would_restart_for_the_limit_of_the_whole_is_a_refusal"
IN_FORCE: Final = "test_the_whole_is_in_force_by_what_is_set_aside_and_the_limits_of_its_cgroup"
RECORD: Final = "unit/core/test_record.py::test_a_resize_of_more_containers_than_a_record_has_room_for_is_refused"

DEFECTS: Final = (
    Defect(
        "wait for the kubelet to observe a size that the API server has refused",
        "core/pod/attempt.py",
        "generation=_next(pod, len(change.calm_sizes) > 0)",
        "generation=_next(pod, 1)",
        (
            f"{RESIZED}::test_a_rollback_of_a_refused_size_waits_for_no_generation",
            f"{RESIZED}::test_a_pod_that_has_its_size_turns_to_another_target_without_a_wait",
        ),
    ),
    Defect(
        "restart nothing for a size, whatever its policy",
        SIZES,
        "bool(touched & _restarted_for(container))",
        "False",
        (f"{UNIT}::test_a_container_restarts_for_its_size_only_where_its_policy_says_so",),
    ),
    Defect(
        "restart a container that serves for the limit of its Pod as a whole",
        SIZES,
        'name not in of(before[container])["limits"]',
        "False",
        (f"{UNIT}::test_refused_with_its_path", f"{WHOLE}::{RESTARTED}"),
    ),
    Defect(
        "set the Pod as a whole before a drain, and the containers that it has to fit after it",
        SIZES,
        "    if restarted:\n",
        "    if False:\n",
        (f"{UNIT}::test_refused_with_its_path",),
    ),
    Defect(
        "leave the requests of the Pod as a whole behind those of its containers",
        SIZES,
        "{**limits, **_together(template), **requests}",
        "{**limits, **requests}",
        (f"{UNIT}::test_the_whole_requests_what_the_server_would_fill_in", f"{WHOLE}::{FOLLOW}"),
    ),
    Defect(
        "wait for a memory limit that no cgroup can have",
        RESIZES,
        "0 <= wanted - found < _PAGE",
        "wanted == found",
        (f"{RESIZED}::{IN_FORCE}", f"{WHOLE}::test_the_whole_goes_up_and_down_without_a_restart_or_a_drain"),
    ),
    Defect(
        "take the Pod as a whole for resized whatever its cgroup has",
        RESIZES,
        "return aside and all(_is_limit(",
        "return aside or all(_is_limit(",
        (f"{RESIZED}::{IN_FORCE}",),
    ),
    Defect(
        "take a server that drops the size of the Pod as a whole for one that sets it",
        "core/rollout/dry_runs.py",
        "return resize_refusal(stored.name, {WHOLE",
        "return None and resize_refusal(stored.name, {WHOLE",
        (f"{RESIZED}::test_a_server_that_leaves_the_whole_out_is_a_refusal",),
    ),
    Defect(
        "let a Pod change its QoS class",
        SIZES,
        "if before != after:",
        "if False:",
        (f"{UNIT}::test_refused_with_its_path",),
    ),
    Defect(
        "fight an autoscaler for the size of a container",
        SIZES,
        "if ours and changes:",
        "if changes:",
        (f"{UNIT}::test_only_an_amount_of_a_template_is_changed",),
    ),
    Defect(
        "wait for a size that the kubelet has refused for good",
        RESIZES,
        "pending.reason != INFEASIBLE:",
        "True:",
        (f"{SCENARIOS}::test_a_size_that_is_infeasible_is_taken_back_at_once",),
    ),
    Defect(
        "take a size for set while the kubelet has no room for it",
        RESIZES,
        "for type_ in (PENDING, IN_PROGRESS):",
        "for type_ in ():",
        ("unit/core/test_resizes.py::test_a_size_is_in_force_when_nothing_is_pending_and_the_status_has_it",),
    ),
    Defect(
        "take a Pod for one of another template although its size tells",
        "core/kinds/matching.py",
        ", -_wrong_amounts(pod, t)",
        "",
        ("unit/core/test_kinds.py::test_what_a_pod_was_made_from_is_told_by_its_size_where_its_metadata_does_not",),
    ),
    Defect(
        "wait for the size of a container that was never there",
        RESIZES,
        "if not status.container_id:",
        "if False:",
        ("unit/core/test_resizes.py::test_a_container_that_was_never_there_has_no_size_to_wait_for",),
    ),
    Defect(
        "drain a Pod that was resized under the budget of before",
        "core/pod/sizing.py",
        "    if change.disrupts:  # the budget may be another than when the resize began\n",
        "    if False:\n",
        (f"{RESIZED}::test_a_pod_asks_again_before_the_drain_that_follows_its_size",),
    ),
    Defect(
        "turn a Pod that is resized to another target without a place in the budget",
        "core/pod/sizing.py",
        "return Pending(attempt.redirect_resize(pod, record, change, context), broken=broken(pod))",
        'return InProgress(_waiting(""), attempt.redirect_resize(pod, record, change, context))',
        (f"{RESIZED}::test_a_pod_that_has_its_size_turns_to_another_target_without_a_wait",),
    ),
    Defect(
        "resize more containers than a record has room for",
        "core/state/records.py",
        "_BASELINE * len(images) + resized",
        "_BASELINE * len(images)",
        (f"{RECORD}[]",),
    ),
    Defect(
        "keep no room for the evidence of a container that restarts for its size",
        "core/template/diff.py",
        "for name, change in resizes.items() if change.restarts}, **images}",
        "for name, change in resizes.items() if False}, **images}",
        (f"{RECORD}[RestartContainer]",),
    ),
    Defect(
        "say of a resize that Pods cannot be patched",
        "cli/plan.py",
        "'pods/resize' if dry_run.sizes else 'pods'",
        "'pods'",
        ("commands/test_sizes.py::test_plan_without_the_right_to_resize_pods",),
    ),
    Defect(
        "ask by a patch of the Pod whether its size would be taken",
        "core/actions/patches.py",
        'return _pod(pod, "resize", resize_ops.of(pod, sizes))',
        'return _pod(pod, "", resize_ops.of(pod, sizes))',
        ("commands/test_sizes.py::test_plan_says_that_a_size_restarts_nothing_and_asks_the_server_for_it",),
    ),
    Defect(
        "set the size of a container by a patch of the Pod itself",
        "core/actions/patches.py",
        'return _pod(pod, "resize", _same_record(pod), resize_ops.of(pod, sizes))',
        'return _pod(pod, "", _same_record(pod), resize_ops.of(pod, sizes))',
        ("faults/test_rights.py::test_every_right_is_used_and_no_other_is_asked_for",),
    ),
    Defect(
        "fail a Pod whose size is deferred because its workload is opted out",
        "core/pod/sizing.py",
        "        return _ending(pod, record, change, context)\n",
        "        return attempt.fail(pod, record, _waiting('opted out'))\n",
        (
            "unit/core/test_resizes.py::test_who_opts_out_lets_a_size_that_is_set_come_into_force",
            "scenarios/test_resize.py::test_who_opts_out_while_a_size_is_deferred_has_no_failed_pod",
        ),
    ),
)
