"""Counts what our writes have done, once the API server has confirmed them.

An object shows whether a write was made, and none is made twice: a retry or a restart of the controller counts nothing
again. A write whose answer was lost is not counted at all.
"""

from __future__ import annotations

from typing import Final

from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.core.actions.actions import Action, Complete, DeletePullPod, PatchImages, WriteStatus, subject
from inplace.core.objects.reasons import EventReason
from inplace.core.plan.endings import Ending, Result, endings
from inplace.core.pod import lifecycle
from inplace.core.rollout import pull_pods
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import statuses
from inplace.core.state.records import Evidence, Record
from inplace.runtime.observe import Observer

#: In the place of a reason, or of evidence, where there is none.
NONE: Final = "None"
#: From the strongest to the weakest.
_LADDER: Final = tuple(Evidence)
#: Results whose upgrades have taken their time.
TIMED: Final = (Result.SUCCEEDED, Result.FAILED, Result.ROLLED_BACK)


class Counts:
    """Of one process."""

    def __init__(self, observer: Observer, memory: Memory) -> None:
        self._observer = observer
        self._memory = memory

    def applied(self, key: Key, snapshot: Snapshot, action: Action) -> None:
        """A write was made."""
        now, kind = self._memory.clock.now(), key.kind
        match action:
            case PatchImages(pod) if pod.uid in self._memory.observations and self._memory.observations[pod.uid].slow:
                self._observer.count("inplace_endpoints_slow_total", kind=kind)
            case Complete(_, record):
                self._observer.count("inplace_pods_upgraded_total", kind=kind, evidence=evidence(record))
                took = (now - record.started_at).total_seconds()
                self._observer.observe("inplace_pod_upgrade_seconds", took, kind=kind)
            case DeletePullPod(pod):
                self._observer.count("inplace_prepulls_total", kind=kind, result=pull_pods.result(pod, now))
            case WriteStatus(workload, status, events):
                before = statuses.read(workload.metadata)
                for ending in endings(workload.metadata.uid, snapshot.pods, before, status):
                    self._ended(kind, ending, status)
                for event in events:
                    if event.reason is EventReason.SettingInvalid:
                        self._observer.count("inplace_settings_errors_total", kind=kind)

    def _ended(self, kind: str, ending: Ending, status: statuses.Status) -> None:
        self._observer.count("inplace_upgrades_total", kind=kind, result=ending.result)
        if ending.reason:
            labels = {"kind": kind, "result": ending.result, "reason": ending.reason}
            self._observer.count("inplace_upgrade_failures_total", **labels)
        if ending.result in TIMED and ending.began_at is not None:
            took = (status.updated_at - ending.began_at).total_seconds()
            self._observer.observe("inplace_upgrade_seconds", max(0.0, took), kind=kind, result=ending.result)


def evidence(record: Record) -> str:
    """The weakest evidence for any container of a completed Pod; `None` if none was swapped."""
    found = lifecycle.evidence_of(record).values()
    return str(max(found, key=_LADDER.index)) if found else NONE


def became_possible(action: Action, snapshot: Snapshot, memory: Memory) -> float:
    """When this write became possible, on the monotonic clock: the time after that is our own overhead.

    A patch is possible once Ready=False was observed and the grace period is over, completion once the evidence was
    observed.
    """
    now, uid = memory.clock.monotonic(), subject(action).uid
    observation = snapshot.observations.get(uid)
    if isinstance(action, PatchImages) and observation is not None and observation.out_at is not None:
        return now - max(
            0.0,
            (memory.clock.now() - observation.out_at).total_seconds() - snapshot.parsed.settings.grace_period_seconds,
        )
    return memory.observed_at.get(uid, now) if isinstance(action, Complete) else now
