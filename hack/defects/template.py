"""What a change of the template means for a live Pod, and how files that describe one are read."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

KNOWN_KEYS: Final = "core/objects/known_keys.py"
KEYS: Final = "core/template/keys.py"
DIFF: Final = "core/template/diff.py"
DEFAULTS: Final = "core/template/defaults.py"
DOCUMENTS: Final = "cli/documents.py"
PLAN: Final = "cli/plan.py"

CHANGE: Final = "unit/core/test_change.py"
REFUSALS: Final = "scenarios/test_refusals.py"
FILES: Final = "commands/test_files.py"

DEFECTS: Final = (
    # --- keys of other projects
    Defect(
        "take another project's restart request for content",
        KNOWN_KEYS,
        "RESTART_ON: Final = tuple(known.pattern for known in RESTART_REQUESTS)",
        'RESTART_ON: Final = ("checksum/*",)',
        (f"{REFUSALS}::test_restart_requests_of_other_projects_are_refused_with_a_reason",),
    ),
    Defect(
        "refuse a checksum although every container restarts",
        KEYS,
        "_left_out(target, images) if images else",
        '"nobody restarts" if images else',
        (f"{REFUSALS}::test_a_checksum_beside_a_new_image_of_every_container_is_upgraded",),
    ),
    Defect(
        "forget the containers that miss a restart request",
        KEYS,
        "if name not in images]\n    staying +=",
        "if False]\n    staying +=",
        (f"{CHANGE}::test_a_restart_request_is_refused_where_one_would_miss_it",),
    ),
    Defect(
        "forget the init containers that read configuration",
        KEYS,
        "if not trees.is_sidecar(one) and _is_configured(target, one)]",
        "if False]",
        (f"{CHANGE}::test_a_restart_request_is_refused_where_one_would_miss_it",),
    ),
    Defect(
        "lose a restart request on a Pod whose container has its new image already",
        DIFF,
        "        *keys.refuse_restarts(between.target, images, *asked, restart_on),\n",
        "",
        (f"{CHANGE}::test_a_restart_request_is_lost_on_a_pod_with_a_container_at_its_new_image_already",),
    ),
    Defect(
        "write onto live Pods what is read only when a Pod is created",
        KEYS,
        "    yield from _refuse_read_at_creation(labels, annotations)\n",
        "",
        (f"{REFUSALS}::test_what_is_read_when_a_pod_is_created_is_refused_with_a_reason",),
    ),
    # --- what the server fills in
    Defect(
        "hold a default pull policy against a file that never had one",
        DIFF,
        'and policy in {None, "", default}:',
        'and policy in {None, ""}:',
        (f"{FILES}::test_plan_off_latest_leaves_the_pull_policy_that_the_server_filled_in",),
    ),
    Defect(
        "forget that ports of the host network are the host's",
        DEFAULTS,
        'if spec.get("hostNetwork"):  #',
        "if False:  #",
        ("unit/core/test_defaults.py::test_ports_of_the_host_network_are_ports_of_the_host",),
    ),
    # --- files
    Defect(
        "take a file for a new revision because of defaults that it leaves out",
        PLAN,
        "if isinstance(verdict, PodChange) and verdict.is_empty)",
        "if trees.fingerprint_of(template.tree) == trees.fingerprint_of(tree))",
        (f"{FILES}::test_plan_of_the_file_as_it_is_applied_already",),
    ),
    Defect(
        "take numbers of base 60 for numbers",
        DOCUMENTS,
        "    if text in _WORDS:\n",
        '    if ":" in text and text.replace(":", "").isdigit():\n        return int(text.replace(":", ""))\n'
        "    if text in _WORDS:\n",
        ("unit/cli/test_documents.py::test_scalars",),
    ),
)
