"""What is done wrong with batches of containers inside a Pod."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

BATCHES: Final = "core/pod/batches.py"
UNIT: Final = "unit/core/test_batches.py"
SCENARIO: Final = "scenarios/test_container_order.py"

DEFECTS: Final = (
    Defect(
        "restart for env with the first batch, whatever the order",
        "core/template/change.py",
        "at = next((place for place, batch in enumerate(self.order) if set(again) & set(batch)), None)",
        "at = None",
        (
            f"{UNIT}::test_containers_that_restart_for_metadata_do_so_together_where_the_order_has_the_first_of_them",
            f"{SCENARIO}::test_what_restarts_for_its_env_does_so_at_its_place_in_the_order",
        ),
    ),
    Defect(
        "patch all batches at once",
        BATCHES,
        "change.part(left[0])",
        "change",
        (f"{UNIT}::test_each_batch_is_patched_in_its_turn",),
    ),
    Defect(
        "patch the next batch before the one before is ready",
        "core/pod/lifecycle.py",
        'whole = record.has_more or pod.is_true("ContainersReady")',
        "whole = True; statuses = [] if record.has_more else statuses",
        ("unit/core/test_pod.py::test_a_batch_is_not_over_before_what_it_swapped_is_ready",),
    ),
    Defect(
        "call a Pod done after its first batch",
        "core/pod/onward.py",
        "    if not record.has_more:\n        return None\n    held",
        "    if True:\n        return None\n    held",
        (f"{SCENARIO}::test_containers_are_swapped_one_after_another_each_when_the_one_before_is_ready",),
    ),
    Defect(
        "give a Pod the key of a restart before the last container has restarted",
        "core/template/change.py",
        "if not batch or any(change.restart and name not in kept for name, change in self.containers.items()):",
        "if not batch:",
        (
            f"{UNIT}::test_containers_that_restart_with_the_same_image_in_an_order_come_last_and_the_metadata_with_the_last_of_them",
        ),
    ),
    Defect(
        "restart what an earlier batch has restarted",
        "core/rollout/changes.py",
        "if record.phase is not PodPhase.SWAPPING or record.target != target.revision:",
        "if True:",
        ("scenarios/test_restarts.py::test_chosen_containers_restart_together_or_one_after_the_other",),
    ),
    Defect(
        "restart every container for a request that names some",
        "core/template/keys.py",
        "if not request.batches or name in request.containers]",
        "]",
        ("unit/core/test_change.py::test_our_own_key_restarts_the_containers_that_it_names",),
    ),
    Defect(
        "take a batch to come for another writer's image",
        BATCHES,
        "return record.has_more and not any(patched)",
        "return False",
        (f"{UNIT}::test_another_writer_is_told_from_a_batch_to_come",),
    ),
    Defect(
        "leave what may be broken for its turn",
        BATCHES,
        "if name in unproven and name not in left[0]",
        "if False",
        (f"{UNIT}::test_what_an_earlier_attempt_left_unproven_restarts_first",),
    ),
    Defect(
        "begin a batch of a change that is refused",
        BATCHES,
        "if hold is not None and not context.is_opting_out:",
        "if False:",
        (f"{UNIT}::test_why_the_next_batch_does_not_begin",),
    ),
    Defect(
        "believe a record that counts more batches than there can be",
        "core/state/records.py",
        "not 0 <= record.batch < record.batches <= MAX_BATCHES",
        "False",
        (f"{UNIT}::test_a_batch_that_cannot_be_is_no_record",),
    ),
)
