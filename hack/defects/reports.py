"""What operators are told wrongly, or not at all: logs and Events."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

EVENTS: Final = "kube/events.py"
OUTAGES: Final = "kube/outages.py"
LINES: Final = "core/actions/lines.py"
WRITE_LOG: Final = "controller/write_log.py"
UNREACHABLE: Final = "kube/unreachable.py"
PLAN_EVENTS: Final = "core/plan/events.py"
RECORDER: Final = "unit/kube/test_events.py"
TROUBLES: Final = "unit/kube/test_outages.py"
WORKLOAD: Final = "unit/core/test_workload.py"
APPLY: Final = "unit/controller/test_apply.py"

DEFECTS: Final = (
    # --- the state of a container
    Defect(
        "tell the state of the old container as that of the new image",
        "core/views/workload.py",
        "is_old=container.name in due and status is not None and status.state.waiting is None,",
        "is_old=False,",
        (f"{WORKLOAD}::test_a_state_is_told_of_the_image_that_the_container_has",),
    ),
    Defect(
        "tell the state of a container that is being made as that of the old one",
        "core/views/workload.py",
        " and status is not None and status.state.waiting is None,",
        ",",
        (f"{WORKLOAD}::test_a_state_is_told_of_the_image_that_the_container_has",),
    ),
    # --- Events
    Defect(
        "write Events without the time by which kubectl sorts them",
        EVENTS,
        '            "lastTimestamp": time(entry.at),\n',
        "",
        (f"{RECORDER}::test_an_event_has_the_times_and_the_count_that_kubectl_sorts_by",),
    ),
    Defect(
        "leave a repeated Event at the time of the first",
        EVENTS,
        '{"count": known.count, "lastTimestamp": time(entry.at), "message": entry.message}',
        '{"count": known.count, "message": entry.message}',
        (f"{RECORDER}::test_a_repetition_raises_the_count_and_the_time",),
    ),
    Defect(
        "cut a message by characters, where bytes count",
        EVENTS,
        "    if len(raw) <= limit:\n",
        "    if len(text) <= limit:\n",
        (f"{RECORDER}::test_a_long_message_is_cut_between_characters_to_the_bytes_that_validation_allows",),
    ),
    Defect(
        "write any number of Events about one object",
        EVENTS,
        "        bucket.tokens -= 1\n",
        "        bucket.tokens -= 0\n",
        (f"{RECORDER}::test_an_object_has_no_more_events_than_its_share_and_another_still_has_its_own",),
    ),
    Defect(
        "write an Event for each of many messages with one reason",
        EVENTS,
        "or len(similar.messages) < MAX_SIMILAR:",
        "or len(similar.messages) < 10 * MAX_SIMILAR:",
        (f"{RECORDER}::test_many_messages_with_one_reason_become_one_event",),
    ),
    Defect(
        "name two Events of one moment alike",
        EVENTS,
        "max(self._stamp + 1, int(entry.at.timestamp() * 1_000_000) * 1000)",
        "int(entry.at.timestamp() * 1_000_000) * 1000",
        (f"{RECORDER}::test_names_are_valid_unique_and_sort_by_time",),
    ),
    Defect(
        "name an Event of a long name so that the server refuses it",
        EVENTS,
        ".rstrip('-.')",
        "",
        (f"{RECORDER}::test_names_are_valid_unique_and_sort_by_time",),
    ),
    Defect(
        "call opting in an upgrade",
        PLAN_EVENTS,
        'return before.phase is not Phase.UP_TO_DATE and bool(moved or before.healthy not in ("", after.revision))',
        "return before.phase is not Phase.UP_TO_DATE",
        (f"{WORKLOAD}::test_events_stand_for_changes_and_never_for_single_pods",),
    ),
    Defect(
        "tell a refused write on a Pod that nobody owns on its workload",
        "controller/apply.py",
        "            if snapshot.workload.metadata.uid:  # nobody's Pod",
        "            if True:  # nobody's Pod",
        (f"{APPLY}::test_a_refusal_on_a_pod_that_nobody_owns_ends_no_process",),
    ),
    Defect(
        "try the label of the phase again only once it is forgotten that it was refused",
        "core/plan/plan.py",
        " and one.sort != itself for one in",
        " for one in",
        (f"{WORKLOAD}::test_the_label_waits_while_another_write_on_the_workload_fails_but_not_for_itself",),
    ),
    # --- what fails everything at once
    Defect(
        "tell what passes within a moment",
        OUTAGES,
        "        if now - outage.since < GATHER_SECONDS:\n            return\n",
        "",
        (f"{TROUBLES}::test_what_passes_soon_is_not_told_at_all",),
    ),
    Defect(
        "tell it at every failure",
        OUTAGES,
        "now - outage.told_at < REPEAT_SECONDS:",
        "now - outage.told_at < 0:",
        (f"{TROUBLES}::test_missing_rights_are_one_line_that_names_each_of_them_and_what_to_do",),
    ),
    Defect(
        "call it over when the first has succeeded",
        OUTAGES,
        "        if any(one.kind is kind for one in self._failing.values()):\n            return\n",
        "",
        (f"{TROUBLES}::test_it_is_told_again_after_minutes_while_it_lasts_and_once_when_it_is_over",),
    ),
    Defect(
        "not notice that the server answers",
        "kube/client.py",
        "        self.outages.answered()\n",
        "",
        (f"{TROUBLES}::test_the_client_says_when_the_server_answers",),
    ),
    Defect(
        "warn of each failed watch as well",
        "kube/reflector.py",
        'level="debug" if told else "warning", **fields)',
        'level="warning", **fields)',
        ("faults/test_observed.py::test_missing_rights_are_one_line_and_one_when_they_are_there",),
    ),
    Defect(
        "not say that the rights are there again",
        "kube/reflector.py",
        "            self._client.outages.ended(self._source)\n",
        "            pass\n",
        ("faults/test_observed.py::test_missing_rights_are_one_line_and_one_when_they_are_there",),
    ),
    Defect(
        "show the password in a server's address",
        UNREACHABLE,
        "url.with_user(None).with_query(None)",
        "url.with_query(None)",
        ("unit/kube/test_unreachable.py::test_an_address_has_no_credential",),
    ),
    Defect(
        "say for whom a standby waits at each try",
        "kube/lease.py",
        "        if holder != self._leader:\n            self._leader = holder\n",
        "        if True:\n            self._leader = holder\n",
        ("unit/kube/test_lease.py::test_who_waits_says_for_whom_once_and_once_when_that_changes",),
    ),
    Defect(
        "take silence for a namespace that exists",
        "controller/watched_namespace.py",
        "            except NotFound:\n                return False\n",
        "            except NotFound:\n                return True\n",
        ("unit/controller/test_watched_namespace.py::test_one_that_is_missing_is_said_once_and_once_when_it_is_there",),
    ),
    # --- lines
    Defect(
        "call a failed Pod information",
        LINES,
        '        case RecordFailure():\n            return "warning"\n',
        '        case RecordFailure():\n            return "info"\n',
        ("unit/core/test_lines.py::test_the_level_is_that_of_its_importance",),
    ),
    Defect(
        "swap the images from and to",
        LINES,
        '"from": images(before), "to": images(change.images)',
        '"to": images(before), "from": images(change.images)',
        ("unit/core/test_lines.py::test_a_patch_names_the_images_and_the_revisions",),
    ),
    Defect(
        "warn of a lost race",
        WRITE_LOG,
        'if told or outcome == "stale" else',
        "if told else",
        (f"{APPLY}::test_a_lost_race_is_nothing_that_an_operator_reads",),
    ),
    Defect(
        "log a status by its phase whether or not that has changed",
        LINES,
        "    if before is not None and (before.phase, before.revision) == (after.phase, after.revision):\n"
        '        return "debug"\n',
        "",
        ("unit/core/test_lines.py::test_the_level_is_that_of_its_importance",),
    ),
    Defect(
        "log an event that the documentation does not know",
        "cli/run.py",
        '"controller.stopped"',
        '"controller.ended"',
        ("unit/test_log_events.py::test_every_event_that_is_logged_stands_in_the_table_and_the_table_has_no_other",),
    ),
)
