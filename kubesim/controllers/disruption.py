"""The disruption controller (pkg/controller/disruption): how many Pods a PodDisruptionBudget still allows to go.

Healthy is what is Ready, is not being deleted and has no fresh entry in `disruptedPods`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from inplace.kube import resource as resources
from inplace.kube.errors import Conflict, NotFound
from kubesim.api import selectors
from kubesim.controllers.base import Controller, amount, is_deleting, is_ready, itself, owner
from kubesim.controllers.informers import Informers, Key, Tree, key_of
from kubesim.objects import is_over

#: How long an entry counts for a Pod that is not deleted (DeletionTimeout).
FORGET: Final = timedelta(minutes=2)
#: Seconds until a budget that could not be counted is tried again, nothing of it allowed meanwhile (failSafe).
UNCOUNTED_AGAIN_SECONDS: Final = 1.0


class DisruptionController(Controller):
    """All PodDisruptionBudgets of a cluster."""

    name = "disruption"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._budgets = self.watch(resources.PODDISRUPTIONBUDGETS, itself)
        self._pods = self.watch(resources.PODS, self._of_pod)

    def _of_pod(self, pod: Tree) -> Iterable[Key]:
        """One of its budgets, any one; the others keep numbers that are out of date (getPdbForPod)."""
        return sorted(key_of(budget) for budget in self._budgets.values() if _covers(budget, pod))[:1]

    async def sync(self, key: Key) -> None:
        """Count, and write what was counted (trySync)."""
        budget = self._budgets.get(*key)
        if budget is None:
            return
        covered = [pod for pod in self._pods.values() if _covers(budget, pod)]
        now, was = self.clock.now(), budget.get("status") or {}
        if any(_has_no_scale(budget["spec"], pod) for pod in covered):
            if was.get("disruptionsAllowed"):
                await self._write(budget, {**was, "disruptionsAllowed": 0})
            self.again(key, UNCOUNTED_AGAIN_SECONDS)
            return
        pods = [pod for pod in covered if not is_over(pod)]
        entries = {name: datetime.fromisoformat(at) for name, at in (was.get("disruptedPods") or {}).items()}
        live = {pod["metadata"]["name"] for pod in pods if not is_deleting(pod)}
        fresh = {name: at for name, at in entries.items() if name in live and now < at + FORGET}
        healthy = sum(is_ready(pod) and not is_deleting(pod) and pod["metadata"]["name"] not in fresh for pod in pods)
        counted = [pod for pod in pods if owner(pod) or not _needs_scale(budget["spec"])]
        wanted = _desired(budget["spec"], len(counted))
        status: Tree = {
            "observedGeneration": budget["metadata"].get("generation", 1),
            "disruptionsAllowed": max(0, healthy - wanted) if counted else 0,
            "currentHealthy": healthy,
            "desiredHealthy": wanted,
            "expectedPods": len(counted),
        }
        if fresh:
            status["disruptedPods"] = {name: (was.get("disruptedPods") or {})[name] for name in fresh}
            self.again(key, min((at + FORGET - now).total_seconds() for at in fresh.values()) + 0.1)
        if status != {key: value for key, value in was.items() if key != "conditions"}:
            await self._write(budget, status)

    async def _write(self, budget: Tree, status: Tree) -> None:
        meta, body = budget["metadata"], {**budget, "status": status}
        try:
            await self.client.replace(
                resources.PODDISRUPTIONBUDGETS,
                meta["name"],
                meta["namespace"],
                body,
                type=dict,
                subresource="status",
            )
        except NotFound:
            return
        except Conflict:
            self.again(key_of(budget), 0.1)


def _covers(budget: Tree, pod: Tree) -> bool:
    near = budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return near and selectors.matches(budget["spec"].get("selector"), selectors.labels_of(pod))


def _needs_scale(spec: Tree) -> bool:
    """Whether the budget is one of as many as are wanted, and not of a number (getExpectedPodCount)."""
    return "maxUnavailable" in spec or isinstance(spec.get("minAvailable"), str)


def _has_no_scale(spec: Tree, pod: Tree) -> bool:
    """Whether the budget cannot be counted because of this Pod: its controller is a Pod (getScaleController)."""
    controller = owner(pod)
    return _needs_scale(spec) and controller is not None and controller["kind"] == "Pod"


def _desired(spec: Tree, pods: int) -> int:
    """How many have to be healthy. Of a percentage, of the Pods that are there: the scale of their owners here."""
    if "minAvailable" in spec:
        return amount(spec["minAvailable"], pods, round_up=True)
    return max(0, pods - amount(spec.get("maxUnavailable", 0), pods, round_up=True))
