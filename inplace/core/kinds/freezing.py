"""The writes that freeze, thaw and fall back to the native rollout; shared by several kinds."""

from __future__ import annotations

import msgspec

from inplace.core.actions.actions import PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.model import Tree, Workload
from inplace.core.objects.reasons import EventReason


def is_frozen(workload: Workload) -> bool:
    """Whether our label marks the freeze as ours."""
    return workload.metadata.label(names.FROZEN) is not None


def label_frozen(workload: Workload) -> PatchWorkload | None:
    """For a workload that needs no freeze: write only our label, if it is missing."""
    return (
        None
        if is_frozen(workload)
        else freeze_write(workload, EventReason.Frozen, "nothing to change: already frozen", {})
    )


def freeze(workload: Workload, spec: Tree) -> PatchWorkload:
    """The write that freezes, or that restores a freeze lifted by another writer."""
    if is_frozen(workload):
        lost = "another writer lifted the freeze; restoring it"
        return freeze_write(workload, EventReason.FreezeLost, lost, spec)
    return freeze_write(workload, EventReason.Frozen, "native rollouts are frozen; upgrades happen in place", spec)


def freeze_write(workload: Workload, why: EventReason, note: str, spec: Tree) -> PatchWorkload:
    """The write that freezes: the spec, the label, and the original strategy."""
    original = bytes(workload.spec.update_strategy).decode()
    annotations: dict[str, str | None] = {names.ORIGINAL_STRATEGY: original} if "updateStrategy" in spec else {}
    return PatchWorkload(workload, why, note, spec, {names.FROZEN: "true"}, annotations)


def thaw(workload: Workload, spec: Tree) -> PatchWorkload | None:
    """The write that removes all our keys, requests included, and restores the spec; None if no key is left.

    Requests alone are none: nobody has opted in.
    """
    labels = [key for key in (names.FROZEN, names.PHASE) if workload.metadata.label(key) is not None]
    ours = (names.STATUS, names.ORIGINAL_STRATEGY, names.TEMPLATES, names.SETTINGS)
    annotations = [key for key in ours if workload.metadata.annotation(key) is not None]
    if not labels and not annotations:
        return None
    annotations += [key for key in names.REQUESTS if workload.metadata.annotation(key) is not None]
    note = "the original update strategy is restored"
    return PatchWorkload(workload, EventReason.Restored, note, spec, dict.fromkeys(labels), dict.fromkeys(annotations))


def fall_back(workload: Workload, spec: Tree) -> PatchWorkload:
    """The write that restores the original strategy for a native rollout; the workload is frozen again afterwards."""
    note = "this change cannot be made in place: the native rollout replaces the Pods"
    removed = [key for key in (names.ORIGINAL_STRATEGY,) if workload.metadata.annotation(key) is not None]
    return PatchWorkload(workload, EventReason.HandedOver, note, spec, {names.FROZEN: None}, dict.fromkeys(removed))


def original_strategy(workload: Workload) -> Tree:
    """The updateStrategy that the freeze replaced, for the write that restores it; empty if none is recorded."""
    text = workload.metadata.annotation(names.ORIGINAL_STRATEGY)
    return {"updateStrategy": msgspec.json.decode(text)} if text else {}
