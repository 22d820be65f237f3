"""Tries whether the fence of manifests/policies holds for the account that this process runs as.

A binding may be there and name another account, or another namespace. So for each policy of the fence a write that it
forbids is tried: a dry run, of which nothing is stored, whatever the API server answers. No decision depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from inplace.cluster.cache import Cache
from inplace.core import kinds
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.workloads import Pdb, Workload
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.errors import ApiError, KubeError, Rejected
from inplace.kube.resource import Resource
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

#: Seconds between two tries: for so long the result may be out of date.
PERIOD: Final = 600.0
#: Seconds after which those without a result are tried again: the caches are not filled yet, or nothing is there.
RETRY: Final = 10.0
MAX_RETRY: Final = 300.0
PODS: Final = "inplace-fence-pods"
WORKLOADS: Final = "inplace-fence-workloads"
STATUS: Final = "inplace-fence-workload-status"
BUDGETS: Final = "inplace-fence-budgets"
HELPERS: Final = "inplace-fence-helpers"
REPLICA_SETS: Final = "inplace-fence-replicasets"
EVENTS: Final = "inplace-fence-events"
#: The policies of the fence by name.
FENCE: Final = (PODS, WORKLOADS, STATUS, REPLICA_SETS, HELPERS, BUDGETS, EVENTS)
_TIMEOUT: Final = 5.0
#: How many objects of a kind are looked at for one to try with.
_LOOK_AT: Final = 1000
_NAME: Final = "inplace-dry-run"
#: No policy of ours lets us hold an object.
_HOLD: Final = [{"op": "add", "path": "/metadata/finalizers", "value": [f"{names.PREFIX}forbidden"]}]

T = TypeVar("T", Pod, Workload, Pdb)


class Trial(NamedTuple):
    """A forbidden write: of an object that is there, else `body` is to be created."""

    resource: Resource
    namespace: str
    name: str
    subresource: str = ""
    body: dict[str, Any] | None = None


class FenceProbe:
    """Tries periodically. Run it as a part. `namespace`: where this account may create what it creates at all.

    `installed`: by binding, whether it is there (`InstalledPolicies.state`).
    """

    def __init__(
        self,
        client: Client,
        cache: Cache,
        clock: Clock,
        observer: Observer,
        namespace: str,
        installed: Callable[[], Mapping[str, bool]],
    ) -> None:
        self._client = client
        self._cache = cache
        self._clock = clock
        self._observer = observer
        self._namespace = namespace
        self._installed = installed
        self._told: dict[str, bool] = {}
        #: By policy, whether the API server refuses what it forbids; those of which that is not known are left out.
        self.results: dict[str, bool] = {}

    async def run(self) -> None:
        """Try until cancelled."""
        while True:
            await self._try(self._trials())
            again, retry = self._clock.monotonic() + PERIOD, RETRY
            while (left := again - self._clock.monotonic()) > 0:
                known = self.results.keys() >= set(FENCE)
                await self._clock.sleep(left if known else min(left, retry))
                retry = min(MAX_RETRY, 2 * retry)
                await self._try({name: trial for name, trial in self._trials().items() if name not in self.results})

    def summary(self) -> str:
        """One line for people: what is in force, what is not, and what is not known."""
        by_answer = {
            "in force": [name for name in FENCE if self.results.get(name) is True],
            "not in force": [name for name in FENCE if self.results.get(name) is False],
            "not known": [name for name in FENCE if name not in self.results],
        }
        if len(by_answer["in force"]) == len(FENCE):
            return "in force for this account"
        return "; ".join(f"{answer}: {', '.join(found)}" for answer, found in by_answer.items() if found)

    async def _try(self, trials: Mapping[str, Trial]) -> None:
        answers = {policy: await self._is_refused(policy, trial) for policy, trial in trials.items()}
        before = {name: refused for name, refused in self.results.items() if name not in answers}
        self.results = before | {name: refused for name, refused in answers.items() if refused is not None}
        if self.results != self._told:
            self._told = self.results
            self._tell()

    def _tell(self) -> None:
        """A fence that nobody has installed is a choice; one that does not hold for this account is a mistake."""
        holds, open_ = (
            [name for name, refused in self.results.items() if refused is answer] for answer in (True, False)
        )
        if holds:
            self._observer.event("fence.proven", level="info", policies=", ".join(holds))
        if not open_:
            return
        mistaken = any(self._installed().get(name) for name in open_)
        meaning = "the API server would make writes that the fence forbids"
        why = ": a binding is there, but its policy names another account or namespace" if mistaken else ""
        level = "warning" if mistaken or holds else "info"
        self._observer.event("fence.open", level=level, policies=", ".join(open_), message=meaning + why)

    async def _is_refused(self, policy: str, trial: Trial) -> bool | None:
        """Whether this very policy refuses it; None where something else does, or nobody answers."""
        try:
            await self._send(trial)
        except Rejected as error:
            return True if f"'{policy}" in str(error) else None
        except KubeError as error:
            if not isinstance(error, ApiError):  # an object that has gone meanwhile is no failure of the server
                self._client.outages.failed("fence probe", error)
            return None
        self._client.outages.ended("fence probe")
        return False

    async def _send(self, trial: Trial) -> None:
        where = (trial.resource, trial.name, trial.namespace)
        if trial.body is not None:
            await self._client.create(
                trial.resource, trial.namespace, trial.body, type=dict, dry_run=True, timeout=_TIMEOUT
            )
        else:
            await self._client.patch(
                *where,
                _HOLD,
                patch_type=PatchType.JSON,
                subresource=trial.subresource,
                type=dict,
                dry_run=True,
                timeout=_TIMEOUT,
            )

    # --- what is tried ------------------------------------------------------------------------------------------------

    def _trials(self) -> dict[str, Trial]:
        """By policy; those without an object to try with are left out."""
        trials = {
            HELPERS: Trial(resources.PODS, self._namespace, _NAME, body=_pod()),
            REPLICA_SETS: Trial(resources.REPLICASETS, self._namespace, _NAME, body=_replica_set()),
            EVENTS: Trial(resources.EVENTS, self._namespace, _NAME, body=_foreign_event(self._namespace)),
        }
        pod, budget = self._pod(), next(_staying(self._cache.budgets.values()), None)
        if pod is not None:
            trials[PODS] = Trial(resources.PODS, pod.metadata.namespace, pod.name)
        if budget is not None:
            meta = budget.metadata
            trials[BUDGETS] = Trial(resources.PODDISRUPTIONBUDGETS, meta.namespace, meta.name, "status")
        found = self._workload()
        if found is not None:
            resource, meta = found[0], found[1].metadata
            trials[WORKLOADS] = Trial(resource, meta.namespace, meta.name)
            trials[STATUS] = Trial(resource, meta.namespace, meta.name, "status")
        return trials

    def _workload(self) -> tuple[Resource, Workload] | None:
        """One that is opted in, else any."""
        every = [
            (resources.find(kind.group, kind.plural), workload)
            for kind in kinds.ALL
            for workload in _staying(self._cache.workloads[kind.name].values())
        ]
        opted_in = (one for one in every if one[1].metadata.label(names.MODE) is not None)
        return next(opted_in, every[0] if every else None)

    def _pod(self) -> Pod | None:
        """One of a workload that is opted in, else any."""
        pods = list(_staying(self._cache.pods.values()))
        keys = ((pod, self._cache.key_of(pod.metadata)) for pod in pods)
        workloads = ((pod, self._cache.workload(key)) for pod, key in keys if key is not None)
        opted_in = (
            pod for pod, above in workloads if above is not None and above.metadata.label(names.MODE) is not None
        )
        return next(opted_in, pods[0] if pods else None)


def _staying(found: Iterable[T]) -> Iterator[T]:
    """Those that are not being deleted, which nothing may be added to."""
    return (one for one in islice(found, _LOOK_AT) if one.metadata.deletion_timestamp is None)


def _pod() -> dict[str, Any]:
    """A Pod that is no pull Pod, which PodSecurity `restricted` would admit."""
    container: dict[str, Any] = {
        "name": "app",
        "image": f"{names.PREFIX}none",
        "resources": {kind: {"cpu": "0", "memory": "0"} for kind in ("requests", "limits")},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "securityContext": context}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _NAME}, "spec": {**spec, "containers": [container]}}


def _replica_set() -> dict[str, Any]:
    """One that belongs to no Deployment."""
    labels = {"app": _NAME}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": f"{names.PREFIX}none"}]},
    }
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": _NAME}, "spec": spec}


def _foreign_event(namespace: str) -> dict[str, Any]:
    """One in the name of somebody else."""
    return {
        "metadata": {"name": _NAME},
        "involvedObject": {"kind": "Namespace", "name": namespace, "namespace": namespace},
        "source": {"component": f"{names.PREFIX}forbidden"},
        "reportingComponent": f"{names.PREFIX}forbidden",
        "type": "Normal",
    }
