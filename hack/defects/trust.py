"""What tenants write is taken for what the controller has written, or for what the API server vouches for."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

CACHE: Final = "cluster/cache.py"
CACHE_TESTS: Final = "unit/cluster/test_cache.py"
MEMORY: Final = "cluster/memory.py"
MEMORY_TESTS: Final = "unit/cluster/test_memory.py"
RECORDS: Final = "core/state/records.py"
RECORD_TESTS: Final = "unit/core/test_record.py"
DEPLOYMENT: Final = "core/kinds/deployment.py"
KIND_TESTS: Final = "unit/core/test_kinds.py"

DEFECTS: Final = (
    Defect(
        "let any kind own any other",
        "core/kinds/__init__.py",
        'return owner if above.child_kind == (kind if kind in BY_NAME else "") else None',
        "return owner",
        (f"{CACHE_TESTS}::test_owners_that_own_each_other_are_followed_for_two_hops_at_most",),
    ),
    Defect(
        "take what names an owner in another namespace for its own",
        CACHE,
        "(Identity(item.metadata.namespace, owner.kind, owner.name, owner.uid),)",
        '(Identity("theirs", owner.kind, owner.name, owner.uid),)',
        (f"{CACHE_TESTS}::test_what_names_an_owner_in_another_namespace_is_not_its",),
    ),
    Defect(
        "know an owner by its uid alone",
        CACHE,
        "(Identity(item.metadata.namespace, owner.kind, owner.name, owner.uid),)",
        '(Identity(item.metadata.namespace, "StatefulSet", "web", owner.uid),)',
        (f"{CACHE_TESTS}::test_a_pod_belongs_to_whom_it_names_in_every_respect_or_to_nobody",),
    ),
    Defect(
        "wait for slices of other namespaces",
        CACHE,
        "(item.metadata.namespace, uid) for uid in ((_ANY,)",
        '("theirs", uid) for uid in ((_ANY,)',
        (f"{CACHE_TESTS}::test_a_slice_of_another_namespace_says_nothing_of_a_pod",),
    ),
    # --- records
    Defect(
        "take any word for evidence",
        RECORDS,
        "return record if foreign is None else",
        "return record if True else",
        (f"{RECORD_TESTS}::test_evidence_that_there_is_none_of_makes_a_record_unreadable",),
    ),
    Defect(
        "decode records of any size",
        RECORDS,
        "    if len(text) > LIMIT:",
        "    if len(text) > 256 * LIMIT:",
        (f"{RECORD_TESTS}::test_what_is_too_large_to_be_ours_is_not_decoded",),
    ),
    Defect(
        "remember texts of any size",
        "core/objects/memo.py",
        "return remembered(text) if len(text) <= largest else function(text)",
        "return remembered(text)",
        (f"{RECORD_TESTS}::test_what_is_remembered_of_texts_is_bounded_in_bytes",),
    ),
    Defect(
        "wait for any deadline that is written",
        "core/pod/lifecycle.py",
        "if not record.is_timely(context.now, pod.grace):",
        "if False:",
        (f"{RECORD_TESTS}::test_an_attempt_with_a_deadline_that_none_has_ends_at_once",),
    ),
    Defect(
        "wait until a status is of the past",
        "core/plan/plan.py",
        "moves or before.updated_at > now  #",
        "moves  #",
        (
            f"{RECORD_TESTS}::test_a_status_from_the_future_neither_keeps_the_next_from_being_written_nor_a_step_from_ending",
        ),
    ),
    Defect(
        "end no step that was reached in the future",
        "core/rollout/steps.py",
        "since = min(before.reached_at, now) if",
        "since = before.reached_at if",
        (
            f"{RECORD_TESTS}::test_a_status_from_the_future_neither_keeps_the_next_from_being_written_nor_a_step_from_ending",
        ),
    ),
    # --- what is counted
    Defect(
        "count every record as a Pod out of service",
        MEMORY,
        "owner.metadata.uid == one.workload and is_ours(owner.metadata)",
        "True",
        (f"{MEMORY_TESTS}::test_a_record_that_is_not_ours_takes_nothing_of_the_cap",),
    ),
    Defect(
        "count a drain that closed no gate",
        MEMORY,
        "known.in_flight and (closed(pod) or known.phase not in _SERVING)",
        "known.in_flight",
        (f"{MEMORY_TESTS}::test_a_record_that_is_not_ours_takes_nothing_of_the_cap",),
    ),
    Defect(
        "count Pods out of service with a deadline that no attempt has",
        MEMORY,
        "isinstance(record, Record) and record.is_timely(now, pod.grace) else None",
        "isinstance(record, Record) else None",
        (f"{MEMORY_TESTS}::test_a_record_that_is_not_ours_takes_nothing_of_the_cap",),
    ),
    Defect(
        "let a pull Pod that is made again keep its slot",
        MEMORY,
        "return now < request.since + pull_pods.SLOT and pull_pods",
        "return pull_pods",
        (f"{MEMORY_TESTS}::test_a_pull_keeps_its_slot_until_its_time_is_over_whatever_becomes_of_its_pod",),
    ),
    Defect(
        "give the slots to whoever asks first",
        "core/rollout/prepull.py",
        "if taken.here >= max(1, most - taken.everywhere):",
        "if taken.everywhere >= most:",
        ("unit/core/test_prepull.py::test_there_is_a_slot_for_whoever_comes_next",),
    ),
    Defect(
        "wait for a slot for ever",
        "core/rollout/blocked.py",
        "        ReasonCode.PullLimit,\n",
        "",
        ("unit/core/test_prepull.py::test_a_wait_for_a_slot_is_progress_until_the_progress_deadline",),
    ),
    Defect(
        "believe what any Pod says that it has pulled",
        "core/rollout/pull_pods.py",
        "made = pull is not None and pull.image == place.image and one.name == name_of(workload, place)",
        "made = True",
        ("unit/core/test_prepull.py::test_what_a_pod_has_pulled_that_is_none_of_ours_proves_nothing",),
    ),
    Defect(
        "repeat at once what a fault of ours keeps from being written",
        "controller/apply.py",
        "            self._remember(snapshot, action, Ending.UNANSWERED, why)\n",
        "",
        ("unit/controller/test_apply.py::test_a_fault_met_with_one_object_ends_neither_the_process_nor_other_writes",),
    ),
    Defect(
        "repeat a request of any length in every record",
        "core/objects/workloads.py",
        "return text if len(text) <= REQUEST_CHARACTERS else",
        "return text if True else",
        (f"{RECORD_TESTS}::test_a_request_is_answered_however_long_it_is",),
    ),
    # --- what may run
    Defect(
        "go back to a template that only an annotation has",
        "core/rollout/rollback.py",
        "return snapshot.destinations.get(before.healthy)",
        "return snapshot.revisions.get(before.healthy)",
        (f"{KIND_TESTS}::test_annotations_alone_never_choose_an_image",),
    ),
    Defect(
        "take a recorded template for one that a live Pod has",
        "core/kinds/replicaset.py",
        "if any(not matching.wrong_images(pod, template) for pod in live)",
        "if True",
        (f"{KIND_TESTS}::test_a_bare_replica_set_goes_back_only_while_a_live_pod_still_has_the_image",),
    ),
    Defect(
        "take a recorded template by its name",
        "core/kinds/matching.py",
        "if trees.fingerprint_of(trees.decode(raw)) == name}",
        "if trees.decode(raw)}",
        (f"{KIND_TESTS}::test_a_template_that_is_not_what_its_name_says_is_not_on_record",),
    ),
    Defect(
        "prefer what an annotation says to what a spec has",
        DEPLOYMENT,
        "if child in with_pods or revision == back_to or revision in templates:",
        "if child in with_pods:",
        (f"{KIND_TESTS}::test_what_a_spec_has_goes_before_what_an_annotation_says",),
    ),
    Defect(
        "delete the ReplicaSet that vouches for the healthy template",
        DEPLOYMENT,
        "goes_back = target.revision != trees.fingerprint(workload.spec.template)",
        "goes_back = False",
        (
            f"{KIND_TESTS}::test_the_replica_set_that_vouches_for_the_healthy_template_stays_until_the_active_one_has_it",
        ),
    ),
    Defect(
        "restart with whatever digest a status tells",
        "core/pod/eligibility.py",
        "if 0 < len(entry) < LISTED_NAMES:",
        "if False:",
        (
            "unit/core/test_pod.py::test_a_restart_starts_what_its_node_lists",
            "scenarios/test_tenants.py::test_a_restart_starts_no_digest_but_that_of_its_nodes_image",
        ),
    ),
    Defect(
        "patch another batch into a Pod that serves because its record says so",
        "core/pod/onward.py",
        "if not pod.ready or context.is_opting_out:",
        "if True:",
        (
            "unit/core/test_batches.py::test_a_pod_that_serves_is_patched_on_only_as_one_that_begins",
            "scenarios/test_tenants.py::test_a_forged_batch_starts_no_pod_past_a_hold_or_a_budget",
        ),
    ),
    Defect(
        "leave a Pod half upgraded that is opted out between two batches",
        "core/pod/onward.py",
        "if not pod.ready or context.is_opting_out:",
        "if not pod.ready:",
        ("unit/core/test_batches.py::test_who_opts_out_has_the_next_batch_finish",),
    ),
    Defect(
        "give a sidecar the image that its record names",
        "core/plan/sidecars.py",
        "record.in_flight and change.containers and not _may_be_patched(image, asked):",
        "record.phase is PodPhase.DRAINING and not _may_be_patched(image, asked):",
        ("unit/core/test_sidecars.py::test_a_forged_step_of_a_swap_neither_chooses_what_runs_nor_passes_the_budget",),
    ),
    Defect(
        "count a Pod that asks for its place in the budget as one that has it",
        "core/plan/sidecars.py",
        "record.in_flight and not isinstance(state, Pending)",
        "record.in_flight",
        ("unit/core/test_sidecars.py::test_a_forged_step_of_a_swap_neither_chooses_what_runs_nor_passes_the_budget",),
    ),
)
