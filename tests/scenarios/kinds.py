"""What a scenario needs to know of each workload kind: how it is written, and when its own controller is content.

The rows of the matrix. Everything else about a scenario is the same for every kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.template import trees
from inplace.kube import resource as resources
from inplace.kube.resource import Resource

Manifest = dict[str, Any]


class WorkloadKind(Struct, frozen=True):
    """A kind. `shape` completes a manifest of common parts; `agreed`: its own controller has nothing left to do.

    `strategy` is where the update strategy stands, `one_by_one` one that takes a Pod at a time; `labelled`: whether
    Pods carry their revision as a label; `born_old`: whether a Pod that comes while nothing may begin is an old one.
    """

    resource: Resource
    shape: Callable[[Manifest], Manifest]
    agreed: Callable[[Workload], bool]
    strategy: str
    labelled: bool
    one_by_one: Manifest = {}
    born_old: bool = False

    @property
    def name(self) -> str:
        """As in `kind:`."""
        return self.resource.kind


def _statefulset(manifest: Manifest) -> Manifest:
    spec = {"serviceName": manifest["metadata"]["name"], "podManagementPolicy": "Parallel", **manifest["spec"]}
    return {**manifest, "spec": spec}


def _statefulset_agreed(workload: Workload) -> bool:
    return _seen(workload) and workload.status.current_revision == workload.status.update_revision


def _daemonset_agreed(workload: Workload) -> bool:
    status = workload.status
    wanted = status.desired_number_scheduled
    return _seen(workload) and status.updated_number_scheduled == wanted == status.number_available


def _deployment_agreed(workload: Workload) -> bool:
    status, wanted = workload.status, workload.spec.replicas
    counts = {status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas}
    return _seen(workload) and counts == {wanted}


def _replicaset_agreed(workload: Workload) -> bool:
    status, wanted = workload.status, workload.spec.replicas
    return _seen(workload) and {status.replicas, status.ready_replicas, status.fully_labeled_replicas} == {wanted}


def _seen(workload: Workload) -> bool:
    return workload.status.observed_generation >= workload.metadata.generation


PLAIN = {"type": "RollingUpdate"}
ONE = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
STATEFULSET = WorkloadKind(
    resource=resources.STATEFULSETS,
    shape=_statefulset,
    agreed=_statefulset_agreed,
    strategy="updateStrategy",
    one_by_one=PLAIN,
    labelled=True,
    born_old=True,
)
DAEMONSET = WorkloadKind(
    resource=resources.DAEMONSETS,
    shape=lambda one: one,
    agreed=_daemonset_agreed,
    strategy="updateStrategy",
    one_by_one=PLAIN,
    labelled=True,
)
DEPLOYMENT = WorkloadKind(
    resource=resources.DEPLOYMENTS,
    shape=lambda one: one,
    agreed=_deployment_agreed,
    strategy="strategy",
    one_by_one=ONE,
    labelled=False,
    born_old=True,
)
REPLICASET = WorkloadKind(
    resource=resources.REPLICASETS,
    shape=lambda one: one,
    agreed=_replicaset_agreed,
    strategy="",
    labelled=False,
)
ALL = (STATEFULSET, DAEMONSET, DEPLOYMENT, REPLICASET)
BY_NAME = {one.name: one for one in ALL}


def revision(workload: Workload, kept: list[dict[str, Any]]) -> str:
    """The revision that a Pod's label must show; of kinds without one, the fingerprint that our record must show.

    `kept` are the workload's ControllerRevisions as whole trees.
    """
    if workload.status.update_revision:
        return workload.status.update_revision
    if kept:
        newest = max(kept, key=lambda one: int(one["revision"]))
        found: str = newest["metadata"]["labels"][names.REVISION_LABEL]
        return found
    return trees.fingerprint(workload.spec.template)
