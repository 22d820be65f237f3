"""Reports which of manifests/policies are installed, at the start and on every change. No decision depends on it.

The controller works without any of them; an operator who relies on a missing policy should see it in the log. What a
policy does to a given workload is another question (`freeze_policy`): a binding may be narrower than its name suggests.
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

#: The bindings by name, and the consequence if one is missing.
MUTATING: Final = {
    **{
        f"inplace-keep-freeze-{kind.plural}": kind.without_freeze_policy
        for kind in kinds.ALL
        if kind.without_freeze_policy
    },
    "inplace-keep-freeze-unowned": "server-side apply without force may meet a conflict with the field manager inplace",
    "inplace-honest-status": "tools that rely on kstatus may consider an upgrade finished too early",
    **{
        f"inplace-gate-{kind.plural}": f"Pods of {kind.plural} have the readiness gate only if their template has"
        for kind in kinds.ALL
    },
}
VALIDATING: Final = {
    "inplace-refuse-lifting": "another writer may change a template and lift the freeze in one write",
    "inplace-settings": "a malformed setting is rejected when an upgrade begins, not when it is written",
    "inplace-fence-pods": "our account may change more of Pods than it needs",
    "inplace-fence-workloads": "our account may change more of workloads than it needs",
    "inplace-fence-workload-status": "our account may change more of workloads' status than it needs",
    "inplace-fence-replicasets": "our account may create and delete more ReplicaSets than it needs",
    "inplace-fence-budgets": "our account may change more of a PodDisruptionBudget than what it reserves",
    "inplace-fence-helpers": "our account may create and delete Pods other than pull Pods",
    "inplace-fence-events": "our account may write Events in the name of others",
}
#: Seconds between two checks: for so long the metric may be out of date.
PERIOD: Final = 60.0
_SOURCE: Final = "installed policies"


class InstalledPolicies:
    """Checks periodically. Run it as a part."""

    def __init__(self, client: Client, clock: Clock, observer: Observer) -> None:
        self._client = client
        self._clock = clock
        self._observer = observer
        self._before: dict[str, bool] | None = None
        #: By binding, whether it is in force; empty while that is not known.
        self.state: dict[str, bool] = {}
        #: The error that was reported last; empty since the last answer.
        self._unknown = ""

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await self._check()
            await self._clock.sleep(PERIOD)

    async def _check(self) -> None:
        try:
            state = await installed(self._client)
        except KubeError as error:
            self.state = {}
            self._fail(error)
            return
        self._unknown = ""
        self._client.outages.ended(_SOURCE)
        self.state = state
        if state != self._before:
            self._before = state
            self._tell(state)

    def _fail(self, error: KubeError) -> None:
        """Without the right to look, which an installation in one namespace need not have, nothing is known."""
        told = not isinstance(error, Forbidden) and self._client.outages.failed(_SOURCE, error)
        if str(error) != self._unknown and not told:
            self._unknown, level = str(error), "info" if isinstance(error, Forbidden) else "warning"
            self._observer.event("policies.unknown", level=level, error=str(error))

    def _tell(self, state: dict[str, bool]) -> None:
        """One line; and what it means for each policy that is missing, unless nobody has installed any."""
        installed, missing = ([name for name, exists in state.items() if exists is there] for there in (True, False))
        counts = {"installed": len(installed), "missing": len(missing)}
        self._observer.event("policies.found", level="info", **counts, policies=", ".join(installed))
        level = "info" if installed else "debug"
        for name in missing:
            self._observer.event("policy.missing", level=level, policy=name, message={**MUTATING, **VALIDATING}[name])


async def installed(client: Client) -> dict[str, bool]:
    """By binding, whether it is in force. Raises what the client raises, but not that one is missing."""
    known = ((resources.MUTATINGBINDINGS, MUTATING), (resources.VALIDATINGBINDINGS, VALIDATING))
    return {name: await _exists(client, resource, name) for resource, names in known for name in names}


async def _exists(client: Client, resource: Resource, name: str) -> bool:
    try:
        binding = await client.get(resource, name, type=dict)
    except NotFound:
        return False  # also the answer of a server that does not serve the resource
    actions = (binding.get("spec") or {}).get("validationActions")
    return actions is None or "Deny" in actions  # one that only warns or audits keeps nobody from anything
