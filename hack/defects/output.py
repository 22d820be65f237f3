"""Defects of documents, and of commands about many workloads at once."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        "find nothing beyond the end of a list, of which kubectl says that it ends before",
        "cli/render/jsonpath.py",
        "        if not 0 <= index <= limit:\n",
        "        if False:\n",
        ("unit/cli/test_jsonpath.py::test_what_is_not_accepted_says_why",),
    ),
    Defect(
        "read a dot in brackets as part of a name",
        "cli/render/jsonpath.py",
        'list(self._within(f".{quoted[1]}"))',
        "[Field(quoted[1])]",
        ("unit/cli/test_jsonpath.py::test_what_a_path_finds",),
    ),
    Defect(
        "print a document without its kind",
        "cli/render/document.py",
        'head: Document = {"apiVersion": API_VERSION, "kind": kind}',
        'head: Document = {"apiVersion": API_VERSION}',
        ("commands/test_output.py::test_documents_have_the_form_that_is_kept",),
    ),
    Defect(
        "hide that one of several could not be looked at",
        "cli/select.py",
        "    return errors.ERROR if errors.ERROR in found else max(found, default=errors.OK)\n",
        "    return max((code for code in found if code != errors.ERROR), default=errors.OK)\n",
        ("commands/test_output.py::test_several_are_a_list_and_one_that_is_missing_fails_alone",),
    ),
    Defect(
        "change what a selector chooses without asking",
        "cli/select.py",
        "    if not yes:\n",
        "    if False:\n",
        ("commands/test_bulk.py::test_what_a_selector_chooses_is_listed_and_enabled_only_with_yes",),
    ),
    Defect(
        "opt in ReplicaSets of a Deployment with all the others",
        "cli/select.py",
        "if query.others and kinds.owner_of(one.metadata, kind.name) is not None:",
        "if False:",
        ("commands/test_bulk.py::test_what_a_selector_chooses_is_listed_and_enabled_only_with_yes",),
    ),
    Defect(
        "ask no server by a dry run of disable",
        "cli/disable.py",
        '        elif dry_run == "server":\n',
        "        elif False:\n",
        ("commands/test_bulk.py::test_a_dry_run_by_the_server_asks_it_and_changes_nothing",),
    ),
    Defect(
        "write a template that is only assumed",
        "cli/history.py",
        "    if exact and unseen is not None and not ref.kind.child_kind:\n",
        "    if False:\n",
        ("commands/test_needs.py::test_a_command_asks_for_no_more_than_is_said_and_ends_without_what_is_required",),
    ),
    Defect(
        "plan right after a change as if the controllers had looked",
        "cli/plan.py",
        "        if not isinstance(target, Reason) or client.clock.monotonic() >= deadline:\n",
        "        if True:\n",
        ("commands/test_files.py::test_a_plan_right_after_a_change_waits_for_the_controllers",),
    ),
    Defect(
        "show the last words of a container to whoever gets a report",
        "core/views/redaction.py",
        '(key == "terminated" or below.get("reason") in _QUOTING)',
        "False",
        ("commands/test_support.py::test_what_a_container_was_given_to_run_with_is_hidden_in_statuses_too",),
    ),
    Defect(
        "show the request of a probe to whoever gets a report",
        "core/views/redaction.py",
        'if key == "httpGet" and isinstance(below, dict):',
        "if False:",
        ("commands/test_support.py::test_what_a_container_was_given_to_run_with_is_hidden_in_statuses_too",),
    ),
)
