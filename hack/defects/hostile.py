"""What tenants may write is read within bounds, is shown as what it is, and keeps nobody else waiting."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

TEMPLATES: Final = "unit/core/test_hostile_templates.py"
OBJECTS: Final = "unit/core/test_hostile_objects.py"
PRINTABLE: Final = "unit/runtime/test_printable.py"
PLANNING: Final = "unit/controller/test_planning.py"
PAGES: Final = "unit/kube/test_pages.py"
DOCUMENTS: Final = "unit/cli/test_documents.py"

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
        "        self._took[snapshot.workload.metadata.uid] = took\n",
        "",
        (f"{PLANNING}::test_a_workload_whose_plan_took_long_is_planned_beside_from_then_on",),
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
        "core/objects/model.py",
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
        'message=_SPEC_DIFF.sub(r"\\1", status.message)',
        "message=status.message",
        ("unit/kube/test_errors.py::test_the_spec_that_the_server_prints_is_left_out",),
    ),
    Defect(
        "let objects steer the terminal of a command",
        "cli/say.py",
        "rest = printable(text)",
        "rest = text",
        (f"{PRINTABLE}::test_commands",),
    ),
    Defect(
        "let objects steer the terminal of who watches",
        "cli/render/tree.py",
        "((printable(words), style) for",
        "((words, style) for",
        (f"{PRINTABLE}::test_the_live_tree",),
    ),
    Defect(
        "let objects steer the terminal that the controller runs in",
        "serve/logs.py",
        "            _printable,  # before",
        "            # before",
        (f"{PRINTABLE}::test_logs",),
    ),
    # --- files
    Defect(
        "let merges multiply",
        "cli/documents.py",
        "        node.value = [*others, *scalars.values()]\n",
        "        others.clear()\n        scalars.clear()\n",
        (f"{DOCUMENTS}::test_merges_do_not_multiply",),
    ),
)
