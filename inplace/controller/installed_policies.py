"""Which of manifests/policies are installed: said at the start and whenever it changes, never decided upon.

The controller works without any of them; whoever expects one that is missing should hear of it. What a policy does to
a certain workload is another question (`freeze_policy`): a binding may be narrower than its name says.
"""

from __future__ import annotations

from typing import Final

from inplace.core import kinds
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import Forbidden, KubeError, NotFound
from inplace.kube.resource import Resource
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

#: The bindings by name, and what is not so where one is missing.
MUTATING: Final = {
    **{
        f"inplace-keep-freeze-{kind.plural}": kind.without_freeze_policy
        for kind in kinds.ALL
        if kind.without_freeze_policy
    },
    "inplace-honest-status": "tools that know only kstatus may take an upgrade for finished too early",
    **{
        f"inplace-gate-{kind.plural}": f"Pods of {kind.plural} have the readiness gate only if their template has"
        for kind in kinds.ALL
    },
}
VALIDATING: Final = {
    "inplace-refuse-lifting": "a write of others may change a template and lift the freeze at once",
    "inplace-settings": "a malformed setting is refused when an upgrade begins, not when it is written",
    "inplace-fence-pods": "our account may change more of Pods than it needs",
    "inplace-fence-workloads": "our account may change more of workloads than it needs",
    "inplace-fence-workload-status": "our account may change more of workloads' status than it needs",
    "inplace-fence-replicasets": "our account may create and delete more ReplicaSets than it needs",
    "inplace-fence-budgets": "our account may change more of a PodDisruptionBudget than what it reserves",
    "inplace-fence-helpers": "our account may create and delete more Pods than those that pull images ahead",
}
#: Seconds between two looks.
PERIOD: Final = 300.0


class InstalledPolicies:
    """Looks again and again. Run it as a part."""

    def __init__(self, client: Client, clock: Clock, observer: Observer) -> None:
        self._client = client
        self._clock = clock
        self._observer = observer
        self._before: dict[str, bool] | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._look()
            await self._clock.sleep(PERIOD)

    async def _look(self) -> None:
        try:
            found = {
                name: await self._exists(resource, name)
                for resource, names in (
                    (resources.MUTATINGBINDINGS, MUTATING),
                    (resources.VALIDATINGBINDINGS, VALIDATING),
                )
                for name in names
            }
        except KubeError as error:
            level = "info" if isinstance(error, Forbidden) else "warning"
            self._observer.event("policies.unknown", level=level, error=str(error))
            return
        for name, there in found.items():
            self._observer.gauge("inplace_policy_installed", int(there), policy=name)
        if found != self._before:
            self._before = found
            effects = {**MUTATING, **VALIDATING}
            missing = {name: effects[name] for name, there in found.items() if not there}
            installed = [name for name, there in found.items() if there]
            self._observer.event("policies.found", level="info", installed=installed, missing=missing)

    async def _exists(self, resource: Resource, name: str) -> bool:
        try:
            await self._client.get(resource, name, type=dict)
        except NotFound:
            return False  # a server that does not know the resource says the same
        return True
