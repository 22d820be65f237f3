"""What became of our writes: how long one that failed rests before it is tried again, and what people are told of it.

Every write is remembered by its object and its sort. Whatever the server answers, and whatever other writers do, the
same write is not made again and again without a growing pause: one that is refused, that gets no answer, that finds the
object changed, or that is accepted and not kept.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, NamedTuple

from msgspec.structs import replace

from inplace.core.actions.actions import (
    Abort,
    Action,
    BeginResize,
    CloseGate,
    Complete,
    DryRunPatch,
    LabelPhase,
    PatchImages,
    PatchReplicaSet,
    PatchWorkload,
    PodAction,
    RecordFailure,
    ReserveDisruptions,
    ResizePod,
    WriteStatus,
    subject,
)
from inplace.core.actions.describe import sort_of
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.rollout.snapshot import FailedWrite
from inplace.kube.errors import AlreadyExists, Conflict, Denied, KubeError, NotFound, PreconditionFailed, Rejected
from inplace.runtime.clock import Clock

#: How long RBAC may deny us a write, or the server give no answer, before that is named, or fails a Pod in flight: an
#: API server that has just started denies everything until it has read its roles.
PASSING: Final = timedelta(seconds=30)
#: Tries of a write whose preconditions fail, before a Pod in flight fails.
MAX_STALE: Final = 3
#: The longest pause of a write without an answer while no other is answered either: the server may be back at any time.
AWAY: Final = timedelta(seconds=30)
#: How long after it could have been tried again a failed write is still a reason.
REMEMBERED: Final = timedelta(seconds=30)
#: A write that has been made this often, each time so soon after it could have been, is not kept.
NOT_KEPT: Final = 5
CALM: Final = timedelta(seconds=10)


class Ending(Enum):
    """How a write failed: the first pause and the longest one, in seconds, and how many tries have none."""

    #: Refused for what was sent.
    REFUSED = 30, 30, 0
    #: Denied by RBAC.
    DENIED = 2, 30, 0
    #: The object is not what it was read as. That is in the nature of things, and a look at it is due anyway.
    STALE = 1, 30, 2
    #: No answer, or one that says nothing about the write. While other writes are answered, it is this object that the
    #: server takes too long for, and each try keeps it busy for others.
    UNANSWERED = 1, 300, 0
    #: Accepted, and the object does not show it.
    NOT_KEPT = 10, 120, 0

    def pause(self, failures: int) -> timedelta:
        """How long to wait after so many failures in a row."""
        first, longest, free = self.value
        doubled = first * 2 ** min(failures - free - 1, 16) if failures > free else 0
        return timedelta(seconds=min(longest, doubled))


#: The policies that bound what our account may write (manifests/policies/validating/fence.yaml).
FENCE: Final = "ValidatingAdmissionPolicy 'inplace-fence-"
ADDED: Final = "; another admission policy or webhook may have added to this write"
#: The server has said no.
_NO: Final = (Ending.REFUSED, Ending.DENIED)


class _Key(NamedTuple):
    workload: str
    uid: str
    sort: str


class _Failed(NamedTuple):
    write: FailedWrite
    ending: Ending
    #: So many times in a row.
    times: int
    #: When it failed.
    at: datetime


class _Made(NamedTuple):
    content: object
    times: int
    at: datetime


class Tries:
    """Of one process. Times are in UTC."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: dict[_Key, _Failed] = {}
        self._made: dict[_Key, _Made] = {}
        self._answered_at: datetime | None = None

    def failed(self, workload: str, action: Action, ending: Ending, reason: Reason, fatal: Reason | None) -> bool:
        """A write failed; returns whether that becomes a reason just now.

        `fatal`: the reason for which a Pod in flight fails, once it is clear that the failure does not pass by itself.
        """
        key, now = _key(workload, action), self._clock.now()
        known = self._failed.get(key)
        known = known if known is not None and now < known.write.until else None
        times = known.times + 1 if known is not None and known.ending is ending else 1
        since = known.write.since if known is not None else self._stuck_since(key, action, ending, now)
        fails = fatal is not None and _is_final(ending, now - since, times)
        lasts = fails or ending in (*_NO, Ending.NOT_KEPT) or now - since >= PASSING
        before, doomed = (known.write.reason, known.write.fatal) if known is not None else (None, None)
        said = reason if lasts else before
        again = now + self._pause(ending, times, known)
        write = FailedWrite(key.uid, key.sort, said, since, again, again + REMEMBERED, fatal if fails else doomed)
        self._failed[key] = _Failed(write, ending, times, now)
        return said is not None and before is None

    def _pause(self, ending: Ending, times: int, known: _Failed | None) -> timedelta:
        pause, at = ending.pause(times), self._answered_at
        if ending is not Ending.UNANSWERED or (known is not None and at is not None and at >= known.at):
            return pause
        return min(pause, AWAY)

    def _stuck_since(self, key: _Key, action: Action, ending: Ending, now: datetime) -> datetime:
        """Since when a write on this object is refused, whichever: a Pod that may not be moved on, then may not even
        be recorded as failed, is stuck from the first.
        """
        if not isinstance(action, PodAction) or ending not in _NO:
            return now
        others = [one for other, one in self._failed.items() if other.uid == key.uid and one.ending in _NO]
        return min((one.write.since for one in others if now < one.write.until), default=now)

    def accepted(self, workload: str, action: Action, *, unchanged: bool) -> int:
        """A write was accepted; returns how many times in a row that made no difference, 0 if it may have made one.

        `unchanged`: the object is as it was read. Otherwise the same write, made again and again with hardly a pause,
        is undone by another writer. One on a Pod moves the Pod on: what failed there before is over.
        """
        key, now, content = _key(workload, action), self._clock.now(), _content(action)
        self._answered_at = now
        if isinstance(action, PodAction) and not isinstance(action, DryRunPatch):
            self._clear_others(key)
        made, failed = self._made.get(key), self._failed.get(key)
        due = max(made.at, failed.write.again) if made is not None and failed is not None else made.at if made else now
        soon = made is not None and made.content == content and now < due + CALM
        times = made.times + 1 if made is not None and soon else 1
        self._made[key] = _Made(content, times, now)
        if unchanged or times >= NOT_KEPT:
            return times
        self._failed.pop(key, None)
        return 0

    def _clear_others(self, key: _Key) -> None:
        for other in [other for other in self._failed if other.uid == key.uid and other != key]:
            if self._failed[other].ending is not Ending.NOT_KEPT:
                del self._failed[other]

    def moved_on(self, uid: str) -> None:
        """Another writer moved the object on: that our write came too late is no failure."""
        for key in [key for key, failed in self._failed.items() if key.uid == uid and failed.ending is Ending.STALE]:
            del self._failed[key]

    def of(self, workload: str) -> tuple[FailedWrite, ...]:
        """The writes for a workload that have failed lately, those that have for the longest time first."""
        now = self._clock.now()
        for key in [key for key, failed in self._failed.items() if failed.write.until <= now]:
            del self._failed[key]
        found = (failed.write for key, failed in self._failed.items() if key.workload == workload)
        return tuple(sorted(found, key=lambda write: write.since))

    def objects(self) -> set[str]:
        """The objects and workloads (uids) of which anything is remembered."""
        return {
            uid for memory in (self._failed, self._made) for key in memory for uid in (key.uid, key.workload) if uid
        }

    def forget(self, uid: str) -> None:
        """Drop everything about an object, or a workload, that is gone."""
        for memory in (self._failed, self._made):
            for key in [key for key in memory if uid in (key.uid, key.workload)]:
                del memory[key]


