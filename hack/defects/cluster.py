"""What is remembered, read or sent wrongly, in the controller's process and by commands that read a cluster."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

MEMORY: Final = "cluster/memory.py"
SEND: Final = "cluster/send.py"
LIVE: Final = "cluster/live.py"
WATCHING: Final = "cluster/watching.py"
APPLY: Final = "controller/apply.py"
ERRORS: Final = "kube/errors.py"
REFUSED_WRITES: Final = "faults/test_refused_writes.py"

DEFECTS: Final = (
    Defect(
        "ask a server that answers 410 again without a pause",
        "kube/reflector.py",
        'why="expired")\n                await self._back_off()\n',
        'why="expired")\n',
        ("unit/kube/test_reflector.py::test_a_server_that_answers_410_again_and_again_is_not_asked_in_a_hot_loop",),
    ),
    Defect(
        "look for installed policies once in a blue moon",
        "controller/installed_policies.py",
        "PERIOD: Final = 60.0",
        "PERIOD: Final = 300.0",
        ("unit/controller/test_policies.py::test_a_change_is_said_again",),
    ),
    Defect(
        "call a lost race with another writer a failure",
        MEMORY,
        "            self.tries.moved_on(new.uid)\n",
        "            pass\n",
        ("unit/cluster/test_tries.py::test_a_write_that_lost_to_another_writers_progress_is_no_failure",),
    ),
    Defect(
        "forget a write that the cache does not show",
        MEMORY,
        "return uid in self.expectations and not self.expectations.satisfied(uid, meta.resource_version)",
        "return False",
        ("unit/cluster/test_gather.py::test_a_write_that_the_cache_does_not_show_makes_its_object_pending",),
    ),
    Defect(
        "believe the API server's consent forever",
        MEMORY,
        "if until > now}",
        "if True}",
        ("unit/cluster/test_gather.py::test_an_answer_to_a_dry_run_is_believed_for_a_while",),
    ),
    Defect(
        "count a Pod as disrupted when it is Ready again",
        MEMORY,
        "if not becoming_ready and not self.is_pending(pod.metadata):",
        "if False:",
        ("scenarios/test_settings.py::test_the_controllers_own_cap_holds_over_all_workloads",),
    ),
    Defect(
        "forget which writes are under way",
        "cluster/gather.py",
        "pending=_pending(memory, everything),",
        "",
        ("unit/cluster/test_gather.py::test_a_write_that_the_cache_does_not_show_makes_its_object_pending",),
    ),
    Defect(
        "plan before a revision is in the cache",
        "cluster/gather.py",
        "        if missing:\n",
        "        if False:\n",
        ("unit/cluster/test_gather.py::test_nothing_is_decided_before_every_revision_that_is_spoken_of_is_there",),
    ),
    Defect(
        "take a denial by RBAC for a refusal by admission",
        SEND,
        "    except Denied:\n        raise\n",
        "",
        ("unit/cluster/test_send.py::test_what_is_no_answer_is_raised",),
    ),
    Defect(
        "store what is only to be tried",
        SEND,
        "timeout=timeout, dry_run=True)",
        "timeout=timeout, dry_run=False)",
        ("unit/controller/test_apply.py::test_a_dry_run_stores_nothing_and_its_answer_is_kept",),
    ),
    Defect(
        "put an image on Pods that admission rewrites",
        SEND,
        "return dry_runs.rewritten(stored, action.images)",
        "return None",
        ("unit/cluster/test_send.py::test_admission_answers_a_dry_run",),
    ),
    Defect(
        "swap a Pod that was not drained without reading it again",
        APPLY,
        "    if not isinstance(action, PatchImages):\n        return False\n",
        "    if True:\n        return False\n",
        ("unit/controller/test_apply.py::test_a_pod_is_read_live_unless_our_own_drain_was_seen",),
    ),
    Defect(
        "read another Pod of that name",
        APPLY,
        "        if live.uid != meta.uid:\n",
        "        if False:\n",
        ("unit/controller/test_apply.py::test_another_pod_of_the_same_name_is_not_disrupted",),
    ),
    Defect(
        "look for a released lease as seldom as the leader renews it",
        "kube/lease.py",
        "        standby_period: float = 1.0,",
        "        standby_period: float = 2.0,",
        ("unit/kube/test_lease.py::test_one_leads_and_the_other_takes_a_released_lease_at_once",),
    ),
    Defect(
        "look past the end of a lease",
        "kube/lease.py",
        "min(period, left) if left > 0 else period",
        "period",
        ("unit/kube/test_lease.py::test_a_standby_has_a_lease_that_nobody_renewed_at_its_end",),
    ),
    Defect(
        "write without the lease",
        APPLY,
        "left = min(WRITE_SECONDS, self._lease_left())",
        "left = WRITE_SECONDS",
        ("unit/controller/test_apply.py::test_nothing_is_sent_without_the_lease",),
    ),
    Defect(
        "do not settle a write without an answer",
        APPLY,
        "while error.outcome_unknown:",
        "while False:",
        ("unit/controller/test_apply.py::test_a_write_without_an_answer_of_the_server_is_settled_by_a_live_read",),
    ),
    Defect(
        "take a Pod that is gone for a server that is away",
        "cluster/tries.py",
        "case PreconditionFailed() | Conflict() | NotFound() | AlreadyExists():",
        "case PreconditionFailed() | Conflict() | AlreadyExists():",
        ("unit/controller/test_apply.py::test_a_pod_that_is_not_what_it_was_each_time_is_not_written_any_more",),
    ),
    Defect(
        "list a workload without the right to its Pods",
        LIVE,
        "await self._list(resources.PODS, cache.pods, Pod)",
        "await self._optional(resources.PODS, self._list(resources.PODS, cache.pods, Pod))",
        ("unit/cluster/test_live.py::test_nobody_can_do_without_the_workload_and_its_pods",),
    ),
    Defect(
        "watch a workload without the right to its Pods",
        WATCHING,
        "optional = isinstance(reflector.failure, Forbidden) and plural in self.unseen",
        "optional = isinstance(reflector.failure, Forbidden)",
        ("commands/test_rights.py::test_without_rights_on_pods_there_is_one_clear_error",),
    ),
    Defect(
        "want the right to read nodes",
        LIVE,
        "await self._optional(resources.NODES, self._load_nodes())",
        "await self._load_nodes()",
        ("unit/cluster/test_live.py::test_without_rights_there_is_an_answer_and_a_note",),
    ),
    Defect(
        "take a webhook's plain denial for a passing error",
        ERRORS,
        "Rejected if code >= 400 else ApiError",
        "ApiError",
        (f"{REFUSED_WRITES}::test_what_is_refused_for_good_is_said_and_not_asked_again_and_again",),
    ),
    Defect(
        "take a webhook's denial for a lost race",
        ERRORS,
        " and not status.message.startswith(_WEBHOOK)",
        "",
        ("unit/kube/test_errors.py::test_the_lines_of_a_webhook_are_kept",),
    ),
    Defect(
        "forget why a write was refused",
        "cluster/tries.py",
        "said = reason if lasts else before",
        "said = before",
        (f"{REFUSED_WRITES}::test_a_refused_write_before_the_first_pod_is_said_and_ends_when_it_is_taken",),
    ),
    Defect(
        "tell only of a Pod in flight what would fail it",
        "core/plan/decision.py",
        "not (write.fatal and write.uid in failing))",
        "not write.fatal)",
        ("unit/core/test_workload.py::test_a_write_that_would_fail_a_pod_is_said_of_one_that_is_not_in_flight",),
    ),
    Defect(
        "tell nothing of a Pod in flight whose failure cannot be recorded",
        "core/plan/decision.py",
        "        failing -= {write.uid for write in failed if write.sort == FAILURE and write.reason}\n",
        "",
        ("unit/core/test_workload.py::test_a_write_that_would_fail_a_pod_is_said_of_one_that_is_not_in_flight",),
    ),
    Defect(
        "write what an admission policy undoes again at once",
        APPLY,
        "return bool(version) and version == meta.resource_version",
        "return False",
        ("faults/test_bounds.py::test_a_write_that_an_admission_policy_undoes_rests_and_is_named",),
    ),
    Defect(
        "fight another writer at his own speed",
        "cluster/tries.py",
        "if unchanged or times >= NOT_KEPT:",
        "if unchanged:",
        ("faults/test_bounds.py::test_what_another_writer_undoes_each_time_rests",),
    ),
    Defect(
        "probe again at once what the server does not answer",
        "controller/freeze_probe.py",
        "retry[scope] = RETRY if conclusive else min(MAX_RETRY, 2 * pause)",
        "retry[scope] = RETRY",
        ("faults/test_bounds.py::test_no_write_of_ours_is_repeated_in_a_hot_loop",),
    ),
    Defect(
        "say nothing of a reservation that is refused",
        "core/rollout/disruption_budgets.py",
        "return reserved, refused or Reason(",
        "return reserved, Reason(",
        (f"{REFUSED_WRITES}::test_a_reservation_that_is_refused_is_said",),
    ),
    Defect(
        "say nothing of what is refused when opting out",
        "core/plan/plan.py",
        "if not unsaid or any(",
        "if True or any(",
        (f"{REFUSED_WRITES}::test_what_is_refused_when_opting_out_is_said",),
    ),
    Defect(
        "tell nobody of a status that is refused",
        APPLY,
        "if self._memory.tries.failed(snapshot.workload.metadata.uid, action, ending, reason, fails):",
        "if self._memory.tries.failed(snapshot.workload.metadata.uid, action, ending, reason, fails) and False:",
        (f"{REFUSED_WRITES}::test_a_status_that_is_refused_is_told_by_an_event",),
    ),
    Defect(
        "try a refused write again at once",
        "core/plan/plan.py",
        "for action in decided.actions if not snapshot.rests(action, now))",
        "for action in decided.actions)",
        ("faults/test_bounds.py::test_no_write_of_ours_is_repeated_in_a_hot_loop",),
    ),
    Defect(
        "say nothing of a Pod whose drain was refused",
        "core/rollout/admit.py",
        "lacking or _refused(assessment, state.action) or",
        "lacking or",
        ("unit/core/test_admit.py::test_a_pod_whose_start_was_refused_waits_with_the_reason_and_is_asked_for_again",),
    ),
    Defect(
        "call a write that is refused for long progress",
        "core/plan/phase.py",
        " or decision.is_refused_for_long",
        "",
        (f"{REFUSED_WRITES}::test_a_refused_write_before_the_first_pod_is_said_and_ends_when_it_is_taken",),
    ),
    Defect(
        "go by the machine's clock",
        "runtime/clock.py",
        "return self._reckoned() + self.ahead",
        "return self._reckoned()",
        (
            "unit/runtime/test_clock.py::test_the_first_answer_is_believed",
            "faults/test_clocks.py::test_what_is_reserved_from_a_budget_is_neither_stale_nor_of_the_future",
        ),
    ),
    Defect(
        "believe each answer at once what time it is",
        "runtime/clock.py",
        "if self._ahead is not None and now < self._told + STEADY:",
        "if False:",
        ("unit/runtime/test_clock.py::test_two_servers_behind_one_address_do_not_make_time_jump",),
    ),
    Defect(
        "never hear what time it is",
        "kube/client.py",
        "if isinstance(self.clock, ServerClock):",
        "if False:",
        ("faults/test_clocks.py::test_what_is_reserved_from_a_budget_is_neither_stale_nor_of_the_future",),
    ),
    Defect(
        "count the refusals of a stuck Pod anew with each sort of write",
        "cluster/tries.py",
        "return min((one.write.since for one in others if now < one.write.until), default=now)",
        "return now",
        (
            "unit/cluster/test_tries.py::test_a_pod_whose_failure_may_not_be_recorded_either_is_stuck_from_the_first_refusal",
        ),
    ),
    Defect(
        "write an object that the server takes too long for twice a minute for ever",
        "cluster/tries.py",
        "if ending is not Ending.UNANSWERED or (known is not None and at is not None and at >= known.at):",
        "if ending is not Ending.UNANSWERED:",
        ("unit/cluster/test_tries.py::test_an_object_that_the_server_takes_too_long_for_is_left_alone_for_minutes",),
    ),
)
