"""What tenants may write is read within bounds, is shown as what it is, and keeps nobody else waiting."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

TEMPLATES: Final = "unit/core/test_hostile_templates.py"
OBJECTS: Final = "unit/core/test_hostile_objects.py"
PRINTABLE: Final = "unit/runtime/test_printable.py"
PLANNING: Final = "unit/controller/test_planning.py"
RESTS: Final = "unit/controller/test_rests.py"
KINDS: Final = "unit/core/test_kinds.py"
PAGES: Final = "unit/kube/test_pages.py"
DOCUMENTS: Final = "unit/kube/test_documents.py"

DEFECTS: Final = (
    # --- time
    Defect(
        "compare every Pod with every template that somebody has written",
        "core/kinds/matching.py",
        "[-MOST_RECORDED:]",
        "",
        ("unit/core/test_kinds.py::test_of_many_recorded_templates_the_last_are_read",),
    ),
    Defect(
        "take whatever answers for an empty list",
        "kube/pages.py",
        'if page.kind != f"{kind}List":',
        "if False:",
        ("unit/kube/test_pages.py::test_what_is_no_page_is_an_error_with_its_beginning",),
    ),
    Defect(
        "take whatever answers for the object that was asked for",
        "kube/answers.py",
        "    if head.kind != resource.kind or (name and found != name):\n",
        "    if False:\n",
        ("unit/kube/test_client.py::test_what_is_not_the_object_asked_for_is_none",),
    ),
    Defect(
        "take it that a write was not made whose answer says nothing",
        "controller/apply.py",
        "isinstance(error, Unreachable | Unexpected) and not",
        "isinstance(error, Unreachable) and not",
        ("unit/controller/test_apply.py::test_a_write_without_an_answer_of_the_server_is_settled_by_a_live_read",),
    ),
    Defect(
        "take each list for the end of watches that are none",
        "kube/reflector.py",
        "        if not self._doubted:\n",
        "        if True:\n",
        ("unit/kube/test_reflector.py::test_a_watch_that_is_none_is_a_problem_and_is_listed_again",),
    ),
    Defect(
        "skip what is no event",
        "kube/watch.py",
        "if envelope.type not in _TYPES:",
        "if False:",
        ("unit/kube/test_reflector.py::test_a_watch_that_is_none_is_a_problem_and_is_listed_again",),
    ),
    Defect(
        "take a budget that cannot be read for none",
        "cluster/unreadable.py",
        "    make = _STAND_INS.get(type)\n",
        "    make = None\n",
        ("unit/core/test_reserve.py::test_a_budget_that_cannot_be_read_holds_back_and_is_not_written",),
    ),
    Defect(
        "put something in the place of what is gone",
        "kube/reflector.py",
        "None if lost.gone else self._stand_in(lost)",
        "self._stand_in(lost)",
        ("unit/kube/test_reflector.py::test_what_cannot_be_decoded_is_stood_in_for_until_it_is_gone",),
    ),
    Defect(
        "believe any duration of a Lease",
        "kube/lease.py",
        "min(max(lease.spec.lease_duration_seconds, 1), BELIEVED * self._duration)",
        "max(lease.spec.lease_duration_seconds, 1)",
        ("unit/kube/test_lease.py::test_nobody_waits_for_as_long_as_somebody_has_written_into_the_lease",),
    ),
    Defect(
        "accept any number of patterns",
        "core/settings/grammar.py",
        'if len(text) > MAX_GLOBS_TEXT or text.count(",") >= MAX_GLOBS:',
        "if False:",
        (f"{TEMPLATES}::test_too_many_patterns_are_refused_by_name",),
    ),
    Defect(
        "read a setting of any length",
        "core/settings/annotations.py",
        "_SETTINGS[name].parse(text) if len(text) <= MAX_TEXT else None",
        "_SETTINGS[name].parse(text)",
        (f"{TEMPLATES}::test_a_setting_of_a_megabyte_is_refused_at_once",),
    ),
    Defect(
        "look for a likeness of every unknown setting",
        "core/settings/annotations.py",
        "*_some(_unknown(metadata)),",
        "*_unknown(metadata),",
        (f"{TEMPLATES}::test_thousands_of_unknown_settings_are_told_of_at_once",),
    ),
    Defect(
        "compare templates of any size",
        "core/template/trees.py",
        "    if len(encoded) > MAX_BYTES:\n",
        "    if False:\n",
        (f"{TEMPLATES}::test_a_workload_with_such_a_template_is_refused_with_the_reason",),
    ),
    Defect(
        "compare templates of any depth",
        "core/template/trees.py",
        "_TOO_DEEP if many and _is_deep(value) else",
        '"" if many else',
        (f"{TEMPLATES}::test_a_template_in_excess_is_not_looked_into",),
    ),
    Defect(
        "refuse a Pod that is at its large template already",
        "core/rollout/changes.py",
        "if large is not None and bases != (target,):",
        "if large is not None:",
        (f"{TEMPLATES}::test_a_pod_at_such_a_template_is_left_alone",),
    ),
    Defect(
        "read a record of any length",
        "core/state/records.py",
        "    if len(text) > LIMIT:\n",
        "    if False:\n",
        (f"{OBJECTS}::test_a_record_of_fifty_containers_is_read_and_one_of_thousands_is_not",),
    ),
    Defect(
        "make every plan in the event loop",
        "controller/planning.py",
        "        if self.is_long(snapshot):\n",
        "        if False:\n",
        (f"{PLANNING}::test_a_plan_of_many_pods_is_made_beside_the_loop",),
    ),
    Defect(
        "forget that a plan took long",
        "controller/planning.py",
        "        self._took[uid] = max(took, KEEPS * self._took.get(uid, 0.0))\n",
        "",
        (f"{PLANNING}::test_a_workload_whose_plan_took_long_is_planned_beside_from_then_on",),
    ),
    Defect(
        "forget a long plan after one that was short",
        "controller/planning.py",
        "max(took, KEEPS * self._took.get(uid, 0.0))",
        "took",
        (f"{PLANNING}::test_one_short_plan_does_not_bring_a_workload_back_into_the_loop",),
    ),
    Defect(
        "make plans of many revisions in the loop",
        "controller/planning.py",
        "if len(snapshot.revisions) >= MANY_REVISIONS:",
        "if False:",
        (f"{PLANNING}::test_few_pods_of_many_revisions_are_planned_beside_the_loop",),
    ),
    Defect(
        "let a workload with long plans take all the time",
        "controller/reconciler.py",
        "return max(rest, SHARE * took * len(mine) - took)",
        "return rest",
        (f"{RESTS}::test_long_plans_of_a_namespace_leave_others_three_quarters_of_the_time",),
    ),
    Defect(
        "let each workload of a namespace take a quarter of the time",
        "controller/reconciler.py",
        "return max(rest, SHARE * took * len(mine) - took)",
        "return max(rest, SHARE * took - took)",
        (f"{RESTS}::test_long_plans_of_a_namespace_leave_others_three_quarters_of_the_time",),
    ),
    Defect(
        "keep the oldest of the recorded templates",
        "core/kinds/matching.py",
        "[-MOST_RECORDED:]",
        "[:MOST_RECORDED]",
        (f"{KINDS}::test_no_more_recorded_templates_are_read_than_are_kept",),
    ),
    Defect(
        "read a template for each Pod",
        "core/kinds/matching.py",
        "    wanted = template.images\n",
        "    wanted = trees.images(template.tree)\n",
        (f"{KINDS}::test_a_template_is_read_once_however_many_pods_are_compared_with_it",),
    ),
    Defect(
        "compare whole templates for each Pod that fits none",
        "core/kinds/matching.py",
        "revisions[revision].imageless for",
        "trees.without_images(revisions[revision].tree) for",
        (f"{KINDS}::test_a_template_is_read_once_however_many_pods_are_compared_with_it",),
    ),
    Defect(
        "break the lines of an Event",
        "kube/events.py",
        "cut(one_line(message)",
        "cut(printable(message)",
        ("unit/kube/test_events.py::test_a_message_is_one_line_whatever_a_tenant_has_written",),
    ),
    # --- one object hurts no other
    Defect(
        "lose a whole page for an item that is nested too deep",
        "kube/pages.py",
        "    except RecursionError:\n        page = await _cut(body)\n",
        "",
        (f"{PAGES}::test_a_cache_fills_and_follows_without_the_deep_one",),
    ),
    Defect(
        "take text that is no UTF-8 for nothing that can happen",
        "core/objects/reading.py",
        "(msgspec.MsgspecError, ValueError, RecursionError)",
        "(msgspec.MsgspecError, RecursionError)",
        ("fuzz/test_fuzz.py",),
    ),
    Defect(
        "take a time without a zone for one",
        "core/objects/times.py",
        "msgspec.Meta(tz=True)",
        "msgspec.Meta()",
        ("fuzz/test_fuzz.py::test_what_failed_once",),
    ),
    # --- words
    Defect(
        "say values of fields that nobody knows",
        "core/template/words.py",
        "            return field in _SAID\n",
        "            return True\n",
        (f"{TEMPLATES}::test_a_value_that_may_be_a_secret_is_not_said",),
    ),
    Defect(
        "take the options of a volume for its fields",
        "core/template/trees.py",
        ', "options"}',
        "}",
        (f"{TEMPLATES}::test_an_option_of_a_volume_is_not_said",),
    ),
    Defect(
        "say what an annotation holds",
        "core/template/diff.py",
        '    if field == "annotations":\n',
        "    if False:\n",
        (f"{TEMPLATES}::test_an_annotation_of_a_live_pod_is_not_said",),
    ),
    Defect(
        "say the whole spec that the server prints",
        "kube/errors.py",
        "message=_SPEC_DIFF.sub(_without_values, status.message)",
        "message=status.message",
        ("unit/kube/test_errors.py::test_the_spec_that_the_server_prints_is_left_out",),
    ),
    Defect(
        "let objects steer the terminal of a command",
        "cli/say.py",
        "rest = one_line(text)",
        "rest = text",
        (f"{PRINTABLE}::test_commands",),
    ),
    Defect(
        "let objects steer the terminal of who watches",
        "cli/render/picture.py",
        "words = one_line(words).replace",
        "words = words.replace",
        (f"{PRINTABLE}::test_the_live_view",),
    ),
    Defect(
        "let objects steer the terminal that the controller runs in",
        "serve/logs.py",
        "            _printable,  # before",
        "            # before",
        (f"{PRINTABLE}::test_logs",),
    ),
    Defect(
        "let a line feed in an image begin a line of a command",
        "runtime/printable.py",
        'return printable(text).replace("\\n", "\\\\n")',
        "return printable(text)",
        (
            f"{PRINTABLE}::test_commands",
            f"{PRINTABLE}::test_a_table_has_a_line_for_each_row",
            "commands/test_messages.py::test_no_value_of_a_tenant_begins_a_line",
        ),
    ),
    Defect(
        "let the message of an exception begin a line of the log",
        "serve/logs.py",
        'textwrap.indent(printable(text), "  ")',
        "printable(text)",
        (f"{PRINTABLE}::test_logs",),
    ),
    # --- the calendar
    Defect(
        "reckon from a time that nobody lives in",
        "core/objects/times.py",
        "return min(max(at, EARLIEST), LATEST)",
        "return at",
        (f"{OBJECTS}::test_a_pod_with_times_that_nobody_lives_in_is_planned",),
    ),
    # --- files
    Defect(
        "take half a character for text",
        "kube/documents.py",
        "    text = _text(node)\n",
        "    text: str = node.value\n",
        (f"{DOCUMENTS}::test_bad_input_is_one_line",),
    ),
    Defect(
        "let merges multiply",
        "kube/documents.py",
        "        node.value = [*others, *scalars.values()]\n",
        "        others.clear()\n        scalars.clear()\n",
        (f"{DOCUMENTS}::test_merges_do_not_multiply",),
    ),
)