def _key(workload: str, action: Action) -> _Key:
    return _Key(workload, subject(action).uid, sort_of(action))


def _content(action: Action) -> object:
    """What is the same if the same is written once more; what may be written again and again is never the same."""
    match action:
        case WriteStatus(status=status):
            others = tuple(reason for reason in status.reasons if reason.code != ReasonCode.WriteRefused)
            return replace(status, updated_at=datetime.fromtimestamp(0, UTC), reasons=others)
        case LabelPhase(phase=phase):
            return phase
        case PatchWorkload(workload):
            return bytes(workload.spec.template), action.spec, action.labels, action.annotations
        case PatchReplicaSet(spec=spec, annotations=annotations):
            return spec, annotations
        case ResizePod(record=record, sizes=sizes):
            return record.target, record.retry, sizes
        case BeginResize() | CloseGate() | PatchImages() | Complete() | RecordFailure():
            return action.record.target, action.record.retry
        case ReserveDisruptions(ours=ours, recount=False):
            return ours
        case ReserveDisruptions() | DryRunPatch():
            return object()
        case _:
            return None


def _is_final(ending: Ending, lasted: timedelta, times: int) -> bool:
    """Whether a Pod in flight fails for it."""
    match ending:
        case Ending.REFUSED:
            return True
        case Ending.DENIED:
            return lasted >= PASSING
        case Ending.STALE:
            return times >= MAX_STALE
        case _:
            return False


def ending_of(error: KubeError) -> Ending:
    """How a write has ended that was answered so."""
    match error:
        case PreconditionFailed() | Conflict() | NotFound() | AlreadyExists():
            return Ending.STALE
        case Denied():
            return Ending.DENIED
        case Rejected():
            return Ending.REFUSED
        case _:
            return Ending.UNANSWERED


def fatal(action: Action, ending: Ending, error: KubeError) -> Reason | None:
    """Why a Pod in flight fails if this does not pass; what comes before that waits, and is tried again."""
    if ending is Ending.STALE and isinstance(action, ResizePod | PatchImages | Complete | RecordFailure | Abort):
        why = f"the Pod changed under our hands at each of {MAX_STALE} tries to write it"
        return Reason(ReasonCode.PreconditionFailed, "", why)
    if isinstance(action, ResizePod | PatchImages) or (ending is Ending.DENIED and isinstance(action, Complete)):
        return Reason(ReasonCode.AdmissionRejected, "", words(error))
    return None


def words(error: KubeError) -> str:
    """The server's words; with a hint where our own policies refuse our own write, which we would not make."""
    return f"{error}{ADDED if FENCE in str(error) else ''}"
