"""Everything that one controller process knows about its cluster: the caches, and what it saw and did itself.

Only reflectors write the caches; responses to our own writes never do. The rest is memory that may be lost with the
process: sights of Pods in flight, writes whose result has not been seen yet, refusals of the API server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from msgspec import Raw
from msgspec.structs import replace

from inplace.core import kinds
from inplace.core.kinds import Kind, OwnedObjects, Template
from inplace.core.objects import names
from inplace.core.objects.images import registry_of
from inplace.core.objects.model import EndpointSlice, Meta, Node, Pdb, Pod, Revision, Workload
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.observation import PodObservation, observe
from inplace.core.rollout import assess, pull_pods
from inplace.core.rollout.snapshot import FreezeConflict, PullPods, PullRequest
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.kube.expectations import Expectations
from inplace.kube.store import Store
from inplace.runtime.clock import Clock

#: How long RBAC may deny us a write before the Pod counts as failed, in seconds: an API server that has just started
#: denies everything until it has read its roles.
DENIED_SECONDS: Final = 30.0
#: Tries of a write whose preconditions fail, before the Pod counts as failed (docs/design/protocol.md, "Writes").
MAX_STALE: Final = 3
#: How long the server's answer to a dry run is believed, in seconds: its consent, and its refusal.
ANSWER_SECONDS: Final = 3600.0
REFUSAL_SECONDS: Final = 30.0
#: How long a helper Pod that was created may be unseen by the cache before it is created again, in seconds.
UNSEEN_SECONDS: Final = 5.0
EVERY_HELPER: Final = "all"
#: A freeze that was put back this often within this time is contested; then it rests, at first so many seconds.
CONTESTS: Final = 3
CONTEST_SECONDS: Final = 600.0
FIRST_REST: Final = 10.0


class Caps(NamedTuple):
    """How many Pods the controller may have out of service at once; None: any number."""

    everywhere: int | None = None
    per_namespace: int | None = None

    def over(self, everywhere: int, here: int) -> tuple[tuple[int | None, int], ...]:
        """Each cap with what is taken of it."""
        return ((self.everywhere, everywhere), (self.per_namespace, here))


class Key(NamedTuple):
    """A workload: what the queue holds and a plan is made for."""

    kind: str
    namespace: str
    name: str


def _identity(meta: Meta) -> tuple[str, str]:
    return (meta.namespace, meta.name)


def _owner(meta: Meta) -> Iterable[str]:
    owner = meta.controller()
    return () if owner is None else (owner.uid,)


def _node(pod: Pod) -> Iterable[str]:
    return (pod.spec.node_name,) if pod.spec.node_name else ()


def _helper(pod: Pod) -> Iterable[str]:
    """A helper of ours: the uid of the workload that it helps, and `all`."""
    found = pull_pods.workloads_served(pod)
    return (EVERY_HELPER, *found) if found else ()


class World:
    """The caches and the process's own memory."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.workloads: dict[str, Store[Workload]] = {
            kind.name: Store(
                key=lambda one: _identity(one.metadata),
                version=lambda one: one.metadata.resource_version,
                indexers={"owner": lambda one: _owner(one.metadata)},
            )
            for kind in kinds.ALL
        }
        self.pods: Store[Pod] = Store(
            key=lambda one: _identity(one.metadata),
            version=lambda one: one.metadata.resource_version,
            indexers={"owner": lambda one: _owner(one.metadata), "node": _node, "helper": _helper},
        )
        self.revisions: Store[Revision] = Store(
            key=lambda one: _identity(one.metadata),
            version=lambda one: one.metadata.resource_version,
            indexers={"owner": lambda one: _owner(one.metadata)},
        )
        self.slices: Store[EndpointSlice] = Store(
            key=lambda one: _identity(one.metadata),
            version=lambda one: one.metadata.resource_version,
            indexers={"serving": lambda one: one.targets()},
        )
        self.budgets: Store[Pdb] = Store(
            key=lambda one: _identity(one.metadata),
            version=lambda one: one.metadata.resource_version,
            indexers={"namespace": lambda one: (one.metadata.namespace,)},
        )
        self.nodes: Store[Node] = Store(
            key=lambda one: _identity(one.metadata), version=lambda one: one.metadata.resource_version
        )
        self.expectations = Expectations(clock)
        self.sights: dict[str, PodObservation] = {}
        self.heard: dict[str, float] = {}
        self.writing: set[str] = set()
        self.blocked: dict[str, Reason] = {}
        #: Helper Pods asked for, by workload and name.
        self._asked: dict[str, dict[str, PullRequest]] = {}
        #: By budget: the Pods for which we have taken something from it.
        self.reserved: dict[str, frozenset[str]] = {}
        #: When its controller was last asked to count once more.
        self.counted_again: dict[str, datetime] = {}
        #: Since when a workload's Pods wait for budgets and nothing else happens, by uid, and who looks at budgets.
        self.short_since: dict[str, datetime] = {}
        self.reserving: set[Key] = set()
        self._stale: dict[str, int] = {}
        #: When the freeze of a workload was put back, by uid.
        self._put_back: dict[str, list[float]] = {}
        self._denied: dict[str, float] = {}
        #: Whether admission policies freeze workloads of a kind in a namespace by themselves; None: not known yet.
        self.caps = Caps()
        #: By workload: what the server answered to dry runs, and until when that holds. None where nobody asks.
        self.rehearsals: dict[str, dict[str, tuple[Reason | None, float]]] | None = None
        #: Pods that this controller keeps out of service, or is about to: uid -> namespace.
        self._engaged: dict[str, str] = {}
        self.interlock: Callable[[str, str], bool | None] = lambda _kind, _namespace: False
        #: By workload and revision: the template as it is kept, and decoded.
        self._templates: dict[str, dict[str, tuple[Raw, Template]]] = {}

    # --- what reflectors report -------------------------------------------------------------------------------------

    def saw_pod(self, old: Pod | None, new: Pod | None) -> None:
        """Fold one event of a Pod into the memory."""
        gone = old is not None and (new is None or new.uid != old.uid)
        if gone and old is not None:
            self.forget(old.uid)
        if new is None:
            return
        if old is not None and old.metadata.annotation(names.STATE) != new.metadata.annotation(names.STATE):
            self._went_on(new.uid)
        self._note_engaged(new)
        serving = bool(self.slices.by("serving", new.uid))
        sight = observe(self.sights.get(new.uid), new, self.clock.now(), serving=serving)
        if sight is None:
            self.sights.pop(new.uid, None)
            self.heard.pop(new.uid, None)
        else:
            self.sights[new.uid] = sight
            self.heard[new.uid] = self.clock.monotonic()

    def saw_slice(self, old: EndpointSlice | None, new: EndpointSlice | None) -> list[Meta]:
        """Fold one event of an EndpointSlice into the memory; the Pods in flight that it has stopped serving."""
        before, now = old.targets() if old is not None else {}, new.targets() if new is not None else {}
        one = new or old
        found: list[Meta] = []
        for uid in (before.keys() - now.keys()) & self.sights.keys():
            pod = self.pods.get(one.metadata.namespace, before[uid]) if one is not None else None
            if pod is not None and pod.uid == uid:
                self.saw_pod(pod, pod)
                found.append(pod.metadata)
        return found

    def forget(self, uid: str) -> None:
        """Drop everything remembered about an object that is gone."""
        for memory in (
            self.sights,
            self.heard,
            self.blocked,
            self._stale,
            self._denied,
            self._put_back,
            self.reserved,
            self.counted_again,
            self.short_since,
        ):
            memory.pop(uid, None)
        self._templates.pop(uid, None)
        self._engaged.pop(uid, None)
        (self.rehearsals or {}).pop(uid, None)
        self._asked.pop(uid, None)
        self.expectations.forget(uid)
        assess.forget(uid)

    # --- what writers report ----------------------------------------------------------------------------------------

    def wrote(self, uid: str, resource_version: str) -> None:
        """A write was accepted; until the cache shows it, the object is pending."""
        self._stale.pop(uid, None)
        self._denied.pop(uid, None)
        self.blocked.pop(uid, None)
        self.expectations.expect(uid, resource_version)

    def engage(self, meta: Meta) -> None:
        """A Pod is about to be taken out of service."""
        self._engaged[meta.uid] = meta.namespace

    def let_go(self, meta: Meta) -> None:
        """It was not: the write that should have done it has failed."""
        pod = self.pods.get(meta.namespace, meta.name)
        if pod is not None and pod.uid == meta.uid:
            self._note_engaged(pod)

    def _note_engaged(self, pod: Pod) -> None:
        record = records.read(pod)
        if isinstance(record, Record) and record.in_flight:
            self._engaged[pod.uid] = pod.metadata.namespace
            return
        done = isinstance(record, Record) and record.phase is PodPhase.DONE and self.now() < record.deadline
        coming = done and not pod.ready  # its gate is open, and the kubelet will say so
        if not coming and not self.pending(pod.metadata):
            self._engaged.pop(pod.uid, None)

    def answered(self, workload: str, key: str, reason: Reason | None) -> None:
        """The server has answered a dry run: a refusal is asked again after a while, a consent much later."""
        if self.rehearsals is None:
            return
        known, now = self.rehearsals.setdefault(workload, {}), self.clock.monotonic()
        for old in [one for one, (_, until) in known.items() if until <= now]:
            del known[old]
        known[key] = (reason, now + (ANSWER_SECONDS if reason is None else REFUSAL_SECONDS))

    def rehearsed(self, workload: str) -> dict[str, Reason | None] | None:
        """The answers that still hold, for one workload."""
        if self.rehearsals is None:
            return None
        now = self.clock.monotonic()
        return {key: reason for key, (reason, until) in self.rehearsals.get(workload, {}).items() if until > now}

    def asked(self, workload: str, name: str, refused: str = "") -> None:
        """A helper Pod was asked for; refused, it is asked for again after a while."""
        known = self._asked.setdefault(workload, {})
        since = known[name].since if name in known else self.now()
        pause = timedelta(seconds=REFUSAL_SECONDS if refused else UNSEEN_SECONDS)
        known[name] = PullRequest(since, self.now() + pause, refused)

    def discarded(self, helper: Meta) -> None:
        """A helper Pod is not wanted any more; were it again, that would be a new beginning."""
        for owner in helper.owner_references:
            self._asked.get(owner.uid, {}).pop(helper.name, None)

    def pulling(self, workload: str) -> PullPods:
        """The helpers of one workload, and how many pull in all."""
        unfinished = (one for one in self.pods.by("helper", EVERY_HELPER) if pull_pods.is_pulling(one))
        busy = Counter(registry_of(pull_pods.image_of(one)) for one in unfinished)
        return PullPods(tuple(self.pods.by("helper", workload)), dict(self._asked.get(workload, {})), busy)

    def room(self, namespace: str) -> int | None:
        """How many more Pods may be, in this namespace and over all; None where nothing limits them."""
        here = sum(one == namespace for one in self._engaged.values())
        left = [most - taken for most, taken in self.caps.over(len(self._engaged), here) if most is not None]
        return max(0, min(left)) if left else None

    def _went_on(self, uid: str) -> None:
        """The upgrade went on, if not by our hand: a race lost to another writer is no failure."""
        self._stale.pop(uid, None)
        if (blocked := self.blocked.get(uid)) is not None and blocked.code == ReasonCode.PreconditionFailed:
            del self.blocked[uid]

    def was_stale(self, uid: str) -> None:
        """A write's preconditions failed."""
        self._stale[uid] = self._stale.get(uid, 0) + 1
        if self._stale[uid] >= MAX_STALE:
            why = f"the Pod changed under our hands at each of {MAX_STALE} tries to write it"
            self.blocked[uid] = Reason(ReasonCode.PreconditionFailed, "", why)

    def was_rejected(self, uid: str, message: str) -> None:
        """Admission or validation refused a write for good."""
        self.blocked[uid] = Reason(ReasonCode.AdmissionRejected, "", message)

    def was_denied(self, uid: str, message: str) -> None:
        """RBAC denied a write; it is tried again, and counts as refused for good when that has lasted."""
        since = self._denied.setdefault(uid, self.clock.monotonic())
        if self.clock.monotonic() - since >= DENIED_SECONDS:
            self.was_rejected(uid, message)

    def put_back(self, uid: str) -> None:
        """The freeze of a workload, lifted by somebody else, was put back."""
        self._put_back.setdefault(uid, []).append(self.clock.monotonic())

    def contest(self, uid: str) -> FreezeConflict | None:
        """Whether the freeze of a workload rests: somebody keeps lifting it, and it is no use to fight."""
        now = self.clock.monotonic()
        times = [at for at in self._put_back.pop(uid, ()) if now - at < CONTEST_SECONDS]
        if not times:
            return None
        self._put_back[uid] = times
        pause = FIRST_REST * 4 ** (len(times) - CONTESTS) if len(times) >= CONTESTS else 0.0
        left = min(pause, CONTEST_SECONDS) - (now - times[-1])
        if left <= 0:
            return None
        why = (
            f"the freeze was lifted {len(times)} times within {CONTEST_SECONDS / 60:.0f} minutes by somebody else, so "
            "it is put back less and less often: remove the update strategy from what applies this object"
        )
        return FreezeConflict(Reason(ReasonCode.FreezeContested, "spec", why), self.now() + timedelta(seconds=left))

    def unsettled(self) -> bool:
        """Whether any write of ours is in flight or has not been seen back."""
        return bool(self.writing or self.expectations)

    def pending(self, meta: Meta) -> bool:
        """Whether a write of ours on this object is."""
        uid = meta.uid
        if uid in self.writing:
            return True
        return uid in self.expectations and not self.expectations.satisfied(uid, meta.resource_version)

    # --- lookups ----------------------------------------------------------------------------------------------------

    def workload(self, key: Key) -> Workload | None:
        """The workload of this key, named by its kind."""
        found = self.workloads[key.kind].get(key.namespace, key.name)
        return replace(found, kind=key.kind) if found is not None else None

    def opted_in(self, kind: str, namespace: str) -> list[Key]:
        """Every workload of a kind in a namespace that is opted in."""
        found = (one.metadata for one in self.workloads[kind].values())
        return [
            Key(kind, namespace, meta.name)
            for meta in found
            if meta.namespace == namespace and meta.label(names.MODE) is not None
        ]

    def key_of(self, meta: Meta) -> Key | None:
        """The workload at the end of this object's chain of owners, None where it is of no kind of ours."""
        found, owner = None, meta.controller()
        if meta.label(names.HELPER) is not None:
            owner = next(iter(meta.owner_references), None)
        while owner is not None and kinds.is_supported(owner):
            found = Key(owner.kind, meta.namespace, owner.name)
            above = self.workloads[owner.kind].get(meta.namespace, owner.name)
            owner = above.metadata.controller() if above is not None else None
        return found

    def family(self, workload: Workload, kind: Kind) -> OwnedObjects:
        """What belongs to a workload besides its Pods."""
        uid = workload.metadata.uid
        children = self.workloads[kind.through].by("owner", uid) if kind.through else ()
        return OwnedObjects(self.revisions.by("owner", uid), tuple(replace(one, kind=kind.through) for one in children))

    def pods_of(self, workload: Workload, family: OwnedObjects) -> tuple[Pod, ...]:
        """The Pods of a workload and of what stands between it and them; none that has ended for good."""
        owners = (workload, *family.children)
        return tuple(pod for one in owners for pod in self.pods.by("owner", one.metadata.uid) if not pod.over)

    def templates(self, workload: Workload, kind: Kind, family: OwnedObjects) -> dict[str, Template]:
        """The workload's revisions, decoded once each."""
        known, kept = self._templates.get(workload.metadata.uid, {}), dict[str, tuple[Raw, Template]]()
        for revision, raw in kind.templates(workload, family).items():
            before = known.get(revision)
            same = before is not None and before[0] == raw
            kept[revision] = before if before and same else (raw, Template(revision, kind.read(raw)))
        self._templates[workload.metadata.uid] = kept
        return {revision: made for revision, (_, made) in kept.items()}

    def node_of(self, name: str) -> Node | None:
        """The node of this name."""
        return self.nodes.get("", name)

    def in_flight(self) -> int:
        """Pods that this process watches through an upgrade."""
        return len(self.sights)

    def marked(self, meta: Meta) -> bool:
        """Whether the workload carries anything of ours."""
        return meta.label(names.MODE) is not None or meta.label(names.FROZEN) is not None

    def now(self) -> datetime:
        """UTC."""
        return self.clock.now()
