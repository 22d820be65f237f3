"""What commands say that is not what the controller decides: looks without a memory, forecasts and views."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

GATHER: Final = "cluster/gather.py"
OBSERVATION: Final = "core/pod/observation.py"
FORECAST: Final = "core/views/forecast.py"
REPORTED: Final = "core/rollout/reported.py"

PICTURE: Final = "cli/render/picture.py"
SCREEN: Final = "cli/render/screen.py"

REFUSED_WRITES: Final = "faults/test_refused_writes.py"

CHECKUP: Final = "unit/core/test_checkup.py"
CHECK: Final = "commands/test_check.py"
ENABLING: Final = "commands/test_enabling.py"
SINGLE: Final = "cluster/single.py"
RESTARTING: Final = "commands/test_restarting.py"
ONE: Final = "core/pod/restarting.py"
ONES: Final = "unit/core/test_restarting.py"
FLEET: Final = "cli/sidecars.py"
FLEETS: Final = "scenarios/test_sidecars.py"
RUN: Final = "cli/run.py"
PORTS: Final = "unit/cli/test_run.py::test_probes_have_the_port_of_metrics_or_one_of_their_own"

DEFECTS: Final = (
    # --- Pods that wait, do not serve, or are not what they are said to be
    Defect(
        "leave Pods that wait for a condition out of what changes",
        FORECAST,
        "if reason.code in gates.AT_REST and assessed.excluded is None:",
        "if False and reason:",
        ("unit/core/test_gates.py::test_a_pod_that_waits_for_a_condition_is_counted_with_its_change",),
    ),
    Defect(
        "do not say which container keeps a Pod from being Ready",
        "core/pod/availability.py",
        'why = f"the Pod is not Ready{_stopped(pod)}"',
        'why = "the Pod is not Ready"',
        (f"{CHECKUP}::test_a_pod_that_is_there_and_crashes_is_named_with_its_container_wherever_one_looks",),
    ),
    Defect(
        "have no logs of a Pod that crashes after its upgrade",
        "cli/logs.py",
        ' or (pod.stage == "Settling" and not pod.ready)',
        "",
        (f"{CHECKUP}::test_a_pod_that_is_there_and_crashes_is_named_with_its_container_wherever_one_looks",),
    ),
    Defect(
        "find no problem where nobody serves",
        "core/views/checkup.py",
        "many = len(unready) > budget or len(unready) == len(pods)",
        "many = False",
        (f"{CHECKUP}::test_more_pods_out_of_service_than_an_upgrade_may_take_are_a_problem",),
    ),
    Defect(
        "say of Pods with another image no more than that they are up to date",
        "core/plan/messages.py",
        "drifted = sum(bool(pod.drift) for pod in participants)",
        "drifted = 0",
        (f"{CHECKUP}::test_a_pod_of_the_revision_with_another_image_is_not_simply_up_to_date",),
    ),
    Defect(
        "find kubelets well that do not report in",
        "cli/checks.py",
        "silent = [node.metadata.name for node in nodes if not node.ready]",
        "silent = list[str]()",
        ("commands/test_check.py::test_nodes_that_are_not_ready_are_told",),
    ),
    Defect(
        "take rights for a problem that the roles for people do not give",
        "cli/checks.py",
        "reads = set(ends) & _LOOKS and any(",
        "reads = ends and any(",
        (f"{CHECK}::test_who_may_look_but_not_read_logs_nor_write_the_gate_lacks_no_command_that_they_need",),
    ),
    # --- what to do about Pods without the gate
    Defect(
        "tell who has enabled a workload to enable it with the gate, which is refused",
        "core/views/gating.py",
        " if opted_in else",
        " if False else",
        (f"{ENABLING}::test_the_remedies_that_it_names_give_the_gate_before_and_after_it_is_enabled",),
    ),
    Defect(
        "promise a rollout where none replaces Pods",
        "core/views/gating.py",
        "if kind.held(workload) and kind.fall_back(workload) is None:",
        "if False:",
        (f"{ENABLING}::test_where_no_rollout_would_replace_the_pods_it_says_so",),
    ),
    Defect(
        "drain a Pod for a patch that admission rejects",
        SINGLE,
        "ended = await self._tried_out(pod, state) or await self._act(state)",
        "ended = await self._act(state)",
        (f"{RESTARTING}::test_what_admission_rejects_is_refused_before_the_pod_is_drained",),
    ),
    Defect(
        "leave a Pod out of service whose patch is rejected",
        SINGLE,
        "if self._begun and not await self.let_go():",
        "if self._begun:",
        (f"{RESTARTING}::test_what_admission_rejects_in_the_middle_puts_the_pod_back_into_service",),
    ),
    Defect(
        "end a restart when the containers are new, whether the Pod serves or not",
        SINGLE,
        "            if isinstance(ended, Record):\n                return await self._served(ended)\n",
        "",
        (
            f"{RESTARTING}::test_a_pod_has_been_ready_for_as_long_as_was_asked_when_the_command_ends[True]",
            f"{RESTARTING}::test_the_next_pod_begins_when_the_one_before_serves",
        ),
    ),
    Defect(
        "wait twice for a Pod without a gate to have been ready for as long",
        ONE,
        "observation if gated(pod, asked.settings) else None, now)",
        "observation, now)",
        (f"{ONES}::test_without_a_gate_the_time_has_passed_before_and_does_not_pass_twice",),
    ),
    Defect(
        "wait for a restarted Pod for ever",
        ONE,
        "    if now < deadline:\n        return UpToDate(missing, deadline)",
        "    if now < deadline or pod:\n        return UpToDate(missing, deadline)",
        (f"{ONES}::test_a_pod_that_does_not_become_ready_has_failed_at_the_deadline",),
    ),
    Defect(
        "take the restart of other containers for one's own",
        ONE,
        "return record.containers.keys() >= set(asked.containers)",
        "return True",
        (
            f"{ONES}::test_a_restart_covers_what_is_asked_for_if_it_restarts_all_of_it",
            f"{RESTARTING}::test_a_restart_of_other_containers_is_ended_first_and_is_not_taken_for_ones_own",
        ),
    ),
    Defect(
        "restart twice what a command before has begun",
        SINGLE,
        "self._begun = restarting.covers(record, self._asked)",
        "self._begun = False",
        (f"{RESTARTING}::test_the_same_restart_called_again_goes_on_and_restarts_once",),
    ),
    Defect(
        "leave a Pod for weeks to whoever says that a command works on it",
        "core/state/records.py",
        "(LONGEST + SKEW if self.is_ours else FARTHEST_COMMAND + grace)",
        "LONGEST + SKEW",
        ("unit/core/test_record.py::test_an_attempt_of_a_command_holds_a_place_of_the_budget_for_a_day_at_most",),
    ),
    Defect(
        "let a command hold a Pod for longer than the controller believes",
        "cli/restart.py",
        '("--timeout", timeout, 1, longest),',
        '("--timeout", timeout, 1, MAX_SECONDS),',
        (f"{RESTARTING}::test_nobody_holds_a_pod_for_longer_than_anybody_waits",),
    ),
    Defect(
        "say until when a command works by the time of day alone",
        "core/objects/times.py",
        "%Y-%m-%d %H:%M:%S} UTC",
        "%H:%M:%S} UTC",
        ("unit/core/test_pod.py::test_until_when_a_command_may_work_on_a_pod_is_said_with_the_date_and_what_ends_it",),
    ),
    Defect(
        "speak of a gate where there is none",
        "core/pod/lifecycle.py",
        'if pod.has_gate(names.GATE) and not pod.is_true(names.GATE) else ""',
        'if pod else ""',
        ("unit/core/test_pod.py::test_a_gate_is_said_to_be_opened_only_where_one_is_not_open",),
    ),
    Defect(
        "give up a Pod that is drained when the server is away for a moment",
        SINGLE,
        "                if not self._begun or not isinstance(record, Record) or not record.in_flight:\n",
        "                if True:\n",
        (f"{RESTARTING}::test_a_server_that_is_away_for_a_while_is_waited_for_once_it_has_begun",),
    ),
    Defect(
        "say nothing of a Pod that is left out of service",
        "cli/restart.py",
        "    except ExceptionGroup:\n        _tell_left(single)\n        raise\n",
        "",
        (f"{RESTARTING}::test_a_server_that_stays_away_ends_it_and_what_is_left_is_told",),
    ),
    Defect(
        "leave a Pod drained whose command is told to end",
        "cli/connect.py",
        "        loop.add_signal_handler(one, stop)\n",
        "        pass\n",
        (f"{RESTARTING}::test_a_command_that_is_told_to_end_puts_the_pod_back[SIGTERM]",),
    ),
    Defect(
        "leave a Pod drained whose command is told to end before it has seen its own write",
        SINGLE,
        "        if not self._wrote or pod.uid != self._uid",
        "        if not self._begun or pod.uid != self._uid",
        (f"{RESTARTING}::test_a_command_that_is_told_to_end_puts_the_pod_back[SIGINT]",),
    ),
    Defect(
        "keep for ever what nobody wants kept",
        ONE,
        "return record if self.keep is None else",
        "return record if not self.keep else",
        (f"{RESTARTING}::test_who_wants_nothing_kept_has_nothing_left",),
    ),
    Defect(
        "restart containers in another order than they are named in",
        "cli/restart.py",
        "    return tuple(dict.fromkeys(containers)) or able\n",
        "    return tuple(name for name in able if not containers or name in containers)\n",
        (f"{RESTARTING}::test_containers_are_restarted_in_the_order_in_which_they_are_named",),
    ),
    Defect(
        "take a typing error for an upgrade of sidecars that is done",
        FLEET,
        "        _require_container(fleet.selected(), asked.container)\n",
        "",
        (f"{FLEETS}::test_what_is_named_wrong_or_can_be_asked_of_nobody_is_an_error_and_begins_nothing",),
    ),
    Defect(
        "ask where nobody answers",
        "cli/select.py",
        "    if not is_terminal():",
        "    if False:",
        (f"{FLEETS}::test_what_is_named_wrong_or_can_be_asked_of_nobody_is_an_error_and_begins_nothing",),
    ),
    Defect(
        "end in a traceback at the second Ctrl-C",
        FLEET,
        "        raise click.Abort from error\n",
        "        raise\n",
        ("unit/cli/test_sidecars.py::test_the_second_signal_ends_it_at_once_and_without_a_traceback",),
    ),
    Defect(
        "stop a container that has to ask its registry before it starts again",
        "cli/restart.py",
        "asking = () if options.ask_registry else restarts.asking(pod, chosen)",
        "asking = () if pod else restarts.asking(pod, chosen)",
        (f"{RESTARTING}::test_a_container_that_asks_its_registry_first_is_not_stopped_untold",),
    ),
    Defect(
        "serve the probes beside the metrics although they have a port of their own",
        RUN,
        'Server(addresses["--listen"], at_metrics),',
        'Server(addresses["--listen"], at_metrics, at_probes),',
        (PORTS,),
    ),
    Defect(
        "serve the metrics alone where no other port was named",
        RUN,
        'return [Server(addresses["--listen"], at_metrics, at_probes)]',
        'return [Server(addresses["--listen"], at_metrics)]',
        (PORTS,),
    ),
    Defect(
        "blame --listen for the probes' address",
        RUN,
        "parse_listen(text, option)",
        "parse_listen(text)",
        ("unit/cli/test_run.py::test_an_address_that_is_none_is_an_error_that_names_option_and_value",),
    ),
    Defect(
        "advise another --listen for the probes' port",
        "serve/http.py",
        "choose another {self._option}{self._instead}",
        "choose another --listen{self._instead}",
        ("unit/serve/test_http.py::test_the_option_is_named_whose_port_is_taken",),
    ),
    Defect(
        "wait for ever for a status of another version",
        "cli/status.py",
        "if version is not None and workload.metadata.label(names.MODE) is not None:",
        "if False:",
        ("commands/test_messages.py::test_a_status_of_another_version_is_named_and_not_waited_for",),
    ),
    Defect(
        "say of a Pod that went back that it went from a revision to the same",
        "core/views/pod.py",
        "if record.base != record.target:",
        "if True:",
        ("unit/core/test_explanation.py::test_a_pod_that_went_back_is_said_to_have_gone_back",),
    ),
    # --- what a process would remember
    Defect(
        "guess that a Pod has become unready just now",
        OBSERVATION,
        "unready_at = changed_at if",
        "unready_at = now if",
        ("unit/cluster/test_gather.py::test_since_when_a_pod_is_unready_is_what_its_kubelet_says_rounded_up",),
    ),
    Defect(
        "guess that no endpoint serves",
        OBSERVATION,
        "out_at=unready_at if not serving else None",
        "out_at=unready_at",
        ("unit/cluster/test_gather.py::test_a_pod_that_an_endpoint_serves_is_not_out",),
    ),
    Defect(
        "guess that a container has just started",
        OBSERVATION,
        "since=rounded_up(min(started, now)) if started is not None else now",
        "since=now",
        ("unit/cluster/test_gather.py::test_a_container_stands_since_it_was_started",),
    ),
    Defect(
        "infer nothing from the objects",
        GATHER,
        "if observation is not None},\n        pull_pods",
        "if False},\n        pull_pods",
        ("scenarios/test_upgrade.py::test_grace_period_runs_from_observed_unready",),
    ),
    Defect(
        "forget the pull Pods",
        GATHER,
        "PullPods(cache.pull_pods_of(seen.workload, seen.owned))",
        "None",
        ("scenarios/test_prepull.py::test_for_an_image_that_does_not_exist_no_container_is_killed",),
    ),
    Defect(
        "say that nobody does what has only just become due",
        "core/views/silence.py",
        "plan(snapshot, since).actions",
        "plan(snapshot, now).actions",
        ("unit/core/test_silence.py::test_a_pod_out_of_service_whose_next_step_is_due_for_long_has_no_controller",),
    ),
    Defect(
        "say that nobody does what the controller may not do yet",
        "core/views/silence.py",
        "            return not waiting & set(_HELD)\n        case OpenGate",
        "            return True\n        case OpenGate",
        ("unit/core/test_silence.py::test_there_is_no_warning_without_a_sign",),
    ),
    Defect(
        "describe work that nobody does",
        "cli/connect.py",
        "    if warning:\n        tell",
        "    if False:\n        tell",
        ("commands/test_messages.py::test_an_upgrade_whose_controller_has_died_midway_is_said_to_have_none",),
    ),
    Defect(
        "forget that a policy freezes in time",
        GATHER,
        "freeze_policy=relies_on_policy and",
        "freeze_policy=False and",
        ("unit/cluster/test_gather.py::test_a_deployment_that_is_done_and_not_frozen_relies_on_policies",),
    ),
    Defect(
        "forget the controller's report",
        GATHER,
        "        reported=reported,\n",
        "",
        ("scenarios/test_settings.py::test_the_controllers_own_cap_holds_over_all_workloads",),
    ),
    Defect(
        "believe a report of an older generation",
        "core/state/statuses.py",
        "return status if status.observed_generation >= workload.metadata.generation else None",
        "return status",
        ("unit/cluster/test_gather.py::test_a_report_of_another_generation_is_not_believed",),
    ),
    # --- what the controller has reported
    Defect(
        "do not say that the API server refuses the change",
        REPORTED,
        "if reason.code in _REFUSALS) if status",
        "if False) if status",
        ("unit/core/test_holds.py::test_each_check_holds_every_pod",),
    ),
    Defect(
        "do not say that the freeze is contested",
        REPORTED,
        'return own or refused_write(status, "") or _waiting(status, _HOLDS)',
        "return None",
        ("unit/core/test_holds.py::test_each_check_holds_every_pod",),
    ),
    Defect(
        "do not say that a Pod waits for the caps",
        REPORTED,
        "status.waiting.get(ReasonCode.DisruptionCap, 0) if status is not None else 0",
        "0",
        ("unit/core/test_admit.py::test_what_is_reported_defers_what_could_start",),
    ),
    Defect(
        "do not say that no pull Pod can be made",
        "core/rollout/admit.py",
        " or reported.deferral(assessment.snapshot.reported, pod.name)",
        "",
        ("unit/core/test_admit.py::test_what_is_reported_defers_what_could_start",),
    ),
    Defect(
        "do not say that a pull Pod was refused",
        REPORTED,
        "return (reason, False) if reason is not None else None",
        "return None",
        (f"{REFUSED_WRITES}::test_what_is_refused_for_good_is_said_and_not_asked_again_and_again",),
    ),
    # --- forecasts and views
    Defect(
        "forecast what the controller's own writes lift",
        "core/plan/plan.py",
        "hold = holds.lasting(assessment)",
        "hold = holds.first(assessment)",
        ("unit/core/test_holds.py::test_a_forecast_goes_by_what_the_controllers_own_writes_do_not_lift",),
    ),
    Defect(
        "forecast a start although it is held",
        "core/plan/plan.py",
        "hold = holds.lasting(assessment)",
        "hold = None",
        ("unit/core/test_holds.py::test_a_forecast_goes_by_what_the_controllers_own_writes_do_not_lift",),
    ),
    Defect(
        "forecast that a held Pod is up to date",
        FORECAST,
        "return Verdict.UP_TO_DATE if at_target else Verdict.SKIPPED",
        "return Verdict.UP_TO_DATE",
        ("unit/core/test_plan.py::test_a_forecast_tells_starts_waits_and_those_that_are_held",),
    ),
    Defect(
        "forecast a start that the budget defers",
        FORECAST,
        "Verdict.WAITS if assessed.pod.name in decision.admission.deferred else Verdict.STARTS",
        "Verdict.STARTS",
        ("unit/core/test_plan.py::test_a_forecast_tells_starts_waits_and_those_that_are_held",),
    ),
    Defect(
        "plan to change what a partition keeps",
        FORECAST,
        "    if assessed.excluded is not None:\n        return False\n    match assessed.state:",
        "    match assessed.state:",
        ("unit/core/test_plan.py::test_a_plan_says_that_there_is_something_to_do_where_it_exits_so",),
    ),
    Defect(
        "count waves beyond the step",
        FORECAST,
        "- beyond) / budget",
        ") / budget",
        ("unit/core/test_plan.py::test_a_forecast_counts_the_waves_up_to_the_step",),
    ),
    Defect(
        "show a Pod that waits without a reason",
        "core/views/workload.py",
        "reason = explain(assessed, deferred)",
        "reason = explain(assessed, {})",
        ("scenarios/test_upgrade.py::test_three_pods",),
    ),
    Defect(
        "show a Pod that settles as done",
        "core/views/workload.py",
        '            return "Settling"',
        '            return "Done"',
        ("unit/core/test_plan.py::test_a_view_tells_what_is_done_from_what_settles_and_what_is_held",),
    ),
    Defect(
        "show no deadline of a Pod that is not Ready after its upgrade",
        "core/pod/lifecycle.py",
        "return UpToDate(missing, ends, ends if timed else None)",
        "return UpToDate(missing, ends)",
        ("unit/core/test_plan.py::test_a_pod_that_settles_has_a_deadline_or_an_end",),
    ),
    # --- the live view
    Defect(
        "draw a picture that is taller than the terminal",
        PICTURE,
        "shown = ranked[: max(room - 1, 0)]",
        "shown = ranked",
        ("unit/cli/test_picture.py::test_the_header_and_the_pods_in_flight_stay_on_a_small_terminal",),
    ),
    Defect(
        "show waiting Pods before those in flight on a small terminal",
        PICTURE,
        "ranked = sorted(pods, key=_place)",
        "ranked = sorted(pods, key=lambda pod: -_sign(pod).place)",
        ("unit/cli/test_picture.py::test_what_failed_comes_first_then_what_moves_then_who_is_next",),
    ),
    Defect(
        "leave nothing behind when the live view ends",
        SCREEN,
        "if self._shown is not None and not self._inline:",
        "if False:",
        ("unit/cli/test_screen.py::test_what_was_there_before_stays_and_one_picture_is_left_below_it",),
    ),
    Defect(
        "say what is told into the picture, where it is lost",
        SCREEN,
        "self._told.append((text, err))",
        "say(text, err=err)",
        ("unit/cli/test_screen.py::test_what_is_told_is_in_the_picture_and_is_said_after_it",),
    ),
    Defect(
        "draw on a terminal that cannot be drawn on",
        SCREEN,
        "self._console.is_terminal and not self._console.is_dumb_terminal",
        "self._console.is_terminal",
        ("unit/cli/test_screen.py::test_a_terminal_that_cannot_be_drawn_on_gets_lines",),
    ),
    Defect(
        "estimate as if Pods went one after the other",
        "core/views/progress.py",
        "return outstanding / _width(ended)",
        "return outstanding",
        ("unit/core/test_progress.py::test_as_many_at_a_time_as_so_far",),
    ),
    # --- completion
    Defect(
        "keep the shell from proposing files where a file stands",
        "cli/complete.py",
        "_FILES_TOO if files else _NO_FILES",
        "_NO_FILES",
        ("unit/cli/test_complete.py::test_where_a_file_stands_the_shell_proposes_files",),
    ),
    Defect(
        "propose every command whatever was begun",
        "cli/app.py",
        "if one.value.startswith(incomplete)",
        "if one.value",
        ("unit/cli/test_complete.py::test_the_first_word_is_a_command",),
    ),
    Defect(
        "start the demo without its cluster",
        "cli/demo.py",
        'if find_spec("kubesim") is None:',
        "if False:",
        ("unit/cli/test_app.py::test_where_the_demos_cluster_is_missing_that_is_said",),
    ),
    Defect(
        "propose Pods under the name of any type",
        "cli/proposals.py",
        "if slash and typed not in POD_WORDS:",
        "if False:",
        ("commands/test_completion.py::test_names_of_pods_namespaces_and_contexts",),
    ),
    Defect(
        "propose whatever a kubeconfig says to the shell",
        "cli/proposals.py",
        " and _WORD.fullmatch(name)",
        "",
        ("unit/cli/test_complete.py::test_only_words_are_proposed",),
    ),
    Defect(
        "fail at what somebody else writes at this moment",
        "cli/select.py",
        "for _ in range(RACES):",
        "for _ in range(0):",
        ("unit/cli/test_select.py::test_a_write_of_others_meanwhile_changes_nothing_of_what_is_asked",),
    ),
)
