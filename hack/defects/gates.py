"""What is done wrong with conditions that somebody else sets."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

GATES: Final = "core/pod/gates.py"
LIFECYCLE: Final = "core/pod/lifecycle.py"
UNIT: Final = "unit/core/test_gates.py"

DEFECTS: Final = (
    Defect(
        "drain whom somebody else keeps",
        LIFECYCLE,
        "gate = gates.at_rest(pod, context.change, context.settings)",
        "gate = None",
        (f"{UNIT}::test_a_pod_at_rest_waits_for_its_condition_and_says_since_when",),
    ),
    Defect(
        "drain after a resize whom somebody else keeps by now",
        "core/pod/sizing.py",
        "(held or gates.at_rest(pod, change, context.settings)) if change.disrupts else None",
        "held if change.disrupts else None",
        ("unit/core/test_resizes.py::test_before_the_drain_that_follows_its_condition_is_asked_again",),
    ),
    Defect(
        "swap whom somebody else keeps",
        GATES,
        "_first(pod, settings, (GateStep.BEFORE_SWAP,)) if _is_at_work(pod, change) else None",
        "None",
        (f"{UNIT}::test_a_drained_pod_waits_for_its_condition",),
    ),
    Defect(
        "swap at once who is not drained, whatever is to be waited for",
        GATES,
        "(GateStep.BEFORE_DRAIN,) if drained else",
        "(GateStep.BEFORE_DRAIN,) if True else",
        (f"{UNIT}::test_without_a_readiness_gate_the_swap_is_what_it_waits_for_at_rest",),
    ),
    Defect(
        "serve before somebody else says so",
        LIFECYCLE,
        "gate = gates.before_ready(pod, context.settings)",
        "gate = None",
        (f"{UNIT}::test_the_gate_stays_closed_until_the_condition_is_true",),
    ),
    Defect(
        "wait for a container that does not run to be idle",
        GATES,
        "return any(status is not None and status.state.running is not None for status in statuses)",
        "return True",
        (f"{UNIT}::test_a_container_that_does_not_run_is_not_waited_for",),
    ),
    Defect(
        "never degrade for a condition that nobody sets",
        "core/rollout/blocked.py",
        "        *gates.AT_REST,\n",
        "",
        (f"{UNIT}::test_a_wait_beyond_the_deadline_degrades_and_goes_on",),
    ),
    Defect(
        "start the others of a Recreate while one waits for its condition",
        "core/rollout/admit.py",
        "pod.state.reason.code in gates.AT_REST",
        "False",
        (f"{UNIT}::test_of_recreate_none_begins_before_all_may",),
    ),
    Defect(
        "disrupt a Pod that serves in the middle of an attempt without asking for its condition",
        "core/pod/onward.py",
        "    if gate is not None:\n        return Ineligible(gate)\n",
        "",
        (f"{UNIT}::test_a_pod_in_flight_that_serves_waits_for_its_condition_before_it_is_disrupted_again",),
    ),
)
