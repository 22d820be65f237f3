"""The dry run's hands: say each distinct write that would be made, and why, and make none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never

from inplace.controller.world import Key
from inplace.core import patch
from inplace.core.actions import (
    Action,
    Amend,
    Create,
    Cure,
    Discard,
    Drain,
    Edit,
    Fail,
    Finish,
    Label,
    PodAction,
    Publish,
    Pull,
    Rehearse,
    Remove,
    Reserve,
    Restore,
    Retract,
    Serve,
    Swap,
    WorkloadAction,
)
from inplace.core.patch import Creation, Patch, Removal, Request
from inplace.core.snapshot import Snapshot
from inplace.runtime.clock import Clock


class Rehearsal:
    """Takes the place of the Applier. A write that is repeated is said once."""

    def __init__(self, say: Callable[[str], None], clock: Clock) -> None:
        self._say = say
        self._clock = clock
        self._said: set[str] = set()

    def submit(self, key: Key, _snapshot: Snapshot, action: Action) -> None:
        """Say what this action would write."""
        request = patch.build(action, self._clock.now())
        headline = f"{key.kind.lower()}/{key.name} -n {key.namespace}: would {why(action)}"
        if headline not in self._said:
            self._said.add(headline)
            self._say(f"{headline}\n  {_path(request)} {patch.describe(request)}")


def why(action: Action) -> str:
    """The action in words."""
    match action:
        case Pull(_, _, node, image):
            return f"pull {image} onto node {node} with a helper Pod"
        case Reserve(budget, ours=ours):
            return f"reserve from PodDisruptionBudget {budget.metadata.name} for {', '.join(sorted(ours)) or 'nobody'}"
        case Discard(helper):
            return f"delete the helper Pod {helper.name}"
    return _why_workload(action) if isinstance(action, WorkloadAction) else _why_pod(action)


def _why_pod(action: PodAction) -> str:
    match action:
        case Serve(pod):
            return f"open the gate of the new Pod {pod.name}"
        case Drain(pod, record):
            return f"drain Pod {pod.name} for revision {record.target}"
        case Swap(pod, record, change):
            images = ", ".join(f"{name} to {image}" for name, image in change.images.items()) or "metadata only"
            return f"patch Pod {pod.name} to revision {record.target}: {images}"
        case Finish(pod, record):
            return f"finish Pod {pod.name} at revision {record.target}"
        case Fail(pod, record):
            return f"record that Pod {pod.name} failed: {record.reason}: {record.message}"
        case Rehearse(pod, images):
            return f"ask whether Pod {pod.name} may be patched to {', '.join(images.values())}"
        case Restore(pod):
            return f"put Pod {pod.name} back into service as it is"
        case _:
            assert_never(action)


def _why_workload(action: WorkloadAction) -> str:
    match action:
        case Edit(_, reason, note):
            return f"change the workload ({reason}: {note})" if reason is not None else f"change the workload: {note}"
        case Cure(_, status):
            return f"set {', '.join(f'{key} to {value}' for key, value in status.items())} in the workload's status"
        case Amend(_, child, note):
            return f"change {child.kind} {child.metadata.name}: {note}"
        case Create(_, kind, body, note):
            return f"create {kind} {body['metadata']['name']}: {note}"
        case Remove(_, child, note):
            return f"delete {child.kind} {child.metadata.name}: {note}"
        case Label(_, phase):
            return f"label the workload {phase}"
        case Retract():
            return "take our status back"
        case Publish(_, status):
            return f"report {status.phase}: {status.message}"
        case _:
            assert_never(action)


def _path(request: Request) -> str:
    subresource = f"/{request.subresource}" if isinstance(request, Patch) and request.subresource else ""
    return f"{_VERBS[type(request)]} {(request.kind or 'pod').lower()}/{request.name}{subresource}"


_VERBS: Final = {Patch: "PATCH", Creation: "POST", Removal: "DELETE"}
