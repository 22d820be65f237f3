"""What is counted wrongly, twice, or for ever: figures, sums, endings of upgrades, and who shows them."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

TALLY: Final = "controller/tally.py"
FIGURES: Final = "core/views/figures.py"
ENDINGS: Final = "core/plan/endings.py"
COUNTS: Final = "controller/counts.py"
SERVE: Final = "serve/metrics.py"
SAMPLES: Final = "controller/samples.py"
IN_TALLY: Final = "unit/controller/test_tally.py::"
IN_ENDINGS: Final = "unit/core/test_endings.py::"
IN_SERVE: Final = "unit/serve/test_metrics.py::"
IN_FIGURES: Final = "unit/core/test_figures.py::"
SHOWN: Final = "faults/test_metrics.py::"

DEFECTS: Final = (
    # --- sums
    Defect(
        "let a sum only grow",
        TALLY,
        "        if before is not None:\n            self._add(key.kind, before.figures, -1)\n        self._add(",
        "        self._add(",
        (f"{IN_TALLY}test_workloads_add_up_and_each_plan_replaces_what_the_last_one_said",),
    ),
    Defect(
        "keep counting a workload that has opted out",
        TALLY,
        "        if figures == Figures():\n            self.forget(key)\n            return\n",
        "",
        (f"{IN_TALLY}test_nothing_is_left_of_a_workload_that_is_gone",),
    ),
    Defect(
        "keep counting a workload that was deleted",
        "controller/reconciler.py",
        "        self._process.tally.forget(key)\n",
        "",
        (f"{SHOWN}test_a_workload_has_a_series_only_on_request_and_only_while_it_is_opted_in",),
    ),
    Defect(
        "never let a gate be older than none",
        TALLY,
        "found[key.kind] = max(",
        "found[key.kind] = min(",
        (f"{IN_TALLY}test_ages_grow_without_a_plan_and_the_oldest_counts",),
    ),
    Defect(
        "show the age of a gate as it was when the last one was closed",
        TALLY,
        "        now, found = self._clock.now(), dict.fromkeys(",
        "        found = [one.figures.closed_since for one in self._known.values()]\n"
        "        ends = [at for at in found if at is not None]\n"
        "        now, found = max(ends, default=self._clock.now()), dict.fromkeys(",
        (f"{IN_TALLY}test_ages_grow_without_a_plan_and_the_oldest_counts",),
    ),
    # --- durations and failures
    Defect(
        "time what had begun before anybody looked",
        TALLY,
        "_Stay(doing, None if is_first else now, counted)",
        "_Stay(doing, now, counted)",
        (f"{IN_TALLY}test_what_a_pod_was_at_when_it_was_first_seen_is_not_timed",),
    ),
    Defect(
        "take a write under way for the end of a step",
        TALLY,
        "        found = {uid: stays[uid] for uid in figures.unknown if uid in stays}\n",
        "        found = dict[str, _Stay]()\n",
        (f"{IN_TALLY}test_a_write_under_way_neither_ends_a_step_nor_a_failure",),
    ),
    Defect(
        "count a failure at every plan",
        TALLY,
        "if failure is not None and not _is_same(failure, counted):",
        "if failure is not None:",
        (f"{IN_TALLY}test_a_pod_is_counted_as_failed_once_for_a_revision_unless_it_was_to_be_tried_again",),
    ),
    Defect(
        "count after a restart what has failed before it",
        TALLY,
        "                if not is_first:\n",
        "                if True:\n",
        (f"{IN_TALLY}test_a_pod_that_had_failed_before_is_not_counted",),
    ),
    Defect(
        "time a phase whose begin nobody saw",
        TALLY,
        " and before.is_whole:",
        ":",
        (f"{IN_TALLY}test_a_phase_is_timed_from_its_begin_to_its_end_if_both_were_seen",),
    ),
    Defect(
        "take the wait for a person for another wait",
        FIGURES,
        "    ReasonCode.Step: WaitingOn.PROMOTION,\n",
        "",
        (f"{SHOWN}test_an_upgrade_is_counted_once_and_its_wait_for_a_person_apart_from_its_work",),
    ),
    Defect(
        "blame the refusal for a Pod that has failed",
        FIGURES,
        "own + failed if status.phase in _REFUSING else failed + own",
        "own + failed",
        (f"{IN_FIGURES}test_the_reason_of_a_phase",),
    ),
    # --- how upgrades end
    Defect(
        "count the return to the healthy revision as an upgrade",
        ENDINGS,
        "    return healthy != revision and (",
        "    return (",
        (f"{IN_ENDINGS}test_what_is_no_end_is_not_counted",),
    ),
    Defect(
        "count a first rollout as an upgrade",
        ENDINGS,
        "(bool(healthy) or any(record.target == revision for record in found))",
        "True",
        (f"{IN_ENDINGS}test_a_first_rollout_is_no_upgrade",),
    ),
    Defect(
        "count a rollback again whenever it goes on",
        ENDINGS,
        "Phase.ROLLED_BACK if before.rolled_back_from != after.revision:",
        "Phase.ROLLED_BACK if before.phase is not after.phase:",
        (f"{IN_ENDINGS}test_what_is_no_end_is_not_counted",),
    ),
    Defect(
        "count a refusal again after each scaling",
        ENDINGS,
        " and before.observed_generation == after.observed_generation",
        "",
        (f"{IN_ENDINGS}test_what_is_no_end_is_not_counted",),
    ),
    Defect(
        "count as superseded what no Pod was begun for",
        ENDINGS,
        "before.healthy != before.revision and any(record.target == before.revision for record in found)",
        "before.healthy != before.revision",
        (f"{IN_ENDINGS}test_what_no_pod_was_begun_for_is_not_superseded",),
    ),
    Defect(
        "take for a failed upgrade one that waits for too long",
        ENDINGS,
        "case Phase.DEGRADED if after.failed and not",
        "case Phase.DEGRADED if not",
        (f"{IN_ENDINGS}test_what_is_no_end_is_not_counted",),
    ),
    Defect(
        "take for an upgrade in place what the native rollout did",
        ENDINGS,
        "return Ending(Result.SUCCEEDED, began_at=began_at) if done else None",
        "return Ending(Result.SUCCEEDED, began_at=began_at)",
        (f"{IN_ENDINGS}test_nothing_has_succeeded_that_was_not_done_in_place",),
    ),
    Defect(
        "praise the strongest evidence of a Pod",
        COUNTS,
        "max(found, key=_LADDER.index)",
        "min(found, key=_LADDER.index)",
        ("unit/controller/test_counts.py::test_a_pod_counts_once_with_its_weakest_evidence",),
    ),
    # --- who shows what
    Defect(
        "show workloads on a replica that does not lead",
        SAMPLES,
        "    return lambda: read() if holds() else {}\n",
        "    return read\n",
        (f"{SHOWN}test_a_replica_that_does_not_lead_has_no_series_of_workloads",),
    ),
    Defect(
        "lead on while the lease runs out",
        "controller/app.py",
        "self._elector is None or self._elector.is_leader",
        "self._elector is None or self._elector._leading.is_set()",
        (f"{SHOWN}test_a_server_that_hangs_takes_the_lead_away_and_with_it_the_series",),
    ),
    Defect(
        "show a series for every workload unasked",
        SAMPLES,
        '({"inplace_workload_info": sources.tally.each} if per_workload else {})',
        '{"inplace_workload_info": sources.tally.each}',
        (f"{SHOWN}test_a_workload_has_a_series_only_on_request_and_only_while_it_is_opted_in",),
    ),
    Defect(
        "give every strange value a series",
        SERVE,
        "    return not label.values or value in label.values\n",
        "    return True\n",
        (f"{IN_SERVE}test_a_value_that_is_none_of_its_labels_makes_no_series_of_its_own",),
    ),
    Defect(
        "say beside every counter when it was created",
        SERVE,
        "        disable_created_metrics()",
        "        Metrics.event",
        (f"{IN_SERVE}test_no_series_says_when_another_was_created",),
    ),
    Defect(
        "take any refusal for the fence's",
        "controller/fence_probe.py",
        """            return True if f"'{policy}" in str(error) else None\n""",
        "            return bool(str(error))\n",
        ("faults/test_fence_probe.py::test_a_refusal_by_something_else_proves_nothing",),
    ),
    Defect(
        "store what the fence is tried with",
        "controller/fence_probe.py",
        "                type=dict,\n                dry_run=True,\n",
        "                type=dict,\n                dry_run=False,\n",
        ("faults/test_fence_probe.py::test_a_fence_around_another_account_is_none",),
    ),
    Defect(
        "warn of no fence that is around another account",
        "controller/fence_probe.py",
        "mistaken = any(self._installed().get(name) for name in open_)",
        "mistaken = False",
        ("faults/test_fence_probe.py::test_a_fence_around_another_account_is_none",),
    ),
    Defect(
        "try again what is known of the fence as often as what is not",
        "controller/fence_probe.py",
        "self._trials().items() if name not in self.results})",
        "self._trials().items()})",
        ("faults/test_fence_probe.py::test_tries_come_with_a_pause_and_what_is_known_is_not_tried_again_soon",),
    ),
    Defect(
        "take a policy for one in force that denies nothing",
        "controller/installed_policies.py",
        'return actions is None or "Deny" in actions',
        "return True",
        ("unit/controller/test_policies.py::test_a_binding_that_denies_nothing_is_not_in_force",),
    ),
    Defect(
        "keep showing a policy that nobody can look at any more",
        "controller/installed_policies.py",
        "            self.state = {}\n",
        "",
        ("unit/controller/test_policies.py::test_what_cannot_be_asked_is_not_guessed_nor_what_was_so_before_kept",),
    ),
    Defect(
        "forget how large an object was that is replaced",
        "kube/store.py",
        "        self.bytes += size - self._sizes.get(key, 0)\n",
        "        self.bytes += size\n",
        ("unit/kube/test_store.py::test_the_size_of_what_is_kept_is_known",),
    ),
    Defect(
        "count no request that was not answered",
        "kube/client.py",
        '        finally:\n            self._observer.count("rest_client_requests_total"',
        '        finally:\n            code == NO_ANSWER or self._observer.count("rest_client_requests_total"',
        ("unit/kube/test_client.py::test_a_request_without_an_answer_is_counted_as_such",),
    ),
)
