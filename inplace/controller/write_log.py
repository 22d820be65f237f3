"""The log of our writes: what each was about, how it ended, and how much that matters."""

from __future__ import annotations

import traceback

from inplace.cluster.key import ORPHAN, Key
from inplace.core.actions import lines
from inplace.core.actions.actions import Action, subject
from inplace.core.actions.describe import describe_action
from inplace.core.objects.reasons import Reason
from inplace.core.rollout.snapshot import Snapshot
from inplace.kube.errors import KubeError, Unreachable
from inplace.kube.outages import Outages
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer


class WriteLog:
    """Tells the observer of writes; what all writes suffer from is told by `outages`, once."""

    def __init__(self, observer: Observer, outages: Outages, clock: Clock) -> None:
        self._observer = observer
        self._outages = outages
        self._clock = clock

    def made(self, key: Key, action: Action, overhead: float) -> None:
        """A write has taken effect. `overhead`: seconds from when it became possible to its answer."""
        fields = {**key._asdict(), **lines.fields(action, self._clock.now()), "overhead_seconds": round(overhead, 4)}
        self._observer.event(describe_action(action).event, level=lines.level(action), **fields)
        self._outages.ended(_source(action))

    def failed(self, snapshot: Snapshot, action: Action, error: KubeError, outcome: str) -> None:
        """A write has failed, and is tried again. That it lost a race ("stale") is in the nature of things.

        One without an answer may have been made: that is news of its own.
        """
        told = not isinstance(error, Unreachable) and self._outages.failed(_source(action), error)
        level = "debug" if told or outcome == "stale" else "warning"
        fields = {"action": describe_action(action).label, "outcome": outcome, "error": str(error)}
        self._observer.event("write.failed", level=level, **{**self._about(snapshot, action), **fields})

    def broken(self, snapshot: Snapshot, action: Action, error: Exception) -> None:
        """A fault of ours, met with this object: it is tried again, and somebody has to mend it."""
        trace = "".join(traceback.format_exception(error))
        fields = {"action": describe_action(action).label, "error": str(error), "exception": trace}
        self._observer.event("write.broken", level="error", **{**self._about(snapshot, action), **fields})

    def stuck(self, snapshot: Snapshot, action: Action, reason: Reason) -> None:
        """A write fails again and again: somebody has to look."""
        fields = {"action": describe_action(action).label, "reason": str(reason.code), "message": str(reason)}
        self._observer.event("write.stuck", level="error", **{**self._about(snapshot, action), **fields})

    def _about(self, snapshot: Snapshot, action: Action) -> lines.Fields:
        workload = snapshot.workload
        meta = workload.metadata if workload.metadata.uid else subject(action)
        about: lines.Fields = {"kind": workload.kind or ORPHAN, "namespace": meta.namespace, "name": meta.name}
        return {**about, **lines.fields(action, self._clock.now())}


def _source(action: Action) -> str:
    """Writes that need the same right."""
    return f"{describe_action(action).label} in {subject(action).namespace}"
