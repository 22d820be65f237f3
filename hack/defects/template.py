"""What a change of the template means for a live Pod: keys that ask for more than to stand on it."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

KNOWN_KEYS: Final = "core/objects/known_keys.py"
KEYS: Final = "core/template/keys.py"
DIFF: Final = "core/template/diff.py"

CHANGE: Final = "unit/core/test_change.py"
REFUSALS: Final = "scenarios/test_refusals.py"

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
)
