"""Composition root of the controller process: its parts, their order, and its health checks.

    connection -> caches -> (lease) -> workers and writers        stopped in reverse order, the lease last

Every replica fills its caches and serves probes and metrics; only the leader plans and writes.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal, TypeVar

from msgspec import Struct

from inplace.cluster import kept, unreadable
from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.cluster.memory import Caps, Memory
from inplace.controller import about
from inplace.controller.apply import Applier
from inplace.controller.dry_run import DryRun
from inplace.controller.fence_probe import FenceProbe
from inplace.controller.freeze_probe import FreezeProbe
from inplace.controller.handlers import EventHandlers
from inplace.controller.installed_policies import InstalledPolicies
from inplace.controller.planning import Planning
from inplace.controller.reconciler import Process, Reconciler
from inplace.controller.samples import AnyReflector, Sources, register
from inplace.controller.sweep import Sweep
from inplace.controller.tally import Tally
from inplace.controller.watched_namespace import WatchedNamespace
from inplace.core import kinds
from inplace.core.actions.actions import Event
from inplace.core.objects import names
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.plan.plan import Planner
from inplace.core.pod.evidence import KUBELET_SYNC
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.events import EventRecorder, ObjectRef
from inplace.kube.lease import Elector
from inplace.kube.reflector import Reflector
from inplace.kube.resource import Resource
from inplace.kube.store import Store
from inplace.runtime.backoff import Backoff
from inplace.runtime.clock import Clock
from inplace.runtime.lag import LoopLag
from inplace.runtime.observe import Observer
from inplace.runtime.queue import WorkQueue
from inplace.runtime.supervisor import Check, Part, Supervisor
from inplace.runtime.worker import Worker

T = TypeVar("T")

WORKERS: Final = 4
#: A leader that took over from one that did not release the lease waits this long before its first drain.
TAKEOVER: Final = timedelta(seconds=5)
#: How long a watch lasts, in seconds, between these. HTTP/1.1 has no ping: a watch through a proxy that has lost the
#: server looks like one without events, and is known to be dead only when it does not end in time.
WATCH_SECONDS: Final = (20.0, 25.0)
#: A cache that has heard nothing for this long is not ready (twice the longest watch).
STALE_SECONDS: Final = 50.0
#: Without these caches nothing new begins, and all else goes on: gates are opened, Pods in flight complete.
OPTIONAL: Final = frozenset({"endpointslices", "poddisruptionbudgets"})
#: By cache: those of what may own its objects.
_OWNERS: Final = {"replicasets": ("deployments",), "controllerrevisions": ("statefulsets", "daemonsets")}
#: The caches of what shows that a deadline was met.
_EVIDENCE: Final = ("pods", "nodes")
#: What to do about missing rights.
ADVICE: Final = "apply again what this controller was installed from: manifests of its own release have all of them"


class Options(Struct, frozen=True):
    """The options of `inplace run`. `watch_namespace` None means all; `dry_run` makes no write at all.

    `caps` limit the number of Pods out of service at once, in addition to the limits of each workload.
    `metrics_per_workload`: a series for every opted-in workload.
    """

    lease_namespace: str = "inplace-system"
    watch_namespace: str | None = None
    leader_elect: bool = True
    dry_run: bool = False
    caps: Caps = Caps()
    metrics_per_workload: bool = False


class App:
    """One controller process."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        observer: Observer,
        options: Options,
        echo: Callable[[str], None],
        rng: random.Random | None = None,
    ) -> None:
        self._client = client
        client.outages.advice = ADVICE
        self._clock = clock
        self._observer = observer
        self._options = options
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self.cache = Cache()
        self.memory = Memory(clock, self.cache, options.caps, asks=not options.dry_run, observer=observer)
        self.planner = Planner()
        self._planning = Planning(self.planner, clock)
        self.queue: WorkQueue[Key] = WorkQueue(clock, observer)
        self.tally = Tally(clock, observer)
        self._identity = f"{socket.gethostname()}_{os.getpid()}"
        self._recorder = EventRecorder(client, names.CONTROLLER_NAME, self._identity, clock, observer)
        self._elector = self._make_elector()
        self._reflectors = self._make_reflectors()
        self._led_since: datetime | None = None
        #: Since when this process leads (monotonic).
        self._led_at = 0.0
        self._plans = False
        self._applier = Applier(
            client, self.memory, self.planner.recheck, observer, self._announce, self._requeue, self._lease_left
        )
        self._dry_run = DryRun(echo, clock)
        self._policies = InstalledPolicies(client, clock, observer)
        self._probe = FreezeProbe(client, self.cache, clock, observer, self.queue.add)
        self._fence = FenceProbe(
            client,
            self.cache,
            clock,
            observer,
            options.watch_namespace or options.lease_namespace,
            lambda: self._policies.state,
        )
        register(observer, self._sources(), per_workload=options.metrics_per_workload)

    async def run(self, *, signals: bool = True) -> None:
        """Run until stopped or until a part fails; raises the error of that part.

        `signals` False: the caller handles SIGTERM and SIGINT, and only cancellation ends it.
        """
        supervisor = Supervisor(self._clock, self._observer, signals=signals)
        self.stop = supervisor.stop
        for name, reflector in self._reflectors.items():
            supervisor.add(Part(f"cache {name}", partial(self._fill, name, reflector)))
        if self._elector is not None:
            supervisor.add(Part("leader election", self._elector.run))
        if not self._options.dry_run:
            supervisor.add(Part("events", self._recorder.run))
            supervisor.add(Part("writers", self._applier.run, finish=self._applier.finish))
            supervisor.add(Part("freeze probe", self._probe.run))
            supervisor.add(Part("fence probe", self._probe_fence))
        supervisor.add(Part("policies", self._policies.run))
        if self._options.watch_namespace:
            look = WatchedNamespace(
                self._client, self._observer, self._options.watch_namespace, reads_only=self._options.dry_run
            )
            supervisor.add(Part("watched namespace", look.run))
        supervisor.add(Part("workers", self._work))
        supervisor.add(Part("sweep", Sweep(self._clock, self.cache, self.memory, self._planning).run))
        supervisor.add(Part("loop lag", LoopLag(self._clock, self._observer).run))
        await supervisor.run()

    @property
    def live(self) -> dict[str, Check]:
        """Checks of /healthz and /livez: this process, never the API server."""
        return {"ping": lambda: None}

    @property
    def ready(self) -> dict[str, Check]:
        """Checks of /readyz: every cache filled and recently updated."""
        checks = {f"cache-{name}": self._cache_check(reflector) for name, reflector in self._reflectors.items()}
        if self._elector is not None:
            checks["leader-election"] = self._lease_check
        return checks

    @property
    def notes(self) -> dict[str, Callable[[], str]]:
        """What /readyz?verbose says besides, and fails for nothing."""
        return {} if self._options.dry_run else {"fence": self._fence.summary}

    def _lease_check(self) -> str | None:
        """A standby is ready, unless it cannot read the lease."""
        problem = self._elector.problem if self._elector is not None else None
        return None if problem is None or problem.startswith("waiting") else problem

    # --- parts ------------------------------------------------------------------------------------------------------

    async def _fill(self, name: str, reflector: AnyReflector) -> None:
        """Keep one cache: that of what workloads own once these are known, for they say what is kept of it."""
        for owners in _OWNERS.get(name, ()):
            await self._reflectors[owners].wait_synced()
        await reflector.run()

    async def _work(self) -> None:
        """Reconcile, once the caches are filled and this process leads."""
        for name, reflector in self._reflectors.items():
            await (reflector.wait_answered() if name in OPTIONAL else reflector.wait_synced())
        if self._elector is not None:
            await self._elector.wait_leading()
            self._led_at = self._clock.monotonic()
            self._led_since = None if self._elector.clean_takeover else self._clock.now()
        reconciler = Reconciler(
            self.cache,
            self.memory,
            self._planning,
            self._client,
            self._observer,
            self._dry_run.submit if self._options.dry_run else self._applier.submit,
            self._process(),
        )
        self._plans = True
        backoff: Backoff[Key] = Backoff(self._rng)
        await Worker(self.queue, reconciler.reconcile, WORKERS, backoff, self._clock, self._observer).run()

    async def _probe_fence(self) -> None:
        """Try with what the caches show."""
        for reflector in self._reflectors.values():
            await reflector.wait_synced()
        await self._fence.run()

    def _process(self) -> Process:
        return Process(
            self._not_before, self._stale, self._no_verdict_before, self._freeze_policy, self._probe.add, self.tally
        )

    def _make_reflectors(self) -> dict[str, AnyReflector]:
        handlers, scope = (
            EventHandlers(self.cache, self.memory, self.queue, self._forget),
            self._options.watch_namespace,
        )
        reflectors: dict[str, AnyReflector] = {}
        for kind in kinds.ALL:
            resource, store = resources.find(kind.group, kind.plural), self.cache.workloads[kind.name]
            changed = handlers.workload(kind.name)
            reflectors[kind.plural] = self._reflect(
                resource, store, Workload, changed, partial(kept.workload, kind.name), scope
            )
        reflectors["controllerrevisions"] = self._reflect(
            resources.CONTROLLERREVISIONS, self.cache.revisions, Revision, handlers.revision, kept.revision, scope
        )
        reflectors["nodes"] = self._reflect(resources.NODES, self.cache.nodes, Node, handlers.node, kept.node, None)
        reflectors["endpointslices"] = self._reflect(
            resources.ENDPOINTSLICES, self.cache.slices, EndpointSlice, handlers.slice, kept.whole, scope
        )
        reflectors["poddisruptionbudgets"] = self._reflect(
            resources.PODDISRUPTIONBUDGETS, self.cache.budgets, Pdb, handlers.budget, kept.budget, scope
        )
        reflectors["pods"] = self._reflect(resources.PODS, self.cache.pods, Pod, handlers.pod, kept.pod, scope)
        return reflectors

    def _reflect(
        self,
        resource: Resource,
        store: Store[T],
        type: type[T],
        on_change: Callable[[T | None, T | None, bool], None],
        keep: Callable[[Cache, T, int], T],
        namespace: str | None,
    ) -> Reflector[T]:
        return Reflector(
            self._client,
            resource,
            store,
            type,
            namespace=namespace,
            on_change=on_change,
            keep=partial(keep, self.cache),
            stand_in=partial(unreadable.stand_in, type),
            clock=self._clock,
            observer=self._observer,
            rng=self._rng,
            watch_seconds=WATCH_SECONDS,
        )

    def _cache_check(self, reflector: AnyReflector) -> Check:
        def check() -> str | None:
            if reflector.problem is not None:
                return reflector.problem
            silent = self._clock.monotonic() - reflector.last_contact
            return f"no watch event for {silent:.0f} s" if silent > STALE_SECONDS else None

        return check

    def _make_elector(self) -> Elector | None:
        if not self._options.leader_elect or self._options.dry_run:
            return None
        return Elector(
            self._client,
            self._options.lease_namespace,
            names.LEASE,
            self._identity,
            self._clock,
            self._rng,
            self._observer,
            may_release=lambda: self._applier.is_settled,
            about=self._about,
        )

    def _about(self) -> dict[str, str]:
        """What the Lease says of its holder."""
        silent = max(self._clock.monotonic() - one.last_contact for one in self._reflectors.values())
        return {names.ABOUT: about.encode(self._clock.now() - timedelta(seconds=silent), self._fence.summary())}

    # --- callbacks between the parts --------------------------------------------------------------------------------

    def _requeue(self, key: Key, delay: float) -> None:
        if delay:
            self.queue.add_after(key, delay)
        else:
            self.queue.add(key)

    def _may_write(self) -> bool | None:
        """Whether this process leads; None in a dry run, which is nobody's replica."""
        if self._options.dry_run:
            return None
        return self._elector is None or self._elector.is_leader

    def _sources(self) -> Sources:
        return Sources(
            self._reflectors,
            self.queue,
            self._policies,
            self._probe,
            self._fence,
            self.memory,
            self._options.caps,
            self.tally,
            self._may_write,
            lambda: self._plans and bool(self._may_write()),
            names.LEASE,
        )

    def _lease_left(self) -> float:
        return float("inf") if self._elector is None else self._elector.remaining()

    def _not_before(self) -> datetime | None:
        return None if self._led_since is None else self._led_since + TAKEOVER

    def _stale(self) -> str:
        """Which cache is not kept up to date, and why; empty if all are."""
        for name, reflector in self._reflectors.items():
            if (why := reflector.stale) is not None:
                return f"{name}: {why}"
        return ""

    def _no_verdict_before(self) -> datetime | None:
        """While the server was away, kubelets could not report either; and a standby has looked at nothing so far."""
        known = [self._reflectors[name].current_since(self._led_at) for name in _EVIDENCE]
        now = self._clock.monotonic()
        left = max(now if since is None else since for since in known) + KUBELET_SYNC.total_seconds() - now
        return self._clock.now() + timedelta(seconds=left) if left > 0 else None

    def _freeze_policy(self, kind: str, namespace: str) -> bool | None:
        """Whether admission policies freeze workloads of a kind in a namespace; a dry run does not probe."""
        return False if self._options.dry_run else self._probe.is_active(kind, namespace)

    def _forget(self, workload: str) -> None:
        """Drop everything about a deleted workload (uid)."""
        self.cache.forget(workload)
        self.memory.forget(workload)
        self._planning.forget(workload)

    def _announce(self, workload: Workload, event: Event) -> None:
        meta = workload.metadata
        group = kinds.BY_NAME[workload.kind].group
        about = ObjectRef(f"{group}/v1", workload.kind, meta.namespace, meta.name, meta.uid)
        sort: Literal["Normal", "Warning"] = "Warning" if event.warning else "Normal"
        self._recorder.record(about, type=sort, reason=event.reason, message=event.note)
