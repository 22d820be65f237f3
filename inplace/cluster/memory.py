"""Actions and observations of this process that are not on any object: may be lost with the process at any time.

Observations of Pods in flight, writes whose result has not been seen yet, refusals and answers of the API server.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from inplace.cluster.cache import Cache, is_ours
from inplace.cluster.key import Key
from inplace.cluster.tries import Tries
from inplace.core.actions.actions import CreatePullPod
from inplace.core.kinds import OwnedObjects
from inplace.core.objects import names
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.images import registry_of
from inplace.core.objects.model import Meta, Pod
from inplace.core.objects.reasons import Reason
from inplace.core.objects.workloads import Workload
from inplace.core.pod.availability import closed
from inplace.core.pod.observation import PodObservation, infer, observe
from inplace.core.rollout import pull_pods
from inplace.core.rollout.freeze import CONTESTED_WITHIN
from inplace.core.rollout.snapshot import PullPods, PullRequest, Pulls
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.kube.expectations import Expectations
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

#: How long the result of a dry run is valid, in seconds: if accepted, and if refused.
CONSENT_SECONDS: Final = 3600.0
REFUSAL_SECONDS: Final = 30.0
#: How long a pull Pod that was created may be unseen by the cache before it is created again, in seconds.
UNSEEN_SECONDS: Final = 5.0
#: When a pull Pod that could be requested again was not, and is not there, it was not needed any more.
#: In these phases a Pod serves for as long as its gate is open.
_SERVING: Final = (PodPhase.RESIZING, PodPhase.DRAINING)
FORGOTTEN: Final = timedelta(minutes=1)


class Caps(NamedTuple):
    """The maximum number of Pods out of service at once; None: unlimited."""

    everywhere: int | None = None
    per_namespace: int | None = None


class _Disrupted(NamedTuple):
    """A Pod that is out of service, or about to be: for the workload of this uid, as its record says.

    None: because this process has begun to.
    """

    namespace: str
    name: str
    workload: str | None = None


class Memory:
    """The memory of one process, in addition to its cache."""

    def __init__(
        self,
        clock: Clock,
        cache: Cache,
        caps: Caps | None = None,
        *,
        asks: bool = False,
        observer: Observer | None = None,
    ) -> None:
        """`asks`: whether this process makes dry runs of image patches, and remembers the answers."""
        self.clock = clock
        self._cache = cache
        self._caps = caps or Caps()
        self.expectations = Expectations(clock, observer)
        #: By uid: what was seen of each Pod in flight, and when it was last seen (seconds, monotonic).
        self.observations: dict[str, PodObservation] = {}
        self.observed_at: dict[str, float] = {}
        #: Objects (uids) with a write of ours in flight.
        self.writing: set[str] = set()
        #: What became of our writes.
        self.tries = Tries(clock)
        #: By uid of a workload: the managedFields of which our entries were removed last.
        self.released: dict[str, bytes] = {}
        #: By uid of a budget: when it was asked to recount.
        self.recounted_at: dict[str, datetime] = {}
        #: By uid of a workload: since when it waits for what others must end, and how far that has come.
        self.blocked_since: dict[str, datetime] = {}
        self._blocked_at: dict[str, int] = {}
        #: Workloads that look at budgets.
        self.reserving: set[Key] = set()
        #: By uid of a workload and name: the pull Pods asked for.
        self._pull_requests: dict[str, dict[str, PullRequest]] = {}
        #: By uid of a workload: when its freeze was restored.
        self._freeze_restored: dict[str, tuple[datetime, ...]] = {}
        #: By uid of a workload and sort of Pod: the answer to a dry run, and until when it holds (monotonic).
        self._dry_runs: dict[str, dict[str, tuple[Reason | None, float]]] | None = {} if asks else None
        #: By uid: Pods that this controller keeps out of service, or is about to. Of a record that others may have
        #: written, it is seen when they are counted whether it can be ours (`_is_ours`).
        self._disrupted: dict[str, _Disrupted] = {}

    # --- what reflectors report -------------------------------------------------------------------------------------

    def saw_pod(self, old: Pod | None, new: Pod | None) -> None:
        """Fold one event of a Pod into the memory."""
        if old is not None and (new is None or new.uid != old.uid):
            self.forget(old.uid)
        if new is None:
            return
        if old is not None and old.metadata.annotation(names.STATE) != new.metadata.annotation(names.STATE):
            self.tries.moved_on(new.uid)
        self._note_disrupted(new)
        serving = self._cache.serves(new)
        observation = observe(self.observations.get(new.uid), new, self.clock.now(), serving=serving)
        if observation is None:
            self.observations.pop(new.uid, None)
            self.observed_at.pop(new.uid, None)
        else:
            self.observations[new.uid] = observation
            self.observed_at[new.uid] = self.clock.monotonic()

    def saw_slice(self, old: EndpointSlice | None, new: EndpointSlice | None) -> list[Meta]:
        """Fold one event of an EndpointSlice into the memory; returns the Pods in flight that it no longer serves."""
        before, now = old.targets() if old is not None else {}, new.targets() if new is not None else {}
        changed = new or old
        found: list[Meta] = []
        for uid in (before.keys() - now.keys()) & self.observations.keys():
            pod = self._cache.pods.get(changed.metadata.namespace, before[uid]) if changed is not None else None
            if pod is not None and pod.uid == uid:
                self.saw_pod(pod, pod)
                found.append(pod.metadata)
        return found

    def forget(self, uid: str) -> None:
        """Drop everything remembered about an object that is gone."""
        for memory in self._by_uid():
            memory.pop(uid, None)
        self.expectations.forget(uid)
        self.tries.forget(uid)

    def _by_uid(self) -> tuple[dict[str, Any], ...]:
        return (
            self.observations,
            self.observed_at,
            self.released,
            self.recounted_at,
            self.blocked_since,
            self._blocked_at,
            self._pull_requests,
            self._freeze_restored,
            self._dry_runs or {},
            self._disrupted,
        )

    def keep(self, existing: Container[str]) -> None:
        """Drop everything about objects (uids) that do not exist, and are not being written."""
        known = {uid for memory in self._by_uid() for uid in memory} | self.tries.objects()
        for uid in known - self.writing:
            if uid not in existing:
                self.forget(uid)

    def infer(self, pods: Iterable[Pod]) -> None:
        """Learn from Pods whose upgrade was over before this process began since when their containers run: it has seen
        them for no longer than itself."""
        now = self.clock.now()
        for pod in pods:
            record = records.read(pod)
            if isinstance(record, Record) and record.phase is PodPhase.DONE:
                seen = infer(pod, now, serving=self._cache.serves(pod))
                self.observations |= {pod.uid: seen} if seen is not None else {}

    # --- what writers report ----------------------------------------------------------------------------------------

    def wrote(self, uid: str, resource_version: str) -> None:
        """A write was accepted; until the cache shows it, the object is pending."""
        self.expectations.expect(uid, resource_version)

    def disrupts(self, meta: Meta) -> None:
        """A Pod is about to be taken out of service."""
        self._disrupted[meta.uid] = _Disrupted(meta.namespace, meta.name)

    def settled(self, meta: Meta) -> None:
        """A write is over, however it ended: does the Pod still count as out of service?

        The watch may have shown its outcome before the answer came, and shows nothing more then.
        """
        pod = self._cache.pods.get(meta.namespace, meta.name)
        if pod is not None and pod.uid == meta.uid:
            self._note_disrupted(pod)

    def _note_disrupted(self, pod: Pod) -> None:
        record, now = records.read(pod), self.clock.now()
        known = record if isinstance(record, Record) and record.is_timely(now, pod.grace) else None
        if known is not None and known.in_flight and (closed(pod) or known.phase not in _SERVING):
            self._disrupted[pod.uid] = _Disrupted(pod.metadata.namespace, pod.name, known.workload)
            return
        done = known is not None and known.phase is PodPhase.DONE and now < known.deadline
        becoming_ready = done and not pod.ready  # its gate is open, and the kubelet will say so
        if not becoming_ready and not self.is_pending(pod.metadata):
            self._disrupted.pop(pod.uid, None)

    def note_blocked(self, workload: str, progress: int | None) -> None:
        """What a workload (uid) waits for has come so far; None: it does not wait for others."""
        if progress is None:
            self.blocked_since.pop(workload, None)
        elif workload not in self.blocked_since or self._blocked_at.get(workload) != progress:
            self.blocked_since[workload], self._blocked_at[workload] = self.clock.now(), progress

    def record_dry_run(self, workload: str, sort: str, refusal: Reason | None) -> None:
        """Record the result of a dry run, which expires after a while, much later if it was accepted."""
        if self._dry_runs is None:
            return
        known, now = self._dry_runs.setdefault(workload, {}), self.clock.monotonic()
        for old in [key for key, (_, until) in known.items() if until <= now]:
            del known[old]
        known[sort] = (refusal, now + (CONSENT_SECONDS if refusal is None else REFUSAL_SECONDS))

    def dry_runs(self, workload: str) -> dict[str, Reason | None] | None:
        """The valid results for one workload; None if this process makes no dry runs."""
        if self._dry_runs is None:
            return None
        now = self.clock.monotonic()
        return {sort: refusal for sort, (refusal, until) in self._dry_runs.get(workload, {}).items() if until > now}

    def requested_pull(self, action: CreatePullPod) -> None:
        """A pull Pod is being requested, and takes a slot from now on. A refusal stands until it is accepted."""
        known, now = self._pull_requests.setdefault(action.workload.metadata.uid, {}), self.clock.now()
        before = known.get(action.name)
        since, refused = (before.since, before.refused) if before is not None else (now, "")
        again = now + timedelta(seconds=UNSEEN_SECONDS)
        known[action.name] = PullRequest(
            since,
            action.image,
            again,
            refused,
            adapted=action.adapted,
            sent=True,
            namespace=action.workload.metadata.namespace,
        )

    def answered_pull(self, action: CreatePullPod, refused: str = "") -> None:
        """It was accepted, or refused with these words: then it is requested again later.

        Once what was refused is accepted, its time begins.
        """
        known, now = self._pull_requests.get(action.workload.metadata.uid, {}), self.clock.now()
        before = known.get(action.name)
        if before is None:
            return
        again = now + timedelta(seconds=REFUSAL_SECONDS if refused else UNSEEN_SECONDS)
        since = now if before.refused and not refused else before.since
        known[action.name] = replace(before, since=since, again=again, refused=refused, sent=not refused)

    def unknown_pull(self, action: CreatePullPod) -> None:
        """Whether the request arrived is not known: only the watch tells, and it may be repeated."""
        known = self._pull_requests.get(action.workload.metadata.uid, {})
        if action.name in known:
            known[action.name] = replace(known[action.name], again=self.clock.now())

    def deleted_pull(self, meta: Meta) -> None:
        """A pull Pod is no longer needed; a later request starts from scratch."""
        for known in self._pull_requests.values():
            known.pop(meta.name, None)

    def pull_pods(self, workload: Workload, owned: OwnedObjects) -> PullPods:
        """The pull Pods of one workload, and how many pull in all."""
        now, busy = self.clock.now(), self._busy(workload.metadata.namespace)
        own = self._cache.pull_pods_of(workload, owned)
        requests, here = self._pull_requests.get(workload.metadata.uid, {}), {pod.name for pod in own}
        pulled = {pod.name for pod in own if pull_pods.is_pulled(pod)}
        gone = {name for name, request in requests.items() if now >= request.again + FORGOTTEN} - here
        for name in pulled | gone:  # if it is needed again, its time begins anew
            requests.pop(name, None)
        return PullPods(own, dict(requests), busy)

    def _busy(self, namespace: str) -> dict[str, Pulls]:
        """By registry: what is being pulled, here and everywhere.

        What this process has asked for alone: anybody can make Pods that look like ours.
        """
        now, busy = self.clock.now(), dict[str, Pulls]()
        for known in self._pull_requests.values():
            for name, request in known.items():
                if self._is_pulling(name, request, now):
                    registry = registry_of(request.image)
                    here, everywhere = busy.get(registry, Pulls())
                    busy[registry] = Pulls(here + (request.namespace == namespace), everywhere + 1)
        return busy

    def _is_pulling(self, name: str, request: PullRequest, now: datetime) -> bool:
        """Whether it takes a slot."""
        pod = self._cache.pods.get(request.namespace, name)
        if pod is None:
            return request.sent and now < request.again
        return now < request.since + pull_pods.SLOT and pull_pods.is_pulling(pod, now)

    def room(self, namespace: str) -> int | None:
        """How many more Pods may be disrupted, in this namespace and over all; None if nothing limits them."""
        if self._caps == Caps():
            return None
        taken = [one.namespace for one in self._disrupted.values() if self._is_ours(one)]
        caps = ((self._caps.everywhere, len(taken)), (self._caps.per_namespace, taken.count(namespace)))
        left = [cap - taken for cap, taken in caps if cap is not None]
        return max(0, min(left))

    def _is_ours(self, one: _Disrupted) -> bool:
        """Whether the workload that the record names is the Pod's, and opted in."""
        if one.workload is None:
            return True
        pod = self._cache.pods.get(one.namespace, one.name)
        key = self._cache.key_of(pod.metadata) if pod is not None else None
        owner = self._cache.workloads[key.kind].get(key.namespace, key.name) if key is not None else None
        return owner is not None and owner.metadata.uid == one.workload and is_ours(owner.metadata)

    @property
    def disrupted(self) -> int:
        """How many Pods this controller keeps out of service, or is about to."""
        return sum(self._is_ours(one) for one in self._disrupted.values())

    def restored_freeze(self, uid: str) -> None:
        """The freeze of a workload, lifted by another writer, was restored."""
        self._freeze_restored[uid] = (*self.freeze_restored(uid), self.clock.now())

    def freeze_restored(self, uid: str) -> tuple[datetime, ...]:
        """When that happened lately; the latest last."""
        now = self.clock.now()
        return tuple(at for at in self._freeze_restored.get(uid, ()) if now - at < CONTESTED_WITHIN)

    # --- what is not settled yet ------------------------------------------------------------------------------------

    @property
    def is_unsettled(self) -> bool:
        """Whether any write of ours is in flight or has not been seen back."""
        return bool(self.writing or self.expectations)

    def is_pending(self, meta: Meta) -> bool:
        """Whether a write of ours on this object is."""
        uid = meta.uid
        if uid in self.writing:
            return True
        return uid in self.expectations and not self.expectations.satisfied(uid, meta.resource_version)
