"""What is done wrong with pull Pods: their slots, their shape, what keeps them away."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

PREPULL: Final = "core/rollout/prepull.py"
PULL_PODS: Final = "core/rollout/pull_pods.py"
MEMORY: Final = "cluster/memory.py"
UNIT: Final = "unit/core/test_prepull.py::"
MEMORIES: Final = "unit/cluster/test_memory.py::"
ADMISSION: Final = "faults/test_pull_pod_admission.py::"
SCENARIOS: Final = "scenarios/test_pull_pods.py::"

DEFECTS: Final = (
    Defect(
        "tell a failed pull anew with each pause of the kubelet",
        "core/objects/waiting.py",
        "if failed in FAILED_PULL and how:",
        "if False:",
        (
            "unit/core/test_waiting.py::test_a_pause_between_two_pulls_is_told_as_what_failed",
            "scenarios/test_prepull.py::test_a_missing_image_is_told_once_however_often_its_pull_is_tried",
        ),
    ),
    # --- slots
    Defect(
        "keep the slot of an image that cannot be pulled",
        PULL_PODS,
        "not is_pulled(helper) and not has_failed(helper, now)",
        "not is_pulled(helper)",
        ("faults/test_pull_slots.py::test_images_that_do_not_exist_keep_nobody_elses_from_being_pulled",),
    ),
    Defect(
        "keep the slot of a pull that hangs",
        PULL_PODS,
        "return recent and not ended",
        "return not ended",
        (UNIT + "test_a_helper_with_a_verdict_takes_nobodys_slot",),
    ),
    Defect(
        "take a create error of CRI-O for a pull",
        PULL_PODS,
        "return bool(image_id(helper)) or (waiting is not None and waiting.reason in failures.CREATE)",
        "return bool(image_id(helper))",
        (UNIT + "test_a_helper_with_a_verdict_takes_nobodys_slot",),
    ),
    Defect(
        "count a pull only when it is seen",
        MEMORY,
        "return request.sent and now < request.again",
        "return False",
        (MEMORIES + "test_a_pull_takes_its_slot_from_when_it_is_asked_for",),
    ),
    Defect(
        "wait for a slot until somebody else wakes it",
        PREPULL,
        "until=now + _SLOT_AGAIN",
        "until=None",
        (UNIT + "test_no_more_are_made_than_there_is_room_for",),
    ),
    # --- what was refused
    Defect(
        "forget a refusal when it is asked for again",
        MEMORY,
        '(before.since, before.refused) if before is not None else (now, "")',
        '(before.since, "") if before is not None else (now, "")',
        (MEMORIES + "test_a_refusal_stands_until_the_pull_pod_is_accepted_and_its_time_begins_then",),
    ),
    Defect(
        "count a refused pull as late once it is accepted",
        MEMORY,
        "since = now if before.refused and not refused else before.since",
        "since = before.since",
        (MEMORIES + "test_a_refusal_stands_until_the_pull_pod_is_accepted_and_its_time_begins_then",),
    ),
    Defect(
        "never forget when a pull was first asked for",
        MEMORY,
        "for name in pulled | gone:",
        "for name in pulled:",
        (MEMORIES + "test_a_pull_that_was_not_needed_for_a_while_begins_anew",),
    ),
    Defect(
        "a retry is the same pull Pod",
        PULL_PODS,
        "*([retry] if retry else [])",
        "*[]",
        (UNIT + "test_a_retry_is_another_helper",),
    ),
    Defect(
        "do not say in whose words no pull Pod can be made",
        PREPULL,
        "found = [*failed, next(impossible, None)]",
        "found = failed",
        (UNIT + "test_the_words_of_a_refusal_are_among_the_reasons",),
    ),
    Defect(
        "ask for no more than was refused",
        PREPULL,
        'refused = requests[name].refused if name in requests else ""',
        'refused = ""',
        (ADMISSION + "test_a_minimum_of_a_limit_range_is_met",),
    ),
    # --- whose it is
    Defect(
        "a pull Pod without a controller",
        PULL_PODS,
        'else {**owner, "controller": True}',
        "else owner",
        (SCENARIOS + "test_a_pull_pod_goes_with_the_pod_that_it_serves",),
    ),
    Defect(
        "a controller that budgets count",
        PULL_PODS,
        "return any(selectors.matches(budget.spec.selector, _LABELS) for budget in budgets)",
        "return False",
        (SCENARIOS + "test_a_budget_over_every_pod_of_the_namespace_is_counted_as_before",),
    ),
    Defect(
        "leave a pull Pod in the way of a new budget",
        PREPULL,
        " or pull_pods.is_in_the_way(pod, snapshot.budgets)",
        "",
        (SCENARIOS + "test_a_pull_pod_is_in_nobodys_way_when_a_budget_comes_later",),
    ),
    # --- where it is
    Defect(
        "leave the network's agent as it is",
        "core/objects/nodes.py",
        "self.ready or (self.lacks_only_network and pod.spec.host_network)",
        "self.ready",
        ("faults/test_networks.py::test_the_agent_whose_image_mends_the_network_is_upgraded_on_a_node_without_one",),
    ),
    Defect(
        "begin on a node that is being removed",
        "core/pod/eligibility.py",
        "if context.node is None or not context.node.is_leaving:",
        "if True:",
        (UNIT + "test_a_node_that_an_autoscaler_removes_is_left_alone",),
    ),
    # --- what holds it up
    Defect(
        "blame the first sidecar",
        PULL_PODS,
        " or (status.name in sidecars and status.ready)",
        "",
        (UNIT + "test_a_sidecar_that_runs_holds_nothing_up",),
    ),
    Defect(
        "do not name what holds a pull Pod up",
        PREPULL,
        'tail = f": {held_up}" if held_up else ""',
        'tail = ""',
        (UNIT + "test_the_container_that_holds_a_helper_up_is_named",),
    ),
)
