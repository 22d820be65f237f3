"""The writes that freeze, thaw and fall back to the native rollout; shared by several kinds."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from inplace.core.actions.actions import PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.model import ManagedFields, Tree
from inplace.core.objects.reading import UNREADABLE, read
from inplace.core.objects.reasons import EventReason
from inplace.core.objects.workloads import Workload
from inplace.core.settings.annotations import amount_of
from inplace.core.template import trees

ROLLING_UPDATE: Final = "RollingUpdate"
ON_DELETE: Final = "OnDelete"


class Replaced(Struct, frozen=True):
    """What the freeze replaces of an update strategy; all else of it stays in the spec, where its owner changes it.

    `partition` is a StatefulSet's; None if there is none. `applied`: its owner applied it server-side, so that it goes
    with the strategy from his file. `rolling` was recorded by versions that took more out of `rollingUpdate`.
    """

    type: str = ROLLING_UPDATE
    partition: int | None = None
    applied: bool = False
    rolling: dict[str, int | str] = {}

    def encode(self) -> str:
        """As it is recorded in `original-strategy`; the admission policies write the same, but never `applied`."""
        block = {} if self.partition is None else {"rollingUpdate": {"partition": self.partition}}
        applied = {"applied": True} if self.applied else {}
        return msgspec.json.encode({"type": self.type, **block, **applied}).decode()


class _Block(Struct, rename="camel"):
    partition: int | None = None
    max_unavailable: int | str | None = None
    max_surge: int | str | None = None


class _Strategy(Struct, rename="camel"):
    type: str = ""
    rolling_update: _Block | None = None
    applied: bool = False


def is_frozen(workload: Workload) -> bool:
    """Whether our label marks the freeze as ours."""
    return workload.metadata.label(names.FROZEN) is not None


def replaced(strategy: msgspec.Raw) -> Replaced:
    """What a freeze replaces of this strategy, as the API server has it."""
    found = read(strategy, _Strategy, _Strategy())
    return Replaced(found.type or ROLLING_UPDATE, found.rolling_update.partition if found.rolling_update else None)


def rolling(workload: Workload, known: Replaced) -> Tree:
    """`rollingUpdate` but for the partition: what the spec has of it, else what is recorded."""
    strategy = read(workload.spec.update_strategy, Tree, {})
    block = {**known.rolling, **trees.tree(strategy.get("rollingUpdate"))}
    return {key: value for key, value in block.items() if key != "partition"}


def recorded(workload: Workload) -> Replaced | None:
    """What the freeze has replaced; None if that is not recorded, or makes no sense: anybody may write it."""
    text = workload.metadata.annotation(names.ORIGINAL_STRATEGY)
    try:
        found = msgspec.json.decode(text or "", type=_Strategy)
    except UNREADABLE:
        return None
    block, type_ = found.rolling_update or _Block(), found.type or ROLLING_UPDATE
    amounts = {"maxUnavailable": block.max_unavailable, "maxSurge": block.max_surge}
    given = {key: value for key, value in amounts.items() if value is not None}
    sound = type_ in (ROLLING_UPDATE, ON_DELETE) and 0 <= (block.partition or 0) <= names.FROZEN_PARTITION
    if not sound or any(amount_of(value) is None for value in given.values()):
        return None
    return Replaced(type_, block.partition, found.applied, given)


def original(workload: Workload) -> Replaced:
    """What the freeze has replaced. If nobody knows any more: the API server's default, a rollout of every Pod."""
    return recorded(workload) or Replaced()


def respecified(workload: Workload, own: Replaced) -> Tree:
    """The strategy with this type and partition, and all else as its owner last wrote it."""
    strategy = read(workload.spec.update_strategy, Tree, {})
    block = rolling(workload, own) | ({} if own.partition is None else {"partition": own.partition})
    others = {key: value for key, value in strategy.items() if key != "rollingUpdate"}
    return {"updateStrategy": {**others, "type": own.type, **({"rollingUpdate": block} if block else {})}}


def mark(workload: Workload, *, is_ours: bool) -> PatchWorkload | None:
    """The write that a workload still lacks which is held already: our label, and the record of its strategy.

    `is_ours`: its strategy is what our freeze makes of one. Without our label it is its owner's nevertheless.
    """
    if not is_frozen(workload):
        known = recorded(workload) or replaced(workload.spec.update_strategy)
        return _write(workload, EventReason.Frozen, "nothing to change: already frozen", {}, known)
    if not is_ours or recorded(workload) is not None:
        return None
    note = f"the update strategy from before the freeze is not recorded any more: opting out leaves {ROLLING_UPDATE}"
    return _write(workload, EventReason.StrategyForgotten, note, {}, Replaced())


def note(workload: Workload, own: Replaced) -> PatchWorkload | None:
    """The write that records what the owner has put in the place of the strategy on record; None if it is the same."""
    if own == original(workload):
        return None
    partition = "" if own.partition is None else f" with the partition {own.partition}"
    annotations: dict[str, str | None] = {names.ORIGINAL_STRATEGY: own.encode()}
    return PatchWorkload(workload, None, f"its owner has set the strategy {own.type}{partition}", {}, {}, annotations)


def strategies(workload: Workload, operation: str) -> list[Tree]:
    """The fields of the update strategy that others own by an operation: one tree for each who owns any of the spec."""
    entries = read(workload.metadata.managed_fields, list[ManagedFields], [])
    others = [one.fields for one in entries if one.operation == operation and one.manager != names.FIELD_MANAGER]
    specs = [trees.tree(read(fields, Tree, {}).get("f:spec")) for fields in others]
    return [trees.tree(spec.get("f:updateStrategy")) for spec in specs if spec]


def freeze(workload: Workload, spec: Tree, known: Replaced | None = None) -> PatchWorkload:
    """The write that freezes, or that restores a freeze lifted by another writer.

    `known`: what it replaces of the update strategy; None if it replaces nothing of it.
    """
    if is_frozen(workload):
        lost = "another writer lifted the freeze; restoring it"
        return _write(workload, EventReason.FreezeLost, lost, spec, known)
    return _write(workload, EventReason.Frozen, "native rollouts are frozen; upgrades happen in place", spec, known)


def _write(workload: Workload, why: EventReason, note: str, spec: Tree, known: Replaced | None) -> PatchWorkload:
    annotations: dict[str, str | None] = {} if known is None else {names.ORIGINAL_STRATEGY: known.encode()}
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
    if "updateStrategy" in spec and recorded(workload) is None:
        note = f"the original update strategy is not recorded: {ROLLING_UPDATE} is restored"
    return PatchWorkload(workload, EventReason.Restored, note, spec, dict.fromkeys(labels), dict.fromkeys(annotations))


def fall_back(workload: Workload, spec: Tree) -> PatchWorkload:
    """The write that restores the original strategy for a native rollout; the workload is frozen again afterwards."""
    note = "this change cannot be made in place: the native rollout replaces the Pods"
    removed = [key for key in (names.ORIGINAL_STRATEGY,) if workload.metadata.annotation(key) is not None]
    return PatchWorkload(workload, EventReason.HandedOver, note, spec, {names.FROZEN: None}, dict.fromkeys(removed))
