"""What a change of the template means for a live Pod, and how files that describe one are read."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

KNOWN_KEYS: Final = "core/objects/known_keys.py"
KEYS: Final = "core/template/keys.py"
DIFF: Final = "core/template/diff.py"
RESTARTS: Final = "core/template/restarts.py"
MENDED: Final = "campaign/test_campaign.py::test_a_mended_fault_is_not_shown_again"
ALIASES: Final = "core/objects/aliases.py"
DEFAULTS: Final = "core/template/defaults.py"
DOCUMENTS: Final = "kube/documents.py"
PLAN: Final = "cli/plan.py"

CHANGE: Final = "unit/core/test_change.py"
SCENARIO_RESTARTS: Final = "scenarios/test_restarts.py"
REFUSALS: Final = "scenarios/test_refusals.py"
FILES: Final = "commands/test_files.py"

DEFECTS: Final = (
    # --- keys of other projects
    Defect(
        "wait for the restart of a plain init container",
        "core/template/diff.py",
        "spec_only=name not in runs",
        "spec_only=False",
        ("scenarios/test_init_containers.py::test_an_init_image_is_refused_or_set_in_the_spec_alone",),
    ),
    Defect(
        "complete an upgrade without setting the images that do not run again",
        "core/pod/attempt.py",
        "    if record.containers or change.images:\n",
        "    if record.containers:\n",
        ("scenarios/test_init_containers.py::test_an_init_image_is_refused_or_set_in_the_spec_alone",),
    ),
    Defect(
        "call a sidecar stuck whose startup probe goes on",
        "core/pod/evidence.py",
        "if any(one.name == status.name and awaits_startup_probe(one, status) for one in pod.spec.init_containers):",
        "if False:",
        ("unit/core/test_evidence.py::test_a_sidecar_whose_startup_probe_goes_on_is_told_apart",),
    ),
    Defect(
        "take another project's restart request for content",
        KNOWN_KEYS,
        "RESTART_ON: Final = tuple(known.pattern for known in RESTART_REQUESTS)",
        'RESTART_ON: Final = ("checksum/*",)',
        (f"{CHANGE}::test_a_restart_request_restarts_every_container_that_can",),
    ),
    Defect(
        "restart a container once more that starts again for its new image",
        RESTARTS,
        "for name in requested if name not in images",
        "for name in requested",
        (f"{CHANGE}::test_only_what_has_no_new_image_restarts_with_the_one_that_it_has",),
    ),
    Defect(
        "restart with the digest of another image while the container before still runs",
        RESTARTS,
        "not before.evidence and before.from_ != before.to:",
        "False:",
        (f"{CHANGE}::test_nor_that_of_an_image_whose_container_is_not_replaced_yet",),
    ),
    Defect(
        "restart with the digest of another image while the new one is not there",
        RESTARTS,
        "return waiting is None or waiting.reason not in PULL",
        "return True",
        (
            f"{CHANGE}::test_the_digest_of_the_image_before_is_not_that_of_one_that_is_not_there",
            f"{MENDED}[restart with the digest of another image while the new one is not there]",
        ),
    ),
    Defect(
        "leave the env of a container stale",
        RESTARTS,
        "for name in keys.reading(target, labels, annotations) if",
        "for name in () if",
        (
            f"{CHANGE}::test_only_the_containers_with_a_changed_key_in_their_env_restart",
            f"{SCENARIO_RESTARTS}::test_only_what_reads_a_changed_key_starts_again",
        ),
    ),
    Defect(
        "switch to a spelling that the node may not have",
        ALIASES,
        "if runs is None or not _same_repository(one, runs) or",
        "if runs is None or",
        (f"{CHANGE}::test_an_image_without_a_digest_of_its_repository_is_not_restarted",),
    ),
    Defect(
        "go back to a tag, whatever it means by now",
        ALIASES,
        "return f\"{name.removesuffix(f':{one.tag}')}@{one.digest}\"",
        "return wanted",
        (
            f"{CHANGE}::test_no_restart_depends_on_what_the_tag_means",
            f"{SCENARIO_RESTARTS}::test_a_tag_that_means_something_else_by_now_never_brings_another_version",
        ),
    ),
    Defect(
        "say nothing of a registry that only the live Pod asks",
        DIFF,
        "notes = (*verdict.notes, *asking, *_metadata_drift(between, pod))",
        "notes = (*verdict.notes, *_metadata_drift(between, pod))",
        (f"{CHANGE}::test_so_is_it_where_admission_has_set_the_policy_on_the_live_pod",),
    ),
    Defect(
        "take an alias for drift",
        DIFF,
        "if live is None or live.image == image or _runs_alias(between, pod, name, touched):",
        "if live is None or live.image == image:",
        (f"{CHANGE}::test_an_alias_of_the_templates_image_is_no_difference",),
    ),
    Defect(
        "forget the init containers that read configuration",
        KEYS,
        "if not trees.is_sidecar(one) and _is_configured(target, one)]",
        "if False]",
        (f"{CHANGE}::test_a_restart_request_is_refused_where_one_would_miss_it",),
    ),
    Defect(
        "take the pod of a command for ours",
        "core/pod/lifecycle.py",
        "    if not context.works_on(record):\n",
        "    if False:\n",
        ("unit/core/test_pod.py::test_a_pod_on_which_a_command_works_is_left_alone_until_its_deadline",),
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
        ("unit/kube/test_documents.py::test_scalars",),
    ),
)
